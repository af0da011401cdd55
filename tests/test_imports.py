"""Which way the imports point, and what importing the package may cost."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import heartbeat_clf

PACKAGE = Path(heartbeat_clf.__file__).parent
# ":" stands for imports inside functions, which keep TensorFlow out until it is needed.
ALLOWED = {
    "__init__": "classifier images persistence pipeline quality spectrogram",
    "__main__": ": cli",
    "_callback_protocol": "",
    "_tensorflow": "",
    "_image_output": "_validation",
    "_rows": "",
    "_validation": "",
    "csv_table": "",
    # from a recording to an image
    "wav": "",
    "samples": "",
    "gaps": "_validation",
    "audio_file_checks": "_validation",
    "audio": "_validation audio_file_checks gaps samples wav",
    "mel_filters": "",
    "mel_plan": "_log_mel mel_filters",
    "mel": "_validation mel_filters mel_plan samples",
    "cleaning": "_validation",
    "hum": "windows",
    "rendering": "_validation",
    "mapped_arrays": "",
    "image_cache": "mapped_arrays outputs",
    "recording_images": "_validation audio cleaning hum image_cache mel mel_plan",
    "spectrogram": ("_image_output _rows mel mel_filters recording_images rendering"),
    "borders": "_validation",
    "trimming": "mapped_arrays",
    "images": "_image_output _rows _validation borders mapped_arrays trimming",
    # losses and networks
    "loss_columns": "_tensorflow",
    "auroc": "_tensorflow loss_columns",
    "auroc_losses": "_tensorflow _validation auroc loss_columns",
    "losses": "_tensorflow _validation auroc_losses loss_columns",
    "networks": "_tensorflow _validation",
    "onnx_export": "_tensorflow",
    # the classifier
    "windows": "",
    "augmentations": "_validation",
    "network_sessions": "",
    "prediction": "_validation mapped_arrays network_sessions windows : training",
    "calibration": "_validation prediction",
    "classifier_checks": "_validation augmentations row_values",
    "training": "_tensorflow augmentations mapped_arrays windows : losses",
    "training_callbacks": "_tensorflow prediction windows",
    "training_task": (
        "_tensorflow augmentations calibration classifier_checks fine_tuning "
        "initial_share initial_weights losses mapped_arrays network_state networks "
        "onnx_export prediction training training_callbacks validation_split windows"
    ),
    "network_state": "_tensorflow",
    "validation_split": ": folds",
    "kept_training": ": training training_task",
    "classifier": (
        "_callback_protocol _validation classifier_checks kept_training prediction "
        "windows : training_task"
    ),
    "heartbeat_pipeline": "classifier images initial_weights spectrogram",
    "pipeline": (
        "_validation classifier classifier_checks heartbeat_pipeline images "
        "initial_weights spectrogram : losses networks"
    ),
    "persistence": (
        "__version__ _validation beat_recipe classifier heartbeat_pipeline images "
        "initial_weights keras_archive model_archive operating_points outputs "
        "prediction pretrained saved_parts spectrogram"
    ),
    # models that were trained before
    "keras_archive": "",
    "model_archive": "_validation",
    "pretrained": "_validation",
    "saved_parts": (
        "_validation beat_recipe network_sessions operating_points prediction : "
        "beat_view"
    ),
    "saved_model": (
        "_rows _validation model_archive prediction recording_images saved_parts "
        "trimming windows : persistence"
    ),
    "initial_weights": "_validation model_archive prediction pretrained saved_parts",
    "fine_tuning": (
        "_tensorflow initial_weights linear_probe network_sessions onnx_export "
        "prediction training"
    ),
    "linear_probe": "",
    "initial_share": (
        "_tensorflow folds linear_probe network_sessions onnx_export prediction "
        "training_callbacks"
    ),
    "operating_points": "_validation thresholds",
    # training on several data sets at once
    "beat_recipe": "_validation augmentations",
    "pretraining_recipe": (
        "_validation averaged_beats beat_recipe images mel_filters spectrogram"
    ),
    "pretraining_data": (
        "_validation : datasets.cinc2016 datasets.circor datasets.table"
    ),
    "pretraining_identity": "beat_recipe pretraining_data pretraining_recipe",
    "pretraining_feed": "_tensorflow augmentations windows",
    "multi_output_loss": "_tensorflow losses",
    "pretraining_rounds": (
        "_tensorflow multi_output_loss pretraining_feed pretraining_identity "
        "pretraining_recipe training"
    ),
    "pretraining": (
        "_tensorflow augmentations multi_output_loss networks pretraining_data "
        "pretraining_feed pretraining_identity pretraining_recipe pretraining_rounds "
        "windows"
    ),
    "beat_view_network": "_tensorflow networks",
    "judge_graph": "tree_arrays",
    "tree_arrays": "",
    "judge_inputs": "",
    "forest_judge": "_validation judge_graph judge_inputs tree_arrays",
    "familiarity_judge": "_validation judge_graph judge_inputs",
    "murmur_judge": (
        "_validation calibration folds judge_graph judge_inputs prediction tree_arrays"
    ),
    "heart_segments": "",
    "made_murmurs": "_validation heart_segments",
    "annotated_rows": (
        "datasets.circor pretraining_data pretraining_recipe spectrogram"
    ),
    "murmur_examples": (
        "annotated_rows audio averaged_beats beat_regions beat_tracking heard_beats "
        "images made_murmurs pretraining_data pretraining_recipe spectrogram"
    ),
    "judge_fitting": (
        "_tensorflow averaged_beats beat_recipe beat_tracking familiarity "
        "familiarity_judge forest_judge heard_beats linear_beats murmur_examples "
        "murmur_judge pretraining pretraining_data pretraining_recipe"
    ),
    "beat_judges": (
        "_tensorflow beat_recipe familiarity_judge forest_judge judge_fitting "
        "model_archive murmur_judge outputs pretraining_identity pretraining_recipe "
        "training"
    ),
    "linear_beats": (
        "_tensorflow _validation calibration folds judge_inputs prediction"
    ),
    "beat_view_training": (
        "_tensorflow annotated_rows augmentations averaged_beats beat_judges "
        "beat_tracking beat_training beat_view beat_view_network familiarity_judge "
        "forest_judge heard_beats judge_fitting murmur_judge onnx_export prediction "
        "pretraining pretraining_data pretraining_feed pretraining_identity "
        "pretraining_recipe pretraining_rounds spectrogram"
    ),
    "pretraining_run": (
        "beat_recipe beat_scores beat_view images outputs prediction pretraining_data "
        "pretraining_identity pretraining_recipe spectrogram : beat_view_training "
        "onnx_export pretraining"
    ),
    "pretrained_files": (
        "calibration classifier heartbeat_pipeline images operating_points prediction "
        "pretraining_recipe spectrogram : losses onnx_export pretraining training"
    ),
    "pretraining_models": (
        "__version__ beat_recipe datasets._bunch datasets.cinc2016 murmur_examples "
        "persistence pretrained_files pretraining_data pretraining_recipe "
        "pretraining_run : beat_view_training pretraining"
    ),
    # whether a recording is worth an answer
    "non_heart_sounds": "_validation",
    "spoiled_hearts": "non_heart_sounds",
    "signal_checks": "gaps",
    "quality_windows": "mel windows",
    "quality_features": "",
    "quality": (
        "_rows _validation audio cleaning gaps hum prediction quality_features "
        "quality_windows samples signal_checks"
    ),
    "quality_examples": (
        "datasets.synthetic non_heart_sounds quality_windows spoiled_hearts"
    ),
    "quality_training": "quality_features",
    # beats and rhythm
    "beat_decoding": "_beat_search _validation",
    "beat_tracking": "_rows audio beat_decoding mel network_sessions prediction",
    "averaged_beats": "beat_decoding",
    "steadiness": "_validation averaged_beats beat_decoding rhythm_features",
    "familiarity": "",
    "beat_regions": "_validation averaged_beats",
    "heard_beats": "averaged_beats beat_tracking steadiness",
    "beat_scores": "",
    "units_judge": "beat_scores network_sessions",
    "beat_view": (
        "_validation averaged_beats beat_regions beat_scores beat_tracking "
        "familiarity heard_beats network_sessions steadiness units_judge"
    ),
    "beat_training": (
        "_tensorflow _validation beat_tracking heart_segments onnx_export"
    ),
    "premature_beats": "_validation",
    "beat_likeness": "averaged_beats beat_decoding",
    "extra_sounds": "network_sessions",
    "rhythm_features": "beat_decoding beat_likeness beat_tracking extra_sounds",
    "embedding": "persistence pretrained windows",
    "rhythm": "_rows _validation beat_tracking rhythm_features",
    "outcomes": "_validation crossfit folds rhythm",
    # evaluation takes arrays and estimators: no model code
    "row_values": "",
    "folds": "_validation row_values",
    "subjects": "_validation row_values",
    "thresholds": "_validation row_values",
    "crossfit": "folds subjects thresholds",
    "intervals": "_validation row_values subjects",
    "scores": "_validation row_values thresholds",
    "measures": "_validation intervals row_values scores subjects",
    "results": "_validation intervals measures subjects",
    "evaluation": (
        "_validation crossfit folds intervals measures results scores subjects"
    ),
    # data sets
    "datasets._archives": "",
    "datasets._bunch": "",
    "datasets._sounds": "",
    "datasets.cinc2016": "datasets._bunch",
    "datasets.circor": "_validation csv_table datasets._bunch",
    "datasets.pascal": "_validation datasets._bunch",
    "datasets.synthetic": "_validation datasets._bunch datasets._sounds",
    "datasets.table": "_validation csv_table datasets._bunch",
    "datasets.fetch": (
        "_validation datasets._archives datasets.cinc2016 datasets.circor "
        "datasets.pascal"
    ),
    "datasets.__init__": (
        "datasets.cinc2016 datasets.circor datasets.fetch datasets.pascal "
        "datasets.synthetic datasets.table"
    ),
    # more than one machine, and more than memory holds
    "cluster": "__version__ _validation",
    "image_shards": "_validation outputs",
    "shard_writer": "csv_table image_shards inputs outputs recording_images",
    # command line
    "inputs": "_validation csv_table : datasets.__init__",
    "outputs": "",
    "persons": "_validation operating_points row_values",
    "answers": "inputs persons",
    "answering": (
        "_validation answers inputs operating_points persons: quality recording_images"
    ),
    "png_keys": "",
    "pictures": "image_cache inputs outputs png_keys recording_images rendering",
    "held_out": "answering inputs results scores",
    "command_parts": "_validation inputs",
    "predict_command": (
        "answering answers command_parts inputs outputs persons: pretrained saved_model"
    ),
    "spectrogram_command": ("command_parts inputs: pictures shard_writer spectrogram"),
    "commands": (
        "answers command_parts inputs outputs predict_command spectrogram_command"
        ": cluster evaluation held_out persistence pipeline pretrained "
        "pretraining_models pretraining_recipe"
    ),
    "argument_types": "",
    "arguments": "__version__ answers argument_types commands inputs persons",
    "standard_output": "",
    "cli": "_validation arguments commands standard_output",
}
# Where each heavy library may be imported, at the top of a file and inside functions.
DOORS = {
    "keras": (
        "auroc auroc_losses beat_judges beat_training beat_view_network "
        "beat_view_training fine_tuning initial_share judge_fitting linear_beats "
        "loss_columns losses multi_output_loss network_state networks onnx_export "
        "pretraining pretraining_feed pretraining_rounds training training_callbacks "
        "training_task",
        "pretrained_files",
    ),
    "tensorflow": ("_tensorflow training", ""),
    "scikeras": ("training", ""),
    "onnx": ("judge_graph onnx_export quality_training", ""),
    "onnxruntime": ("", "network_sessions"),
    "distributed": ("", "cluster"),
    "matplotlib": ("", "inspection"),
    "librosa": ("", ""),
    "pooch": ("", "datasets._archives datasets.fetch"),
}
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
)


def imports_of(module):
    """Return names imported at the top of a module and inside its functions."""
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    top, inside = set(), set()

    def visit(node, found):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found = inside
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {module}"
            found.add(node.module)
            if node.module in ("heartbeat_clf", "heartbeat_clf.datasets"):
                found.discard(node.module)
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child, found)

    visit(ast.parse(path.read_text()), top)
    return top, inside


def own(names):
    """Return which modules of the package are among names of imports."""
    found = set()
    for name in names:
        if name == "heartbeat_clf":
            found.add("__version__")
        elif name.startswith("heartbeat_clf."):
            name = name.removeprefix("heartbeat_clf.")
            found.add(f"{name}.__init__" if f"{name}.__init__" in MODULES else name)
    return found


def allowed(module):
    top, _, inside = ALLOWED[module].partition(":")
    return set(top.split()), set(inside.split())


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_every_module_stands_in_the_table():
    assert sorted(ALLOWED) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_what_the_table_allows(module):
    top, inside = imports_of(module)
    allowed_top, allowed_inside = allowed(module)
    assert own(top) <= allowed_top
    assert own(inside) <= allowed_top | allowed_inside


def test_imports_point_one_way():
    graph = {
        module: {name for name in set.union(*allowed(module)) if name in ALLOWED}
        for module in ALLOWED
    }
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert order.index("_validation") < order.index("spectrogram")
    assert order.index("classifier") < order.index("pipeline")


def test_evaluation_knows_no_model_code():
    reached, waiting = set(), ["evaluation"]
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting += set.union(*allowed(module)) - reached
    assert not reached & {"classifier", "pipeline", "spectrogram", "losses", "training"}


@pytest.mark.parametrize("library", DOORS)
def test_heavy_library_has_its_doors(library):
    top_doors, inside_doors = (set(doors.split()) for doors in DOORS[library])
    for module in MODULES:
        top, inside = imports_of(module)
        if library in {name.split(".")[0] for name in top}:
            assert module in top_doors
        if library in {name.split(".")[0] for name in inside}:
            assert module in top_doors | inside_doors


HEAVY = "('tensorflow', 'keras', 'scikeras', 'matplotlib', 'pandas', 'librosa')"


def test_importing_the_package_loads_nothing_heavy():
    program = f"import heartbeat_clf, sys; print(set({HEAVY}) & set(sys.modules))"
    assert run(program) == "set()\n"


def test_public_classes_load_neither_tensorflow_nor_matplotlib():
    program = (
        "import sys, heartbeat_clf\n"
        "for name in heartbeat_clf.__all__: getattr(heartbeat_clf, name)\n"
        "heartbeat_clf.make_heartbeat_pipeline()\n"
        f"print((set({HEAVY}) - {{'pandas'}}) & set(sys.modules))"
    )
    assert run(program) == "set()\n"


def test_importing_costs_little_beside_scikit_learn():
    def seconds(module):
        program = (
            f"import time; start = time.process_time(); import {module}\n"
            "print(time.process_time() - start)"
        )
        return min(float(run(program)) for _ in range(2))

    assert seconds("heartbeat_clf") <= 1.25 * seconds("sklearn.pipeline")


def test_public_names_resolve_and_are_listed():
    listed = set(heartbeat_clf.__all__)
    assert listed - {"__version__"} == set(heartbeat_clf._HOMES)
    assert listed <= set(dir(heartbeat_clf))
    for name, home in heartbeat_clf._HOMES.items():
        assert getattr(heartbeat_clf, name).__module__ == f"heartbeat_clf.{home}"


@pytest.mark.parametrize("name", ["datasets", "evaluation", "losses"])
def test_public_modules_need_no_import_of_their_own(name):
    program = f"import heartbeat_clf; print(heartbeat_clf.{name}.__name__)"
    assert run(program) == f"heartbeat_clf.{name}\n"


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'heartbeat_clf' has no attribute 'fit'"):
        _ = heartbeat_clf.fit
