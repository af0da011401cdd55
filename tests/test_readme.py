"""The Python of the README and of the page on models runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from heartbeat_clf import datasets
from heartbeat_clf.datasets import make_heart_sounds

README = Path(__file__).parents[1] / "README.md"
MODELS = README.parent / "docs" / "pretrained.md"


def run_blocks(page, names):
    blocks = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.training
def test_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    # Half of the subjects: this is about whether it runs.
    def halved(n_subjects, **rest):
        return make_heart_sounds(n_subjects // 2, **rest)

    monkeypatch.setattr(datasets, "make_heart_sounds", halved)
    run_blocks(README, {})
    assert "AUROC, a recording" in capsys.readouterr().out


@pytest.mark.training
def test_python_of_the_page_on_models_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    run_blocks(MODELS, names)
    assert "sensitivity" in capsys.readouterr().out
    assert names["pipeline"].steps[0][0] == "embeddingtransformer"


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
