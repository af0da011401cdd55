"""The models in the box."""

from __future__ import annotations

from pathlib import Path

from heartbeat_clf._validation import check_choice

__all__ = ["MODELS", "find_model"]

MODELS = Path(__file__).with_name("models")
"""Folder of the shipped models."""

TARGETS = ("murmur", "abnormal")


def find_model(target: str) -> Path:
    """Return the file of a shipped model.

    Parameters
    ----------
    target : {"murmur", "abnormal"}
        What it tells from "normal".

    Returns
    -------
    path : Path

    Raises
    ------
    ValueError
        If there is no such model.
    """
    return MODELS / f"{check_choice('target', target, TARGETS)}.hbc"
