"""From recordings to log-mel images: the work of the transformer, without scikit-learn.

What predicts with a saved model starts in a fraction of the time that importing
scikit-learn takes.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from heartbeat_clf import audio, image_cache
from heartbeat_clf._validation import check_choice, check_number, check_rate
from heartbeat_clf.cleaning import band_pass_filter, check_band, remove_spikes
from heartbeat_clf.hum import remove_hum
from heartbeat_clf.mel import check_mel_settings
from heartbeat_clf.mel_plan import MelPlan, apply_plan, image_shape, plan_images

__all__ = ["ALGORITHM_VERSION", "LowRateWarning", "check_image_settings", "images_of"]

# Part of every cache key: raise it when the same settings give another image.
ALGORITHM_VERSION = 6

# The power of what is fainter is lost in float32.
_FAINTEST = 1e-15
# And that of what is louder is beyond it.
_LOUDEST = 1e15
# Seconds that every recording may be repeated to.
_LONGEST = 3600
_OF_ONE_RECORDING = (ValueError, TypeError, OSError)
_OF_THE_PLAN = (
    "sample_rate",
    "frame_duration",
    "hop_duration",
    "n_mels",
    "fmin",
    "fmax",
)
_SWITCHES = ("spike_removal", "gap_removal", "hum_removal")
# Settings that do not change an image.
_OF_THE_MACHINE = ("cache", "n_jobs", "verbose")
# Recordings that a thread takes at a time: handing over costs as much as an image.
_TURN = 32

# Image, the recording's own rate where it was read, error.
Found = tuple[np.ndarray | None, float | None, Exception | None]


class LowRateWarning(UserWarning):
    """Recordings whose own rate is too low for the upper mel bands.

    Parameters
    ----------
    message : str
        What to show.
    recordings : tuple of str
        What each of them is called in errors.
    """

    def __init__(self, message: str, recordings: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.recordings = recordings


def check_image_settings(settings: dict[str, Any]) -> None:
    """Raise for settings that no recording could be made an image with.

    Parameters
    ----------
    settings : dict
        Parameters of :class:`heartbeat_clf.SpectrogramTransformer`.

    Raises
    ------
    TypeError
        If a setting is of the wrong type.
    ValueError
        If a setting is out of bounds.
    """
    check_mel_settings(**{name: settings[name] for name in (*_OF_THE_PLAN, "top_db")})
    duration, n_jobs = settings["duration"], settings["n_jobs"]
    check_number("duration", duration, minimum=0, exclusive=True, optional=True)
    if duration is not None and duration > _LONGEST:
        raise ValueError(
            f"duration must be at most {_LONGEST} s, got {duration!r}. Use "
            "None, so that each recording keeps its own."
        )
    check_rate("input_rate", settings["input_rate"], optional=True)
    if duration is not None and duration < settings["frame_duration"]:
        raise ValueError(
            f"duration must be at least frame_duration, got {duration!r} and "
            f"{settings['frame_duration']!r} s. Raise duration."
        )
    if settings["band_pass"] is not None:
        check_band(settings["band_pass"], sample_rate=settings["sample_rate"])
    for name in _SWITCHES:
        # NumPy's come of grids of settings.
        switch = settings[name]
        value = bool(switch) if isinstance(switch, np.bool_) else switch
        check_choice(name, value, (False, True))
    check_number("n_jobs", n_jobs, integer=True, optional=True)
    if n_jobs == 0:
        raise ValueError("n_jobs must not be 0. Use None, or -1 for all cores.")
    if settings["verbose"] not in (0, 1):
        raise ValueError(f"verbose must be 0 or 1, got {settings['verbose']!r}.")
    cache = settings["cache"]
    if cache is not None and not isinstance(cache, str | os.PathLike):
        raise TypeError(f"cache must be a folder (str or Path) or None, got {cache!r}.")
    if cache == "":
        raise ValueError(
            "cache must name a folder, got ''. Use None for no cache, or '.' for the "
            "folder of the moment."
        )


def images_of(
    recordings: Sequence[Any], settings: dict[str, Any]
) -> tuple[np.ndarray, LowRateWarning | None]:
    """Return the log-mel image of every recording.

    Parameters
    ----------
    recordings : sequence of str, Path or ndarray of shape (n_times,)
        As :func:`heartbeat_clf._rows.check_recordings` returns them.
    settings : dict
        All parameters of :class:`heartbeat_clf.SpectrogramTransformer`, checked.

    Returns
    -------
    images : ndarray
        With ``duration=None`` of object of shape (n_recordings,), each float32 of
        shape (n_mels, n_frames_i); else float32 of shape (n_recordings, n_mels,
        n_frames).
    low : LowRateWarning or None
        To be given where the own rate of a recording is below twice ``fmax``.

    Raises
    ------
    OSError, TypeError, ValueError
        The first that a recording gave; notes of it have those of the others. Or
        that of a cache that cannot be written to, as soon as there is an image to
        keep.
    """
    cache, fmax = settings["cache"], settings["fmax"]
    of_images = {k: v for k, v in settings.items() if k not in _OF_THE_MACHINE}
    if cache is not None:
        image_cache.have_folder(cache)
    images = _room_for(len(recordings), settings)
    places = _Places(images if settings["duration"] is not None else None)
    errors: list[Exception] = []
    low: dict[str, float] = {}
    # The products are small: BLAS threads cost ten times what they save.
    with _blas().limit(limits=1, user_api="blas"):
        found = _all_found(recordings, of_images, cache, settings["n_jobs"], places)
        if settings["verbose"]:
            found = _with_progress(found, len(recordings))
        for row, (image, rate, error) in enumerate(found):
            if image is not None and image.base is not images:
                images[row] = image
            if error is not None:
                errors.append(error)
            if rate is not None and rate < 2 * fmax:
                low[_name_of(recordings[row], f"row {row}")] = rate
    if errors:
        for other in errors[1:]:
            errors[0].add_note(str(other))
        raise errors[0]
    return images, _low_rates(low, fmax) if low else None


@functools.cache
def _blas() -> ThreadpoolController:
    """Return the switch of NumPy's BLAS; looking for it takes milliseconds."""
    return ThreadpoolController()


class _Places:
    """Where threads put images of one length; other processes have no such place.

    Writing them there at once spares a copy by the thread that waits for the others.
    """

    def __init__(self, images: np.ndarray | None = None) -> None:
        self.images = images

    def __getitem__(self, row: int) -> np.ndarray | None:
        return None if self.images is None else self.images[row]

    def __reduce__(self) -> tuple[type[_Places], tuple[()]]:
        return _Places, ()


def _room_for(n_recordings: int, settings: dict[str, Any]) -> np.ndarray:
    """Return an array for the images, still empty."""
    if settings["duration"] is None:
        return np.empty(n_recordings, dtype=object)
    plan, hop_length = _plan_of(settings)
    n_times = round(settings["duration"] * settings["sample_rate"])
    shape = image_shape(plan, n_times, hop_length=hop_length)
    return np.empty((n_recordings, *shape), np.float32)


def _plan_of(settings: dict[str, Any]) -> tuple[MelPlan, int]:
    return plan_images(**{name: settings[name] for name in _OF_THE_PLAN})


def _all_found(
    recordings: Sequence[Any],
    settings: dict[str, Any],
    cache: Any,
    n_jobs: int | None,
    places: _Places,
) -> Iterator[Found]:
    rows = list(enumerate(recordings))
    # Whoever asks for jobs by joblib's parallel_config has imported it.
    if n_jobs == 1 or (n_jobs is None and "joblib" not in sys.modules):
        yield from _try_images(rows, settings, cache, places)
        return
    import joblib

    n_threads = joblib.effective_n_jobs(n_jobs)
    if n_threads == 1:
        yield from _try_images(rows, settings, cache, places)
        return
    size = max(1, min(_TURN, len(rows) // (4 * n_threads)))
    turns = (rows[start : start + size] for start in range(0, len(rows), size))
    pool = joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    for found in pool(
        joblib.delayed(_list_of_images)(turn, settings, cache, places) for turn in turns
    ):
        yield from found


def _with_progress(found: Iterable[Found], total: int) -> Iterator[Found]:
    from tqdm import tqdm

    return iter(tqdm(found, "spectrograms", total, unit="recording"))


def _list_of_images(*given: Any) -> list[Found]:
    return list(_try_images(*given))


def _try_images(
    rows: Iterable[tuple[int, Any]],
    settings: dict[str, Any],
    cache: Any,
    places: _Places,
) -> Iterator[Found]:
    for row, recording in rows:
        out = places[row]
        image, rate = None, None
        try:
            key = None if cache is None else _key_of(recording, settings)
            if key is not None:
                image = image_cache.find(cache, key)
            if image is None:
                image, rate = _compute_image(recording, f"row {row}", settings, out)
        except _OF_ONE_RECORDING as error:
            yield None, None, error
            continue
        # A cache that cannot be written to fails here: no other recording would fare
        # better.
        if rate is not None and key is not None:
            image = image_cache.keep(cache, key, image)
        if out is not None and image is not out:
            out[:] = image
            image = out
        yield image, rate, None


def _name_of(recording: Any, label: str) -> str:
    return label if isinstance(recording, np.ndarray) else repr(os.fspath(recording))


def _low_rates(low: dict[str, float], fmax: float) -> LowRateWarning:
    name, rate = next(iter(low.items()))
    others = f" and {len(low) - 1} more" if len(low) > 1 else ""
    return LowRateWarning(
        f"Expected recordings at {2 * fmax:g} Hz or more for fmax={fmax!r} Hz, got "
        f"{rate:g} Hz in {name}{others}: the bands above {rate / 2:g} Hz hold no "
        "sound. Leave such recordings out, or train with a lower fmax.",
        tuple(low),
    )


def _key_of(recording: Any, settings: dict[str, Any]) -> str | None:
    """Return the name of a recording in the cache; None where it cannot be read."""
    if not (isinstance(recording, np.ndarray) or os.path.isfile(recording)):
        return None
    return image_cache.key_of(recording, settings, version=ALGORITHM_VERSION)


def _compute_image(
    recording: Any,
    label: str,
    settings: dict[str, Any],
    out: np.ndarray | None,
) -> tuple[np.ndarray, float]:
    """Return the image of a recording, and the rate that it had."""
    sample_rate = settings["sample_rate"]
    waveform, rate = audio.load_with_rate(
        recording,
        sample_rate=sample_rate,
        input_rate=settings["input_rate"],
        label=label,
        gap_removal=settings["gap_removal"],
    )
    label = _name_of(recording, label)
    plan, hop_length = _plan_of(settings)
    if len(waveform) < plan.n_fft:
        left = " (without its gaps)" if settings["gap_removal"] else ""
        raise ValueError(
            f"Expected at least one frame of {settings['frame_duration']!r} s "
            f"({plan.n_fft} samples at {sample_rate!r} Hz), got {len(waveform)} "
            f"samples in {label}{left}. "
            "Lower frame_duration, or leave the recording out."
        )
    loudest = float(np.abs(waveform).max())
    if loudest < _FAINTEST:
        raise ValueError(
            f"Expected a sample of {_FAINTEST} or more, got {label} with none above "
            f"{loudest:.1e}, whose power is none in float32. Scale it up."
        )
    if loudest > _LOUDEST:
        raise ValueError(
            f"Expected samples up to {_LOUDEST}, got {label} with one of "
            f"{loudest:.1e}, whose power is beyond float32. Scale it down."
        )
    if settings["spike_removal"]:
        waveform = remove_spikes(waveform, sample_rate=sample_rate)
    if settings["hum_removal"]:
        waveform = remove_hum(waveform, sample_rate=sample_rate)
    if settings["band_pass"] is not None:
        low, high = settings["band_pass"]
        waveform = band_pass_filter(
            waveform, low=low, high=high, sample_rate=sample_rate
        )
    if settings["duration"] is not None:
        # np.resize repeats end to end what is too short and cuts what is too long.
        waveform = np.resize(waveform, round(settings["duration"] * sample_rate))
    top_db = settings["top_db"]
    image = apply_plan(waveform, plan, hop_length=hop_length, top_db=top_db, out=out)
    return image, rate
