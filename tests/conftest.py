"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_REASON = "HEARTBEAT_CLF_DATA is not set: the real recordings are needed"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of the real recordings."""
    if "HEARTBEAT_CLF_DATA" not in os.environ:
        pytest.skip(_REASON)
    return Path(os.environ["HEARTBEAT_CLF_DATA"])


def pytest_collection_modifyitems(items):
    if "HEARTBEAT_CLF_DATA" in os.environ:
        return
    for item in items:
        if "real" in item.keywords:
            item.add_marker(pytest.mark.skip(reason=_REASON))
