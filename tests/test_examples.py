"""The examples and pages are whole: prose, code that compiles, names that exist.

``make docs`` runs them; nothing is trained here.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("plot_*.py"))
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
PAGES = sorted((ROOT / "docs").glob("*.md"))

EVALUATION = ROOT / "docs" / "evaluation.md"

# A script is cut at lines that are "# %%" alone.
CELL = re.compile(r"^# %%$", re.MULTILINE)


def code_of(notebook):
    """Return the sources of the code cells of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]


def blocks_of(page):
    """Return the blocks of Python on a page."""
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def imports_from_library(tree):
    """Return ``(module, name)`` of all that is imported from the library."""
    return [
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("heartbeat_clf")
        for alias in node.names
    ]


def public_names(module):
    """Return ``__all__`` of a module without running it, since some load Keras."""
    tree = ast.parse(Path(importlib.util.find_spec(module).origin).read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return ast.literal_eval(node.value)
    raise AssertionError(f"{module} has no __all__")


def name_of(path):
    return path.name


def test_there_are_scripts_a_notebook_and_pages():
    assert len(SCRIPTS) >= 6
    assert len(NOTEBOOKS) == 1
    assert len(PAGES) >= 8


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_script_compiles_and_asks_one_question(script):
    tree = ast.parse(script.read_text(encoding="utf-8"))
    title, underline, blank, *_ = ast.get_docstring(tree).splitlines()
    assert title.endswith("?")
    assert underline == "=" * len(title)
    assert blank == ""


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_script_has_prose_at_the_start_of_each_cell(script):
    cells = CELL.split(script.read_text(encoding="utf-8"))[1:]
    assert len(cells) >= 4
    for cell in cells:
        assert cell.lstrip("\n").startswith("# "), cell


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_script_says_after_each_figure_what_to_see(script):
    cells = CELL.split(script.read_text(encoding="utf-8"))
    figures = [n for n, cell in enumerate(cells) if "plt.show()" in cell]
    assert figures
    for number in figures:
        assert cells[number].rstrip().endswith("plt.show()")
        # Prose at once, not a heading with its underline.
        first, second = cells[number + 1].strip("\n").splitlines()[:2]
        assert first.startswith("# ")
        assert not second.startswith("# --")


@pytest.mark.parametrize("path", [*SCRIPTS, *NOTEBOOKS], ids=name_of)
def test_example_imports_public_names_only(path):
    if path.suffix == ".py":
        sources = [path.read_text(encoding="utf-8")]
    else:
        sources = code_of(path)
    imported = [pair for s in sources for pair in imports_from_library(ast.parse(s))]
    assert imported
    for module, name in imported:
        assert not name.startswith("_")
        assert name in public_names(module), f"{module}.{name}"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_notebook_holds_no_outputs_and_no_trace_of_a_machine(notebook):
    document = json.loads(notebook.read_text(encoding="utf-8"))
    assert set(document["metadata"]) <= {"kernelspec", "language_info"}
    for cell in document["cells"]:
        assert not cell["metadata"]
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@pytest.mark.parametrize("path", [*NOTEBOOKS, EVALUATION], ids=name_of)
def test_page_uses_no_name_before_it_is_made(path):
    known = set(dir(__builtins__) if not isinstance(__builtins__, dict) else [])
    known |= set(__builtins__) if isinstance(__builtins__, dict) else set()
    for source in blocks_of(path) if path.suffix == ".md" else code_of(path):
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                known.add(node.id)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                known |= {a.asname or a.name for a in node.names}
            elif isinstance(node, ast.FunctionDef):
                known |= {node.name, *(a.arg for a in node.args.args)}
        used = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        assert used <= known, used - known


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name_of)
def test_notebook_begins_with_prose_and_ends_with_it(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert cells[0]["cell_type"] == cells[-1]["cell_type"] == "markdown"
    assert "Not a medical device" in "".join(cells[0]["source"])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_of_page_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_index_lists_every_page_and_example():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for path in [*PAGES, *SCRIPTS, *NOTEBOOKS]:
        assert path.name in index or path.name == "index.md", path.name


def test_design_names_every_module():
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    named = {name.rpartition("/")[2] for name in re.findall(r"`([\w/]+)`", design)}
    modules = {path.stem for path in (ROOT / "heartbeat_clf").rglob("*.py")}
    assert modules - {"__init__"} <= named, modules - named


def signatures_in_api():
    """Return ``(module, name, arguments)`` of the signatures that api.md gives."""
    module = "heartbeat_clf"
    found = []
    for line in (ROOT / "docs" / "api.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            named = re.search(r"`heartbeat_clf(\.\w+)?`", line)
            module = named and named.group().strip("`")
        signature = re.match(r"\| `([\w.]+)\((.*?)\)` \|", line)
        # Those of Keras are left out, to be quick, and so are abridged ones.
        if module is None or module.endswith((".losses", ".networks")):
            continue
        if signature is None or "..." in signature[2]:
            continue
        prefix, _, name = signature[1].rpartition(".")
        owner = f"heartbeat_clf.{prefix}" if prefix else module
        found.append((owner, name, signature[2]))
    return found


def test_signatures_in_api_are_those_of_the_code():
    signatures = signatures_in_api()
    assert len(signatures) >= 24
    for module, name, written in signatures:
        value = getattr(importlib.import_module(module), name)
        actual = inspect.signature(value).parameters
        made: dict = {}
        exec(f"def {name}({written}): ...", made)
        documented = inspect.signature(made[name]).parameters
        assert list(documented) == list(actual), name
        for key, parameter in documented.items():
            if name == "Interval":  # the page shows the order, not the defaults
                continue
            assert parameter.default == actual[key].default, f"{name}: {key}"
            assert parameter.kind == actual[key].kind, f"{name}: {key}"
