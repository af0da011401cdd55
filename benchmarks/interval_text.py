"""How figures with an interval are written in tables."""

from __future__ import annotations

from heartbeat_clf.evaluation import Interval

__all__ = ["show"]


def show(interval: Interval) -> str:
    """Return a value with its interval, such as ``0.966 (0.949 to 0.979)``."""
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
