"""Time several ways of doing one thing, turn by turn, in one process."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Seconds", "interleave", "peak_growth", "ratio_row"]


class Seconds(NamedTuple):
    """What calls took, a value a repeat.

    Attributes
    ----------
    wall : list of float
        Seconds that passed.
    processor : list of float
        Seconds of processors that the process and its children used: on a busy
        machine the steadier figure, which does not see waiting.
    """

    wall: list[float]
    processor: list[float]


def interleave(
    ways: dict[str, Callable[[], Any]], *, repeats: int, warm_up: bool = True
) -> dict[str, Seconds]:
    """Return the seconds of each call, all ways taking turns.

    What slows the machine for a while slows all ways alike, and the least of the
    repeats is what the work takes when nothing is in its way.

    Parameters
    ----------
    ways : dict of callable
        What to time, by name.
    repeats : int
        Turns.
    warm_up : bool, default=True
        Whether every way is called once beforehand, untimed.

    Returns
    -------
    seconds : dict of Seconds
        `repeats` values a way.
    """
    if warm_up:
        for call in ways.values():
            call()
    seconds = {name: Seconds([], []) for name in ways}
    for _ in range(repeats):
        for name, call in ways.items():
            gc.collect()
            start, used = time.perf_counter(), _processor_seconds()
            call()
            seconds[name].wall.append(time.perf_counter() - start)
            seconds[name].processor.append(_processor_seconds() - used)
    return seconds


def _processor_seconds() -> float:
    times = os.times()
    # Those of the process are counted more finely by the clock.
    return time.process_time() + times.children_user + times.children_system


def ratio_row(
    seconds: dict[str, Seconds],
    *,
    slow: str,
    fast: str,
    slow_scale: float = 1.0,
    fast_scale: float = 1.0,
    **facts: Any,
) -> dict[str, Any]:
    """Return how many times longer one way took than another, with its noise.

    Parameters
    ----------
    seconds : dict of Seconds
        From :func:`interleave`.
    slow, fast : str
        Names of the two ways; the ratio is slow over fast, whichever is less.
    slow_scale, fast_scale : float, default=1.0
        Seconds are divided by these first, for ways that do different amounts.
    **facts : object
        Added as they are.

    Returns
    -------
    row : dict
        ``ratio`` from the least of the repeats, ``processor_ratio`` likewise from
        processor time, ``noise`` (median over least, less 1, the larger of the two
        ways), all seconds and the facts.
    """

    def ratio(kind: str) -> float:
        least = {name: min(getattr(seconds[name], kind)) for name in (slow, fast)}
        return least[slow] / slow_scale / (least[fast] / fast_scale)

    return {
        "ratio": ratio("wall"),
        "processor_ratio": ratio("processor"),
        "noise": max(
            statistics.median(seconds[name].wall) / min(seconds[name].wall) - 1
            for name in (slow, fast)
        ),
        "seconds": {name: values._asdict() for name, values in seconds.items()},
        **facts,
    }


def peak_growth(call: Callable[[], Any]) -> float | None:
    """Return by how many megabytes a call raised the memory at its peak.

    Linux only: elsewhere None.
    """
    status, switch = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        # Sets the peak back to what is in use now.
        switch.write_text("5")
    except OSError:
        return None
    before = _kilobytes(status, "VmRSS")
    call()
    return max(0, _kilobytes(status, "VmHWM") - before) / 1024


def _kilobytes(status: Path, name: str) -> int:
    lines = status.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
