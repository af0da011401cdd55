"""Searches on a real Dask scheduler with two real worker processes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cluster_parts import MORTAL, FlatImages
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from heartbeat_clf import SpectrogramTransformer, cluster
from heartbeat_clf.cli import main
from heartbeat_clf.datasets import make_heart_sounds, write_recordings

distributed = pytest.importorskip("distributed")

SILENT = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(Path(__file__).parent),
    "PYTHONWARNINGS": "ignore",
}


@contextlib.contextmanager
def started_cluster(folder, *, mortal=False, n_workers=2, n_threads=1):
    """Start a scheduler and workers on loopback; yield the scheduler's address."""
    file = folder / "scheduler.json"
    environment = {**os.environ, **SILENT}
    logs = (folder / "log.txt").open("wb")
    common = {"stdout": logs, "stderr": logs, "cwd": folder}
    program = [sys.executable, "-m", "distributed.cli"]
    options = ["--no-dashboard", "--host", "127.0.0.1"]
    scheduler = [f"{program[2]}.dask_scheduler", "--port", "0", *options]
    worker = [f"{program[2]}.dask_worker", "--no-nanny", *options]
    worker += ["--nthreads", str(n_threads), "--memory-limit", "0"]
    worker += ["--scheduler-file", str(file), "--local-directory", str(folder)]
    running = []
    try:
        running.append(
            subprocess.Popen(
                [*program[:2], *scheduler, "--scheduler-file", str(file)],
                env=environment,
                **common,
            )
        )
        for number in range(n_workers):
            own = {MORTAL: str(folder / "died")} if mortal and not number else {}
            running.append(
                subprocess.Popen(
                    [*program[:2], *worker], env={**environment, **own}, **common
                )
            )
        address = None
        deadline = time.monotonic() + 60
        while address is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                address = json.loads(file.read_text())["address"]
            time.sleep(0.05)
        assert address is not None, (folder / "log.txt").read_text()
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(n_workers, timeout=60) if n_workers else None
        yield address
    finally:
        for process in running[::-1]:
            process.kill()
            process.wait()
        logs.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with started_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Return a table of sixteen recordings of eight subjects."""
    sounds = make_heart_sounds(8, duration=1.5, random_state=0)
    return write_recordings(sounds, tmp_path_factory.mktemp("sounds"))


@pytest.fixture(scope="module")
def paths(table):
    from heartbeat_clf.datasets import load_recordings

    bunch = load_recordings(table)
    return [str(path) for path in bunch.recordings], bunch.target


def search(paths, y):
    """Return a grid search of three settings that trains no network."""
    pipeline = make_pipeline(
        SpectrogramTransformer(duration=1.0, n_mels=16),
        FlatImages(),
        LogisticRegression(max_iter=200),
    )
    grid = {"logisticregression__C": [0.01, 0.1, 1.0]}
    return GridSearchCV(pipeline, grid, cv=2, scoring="roc_auc").fit(paths, y)


def scores_of(fitted):
    names = ("params", "mean_test_score", "split0_test_score", "split1_test_score")
    return {name: fitted.cv_results_[name] for name in names}


def test_search_ends_with_the_same_result_after_a_worker_died(paths, tmp_path):
    alone = search(*paths)
    with (
        started_cluster(tmp_path, mortal=True) as found,
        cluster.connect(found) as client,
    ):
        together = search(*paths)
        assert len(client.nthreads()) == 1
    assert (tmp_path / "died").exists()
    for name, values in scores_of(alone).items():
        np.testing.assert_array_equal(scores_of(together)[name], values)
    np.testing.assert_array_equal(
        together.decision_function(paths[0]), alone.decision_function(paths[0])
    )


def test_joblibs_own_backend_gives_the_same_result(address, paths):
    from joblib import parallel_config

    alone = search(*paths)
    with (
        distributed.Client(address, set_as_default=True),
        parallel_config(backend="dask"),
    ):
        together = search(*paths)
    for name, values in scores_of(alone).items():
        np.testing.assert_array_equal(scores_of(together)[name], values)


def test_paths_travel_and_images_stay(address, paths, monkeypatch):
    from distributed.protocol import dumps

    sent = []
    submit = distributed.Client.submit

    def spy(client, *args, **kwargs):
        sent.append(sum(map(len, map(bytes, dumps([args[1:], kwargs["tasks"]])))))
        return submit(client, *args, **kwargs)

    with cluster.connect(address):
        monkeypatch.setattr(distributed.Client, "submit", spy)
        search(*paths)
    # Three settings on two folds, each with all paths and no recording.
    assert 1 <= len(sent) <= 6
    assert max(sent) < sum(Path(path).stat().st_size for path in paths[0]) / 4


@pytest.mark.training
def test_evaluate_on_a_cluster_gives_the_same_scores(address, table, capsys, tmp_path):
    def answer(*options):
        files = [str(tmp_path / "scores.csv"), str(table)]
        settings = ["--set", "window_frames=40", "--set", "n_mels=16", "--epochs", "1"]
        arguments = ["evaluate", files[1], "--csv", files[0], "--folds", "2"]
        arguments += ["--operating-point", "none", *settings, *options]
        assert main(arguments) == 0
        return capsys.readouterr().out, pd.read_csv(files[0])

    (there, scores), (here, expected) = answer("--cluster", address), answer()
    assert there == here
    # Not to the bit: TensorFlow has one thread there, and as many as it likes here.
    pd.testing.assert_frame_equal(scores, expected, rtol=0, atol=1e-5)


def test_a_client_of_ones_own_stays_open(address, paths):
    with distributed.Client(address, set_as_default=False) as client:
        with cluster.connect(client) as found:
            assert found is client
        assert client.status == "running"


def test_unreachable_scheduler_is_named():
    with (
        pytest.raises(ConnectionError, match=r"tcp://127.0.0.1:9'.*within 0.3 s"),
        cluster.connect("tcp://127.0.0.1:9", timeout=0.3),
    ):
        pass


MALFORMED = ["", " ", "nonsense", "nowhere://1", "tcp://10.0.0.5", ":8786", "a:0"]


@pytest.mark.parametrize("address", [*MALFORMED, "a:99999", None])
def test_address_must_be_one(address):
    started = time.monotonic()
    with (
        pytest.raises(ValueError, match=r"Dask scheduler, such as 'tcp://.*got .*Give"),
        cluster.connect(address, timeout=60),
    ):
        pass
    assert time.monotonic() - started < 10


HALF_MADE = """
from heartbeat_clf import cluster
for address in ("nonsense", "", "tcp://127.0.0.1:9", "tls://127.0.0.1:9"):
    try:
        with cluster.connect(address, timeout=0.2):
            pass
    except (ConnectionError, ValueError) as error:
        print(str(error).split(",")[0])
"""


def test_nothing_is_left_of_a_client_that_could_not_be_made():
    done = subprocess.run(
        [sys.executable, "-c", HALF_MADE], capture_output=True, text=True, check=True
    )
    expected = "Expected the address of a Dask scheduler\n"
    assert (done.stdout, done.stderr) == (4 * expected, "")


def test_missing_distributed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ImportError, match=r"heartbeat_clf\[cluster\]"),
        cluster.connect("tcp://127.0.0.1:9"),
    ):
        pass


def test_scheduler_without_workers_is_named(tmp_path):
    with (
        started_cluster(tmp_path, n_workers=0) as found,
        pytest.raises(ConnectionError, match="Expected a worker at the scheduler"),
        cluster.connect(found, timeout=0.5),
    ):
        pass


def test_workers_of_several_threads_are_refused(tmp_path):
    with (
        started_cluster(tmp_path, n_workers=1, n_threads=2) as found,
        pytest.raises(ValueError, match="workers of one thread, got 2"),
        cluster.connect(found),
    ):
        pass


def test_workers_of_another_version_are_refused(address, monkeypatch):
    monkeypatch.setattr(cluster, "__version__", "99.0")
    with (
        pytest.raises(ValueError, match=r"Expected heartbeat_clf 99.0 on every worker"),
        cluster.connect(address),
    ):
        pass


def test_workers_without_the_library_are_refused(address, monkeypatch):
    def broken():
        raise ModuleNotFoundError("No module named 'heartbeat_clf'")

    monkeypatch.setattr(cluster, "_version", broken)
    with (
        pytest.raises(ImportError, match="Expected heartbeat_clf on every worker"),
        cluster.connect(address),
    ):
        pass
