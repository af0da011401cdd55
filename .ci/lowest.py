"""Print a pip constraint for the lowest version of every package declared.

Usage: lowest.py [PYPROJECT] > constraints.txt
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

# Extras that the tests need; the tools of "dev" take no part in running the library.
EXTRAS = ("train", "plot", "test")
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*>=\s*(?P<lowest>[\w.]+)")


def lowest_versions(pyproject: Path) -> dict[str, str]:
    """Return the lowest version declared, by package."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lowest: dict[str, str] = {}
    for text in project["dependencies"] + [r for e in EXTRAS for r in extras[e]]:
        match = REQUIREMENT.match(text)
        if match is None:
            raise ValueError(
                f"Expected a requirement of the form name>=version, got {text!r} in "
                f"{str(pyproject)!r}. Declare the lowest version that works."
            )
        name, version = match["name"], match["lowest"]
        if lowest.setdefault(name, version) != version:
            raise ValueError(
                f"Expected one lowest version of {name!r}, got {lowest[name]!r} and "
                f"{version!r} in {str(pyproject)!r}. Declare the same one."
            )
    return lowest


if __name__ == "__main__":
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "pyproject.toml")
    for name, version in sorted(lowest_versions(source).items()):
        print(f"{name}=={version}")
