from __future__ import annotations

import runpy
import sys
from pathlib import Path

import heartbeat_clf

PROTOCOL = Path(heartbeat_clf.__file__).with_name("_callback_protocol.py")


def test_methods_stay_as_they_are_without_the_protocol(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    found = runpy.run_path(str(PROTOCOL))
    assert found["CallbackSupport"] is object
    assert found["with_callbacks"](len) is len
