from __future__ import annotations

import runpy
import sys
from pathlib import Path

from sklearn.base import BaseEstimator

import heartbeat_clf

PROTOCOL = Path(heartbeat_clf.__file__).with_name("_callback_protocol.py")


def test_methods_stay_as_they_are_without_the_protocol(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    found = runpy.run_path(str(PROTOCOL))
    mixin = found["CallbackSupport"]
    assert type("Classifier", (mixin, BaseEstimator), {}).__mro__[1] is mixin
    assert not hasattr(mixin, "set_callbacks")
    assert found["with_callbacks"](len) is len
