"""Classify heart-sound recordings with scikit-learn.

Recordings become log-mel images, images are trimmed, and a convolutional network
trained for the AUROC tells normal hearts from murmurs: three steps of an ordinary
scikit-learn pipeline. Not a medical device.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heartbeat_clf.classifier import HeartbeatClassifier
    from heartbeat_clf.images import ImageTrimmer
    from heartbeat_clf.persistence import load, load_pretrained, save
    from heartbeat_clf.pipeline import make_heartbeat_pipeline
    from heartbeat_clf.quality import assess_quality
    from heartbeat_clf.spectrogram import SpectrogramTransformer

__version__ = "0.1.0"

# Resolved on first use (PEP 562), so that importing the package stays cheap.
_HOMES = {
    "HeartbeatClassifier": "classifier",
    "ImageTrimmer": "images",
    "SpectrogramTransformer": "spectrogram",
    "assess_quality": "quality",
    "load": "persistence",
    "load_pretrained": "persistence",
    "make_heartbeat_pipeline": "pipeline",
    "save": "persistence",
}

__all__ = [
    "HeartbeatClassifier",
    "ImageTrimmer",
    "SpectrogramTransformer",
    "__version__",
    "assess_quality",
    "load",
    "load_pretrained",
    "make_heartbeat_pipeline",
    "save",
]


_SUBMODULES = ("datasets", "evaluation", "losses")


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_SUBMODULES})
