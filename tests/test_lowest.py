"""The lowest versions that are declared can be read off, to be tested."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
lowest_versions = runpy.run_path(str(ROOT / ".ci" / "lowest.py"))["lowest_versions"]


def pyproject(tmp_path, *, train='["keras>=3.12"]'):
    path = tmp_path / "pyproject.toml"
    path.write_text(
        '[project]\ndependencies = ["numpy>=1.26", "scipy>=1.13,<2"]\n'
        f"[project.optional-dependencies]\ntrain = {train}\nplot = []\n"
        'test = ["numpy>=1.26"]\n'
    )
    return path


def test_lowest_versions_of_the_extras_too(tmp_path):
    found = lowest_versions(pyproject(tmp_path))
    assert found == {"numpy": "1.26", "scipy": "1.13", "keras": "3.12"}


def test_every_requirement_of_the_project_has_a_lowest_version():
    assert {"numpy", "scikit-learn", "keras", "pytest"} <= set(
        lowest_versions(ROOT / "pyproject.toml")
    )


def test_requirement_without_a_lowest_version(tmp_path):
    with pytest.raises(ValueError, match="of the form name>=version, got 'keras'"):
        lowest_versions(pyproject(tmp_path, train='["keras"]'))


def test_two_lowest_versions_of_one_package(tmp_path):
    with pytest.raises(ValueError, match="Expected one lowest version of 'numpy'"):
        lowest_versions(pyproject(tmp_path, train='["numpy>=2"]'))
