"""Augmentations: windows changed as another recording of the same heart might be.

All functions take windows of shape ``(n_windows, n_bands, window_frames, n_channels)``
and a generator, and may work in place. Levels are logarithmic, as in log-mel images,
in any unit; a level of a window's own is what its standard deviation is a measure of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from heartbeat_clf._validation import check_choice

__all__ = [
    "AUGMENTATIONS",
    "DEFAULT_AUGMENTATIONS",
    "add_noise",
    "augment_windows",
    "change_response",
    "mask_bands",
    "mask_time",
    "resolve_augmentations",
    "reverse_time",
    "shift_bands",
    "stretch_time",
]

Augmentation = Callable[[np.ndarray, np.random.Generator], np.ndarray]

_LOG_POWER = 2.3
"""Natural logarithm of the power, a standard deviation of a window: 10 dB. Those of
heart sounds are 10 to 17 dB."""


def reverse_time(windows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the windows with each played backwards with a probability of one half."""
    backwards = rng.random(len(windows)) < 0.5
    windows[backwards] = windows[backwards, :, ::-1]
    return windows


def mask_time(windows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the windows with up to an eighth of the frames of each set to its mean."""
    return _mask(windows, rng, axis=2, share=1 / 8)


def mask_bands(windows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the windows with up to an eighth of the bands of each set to its mean."""
    return _mask(windows, rng, axis=1, share=1 / 8)


def _mask(
    windows: np.ndarray, rng: np.random.Generator, *, axis: int, share: float
) -> np.ndarray:
    size = windows.shape[axis]
    widths = rng.integers(0, int(size * share) + 1, size=len(windows))
    starts = rng.integers(0, size - widths + 1)
    for window, start, width in zip(windows, starts, widths, strict=True):
        if width:
            mean = window.mean()
            if axis == 1:
                window[start : start + width] = mean
            else:
                window[:, start : start + width] = mean
    return windows


def shift_bands(windows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the windows with the bands of each moved up or down by up to a twentieth.

    The outermost band is repeated where bands are missing.
    """
    n_bands = windows.shape[1]
    most = n_bands // 20
    steps = rng.integers(-most, most + 1, size=len(windows))
    for row in np.flatnonzero(steps):
        source = np.clip(np.arange(n_bands) - steps[row], 0, n_bands - 1)
        windows[row] = windows[row, source]
    return windows


def stretch_time(windows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the windows with each made up to a tenth faster or slower.

    The middle stays where it is. Frames are interpolated, and mirrored at the borders
    where a faster window is too short.
    """
    last = windows.shape[2] - 1
    if last < 1:
        return windows
    rates = np.exp(rng.uniform(-0.1, 0.1, size=len(windows)))
    for row, rate in enumerate(rates):
        times = np.abs((np.arange(last + 1) - last / 2) * rate + last / 2)
        times = np.where(times > last, 2 * last - times, times)
        before = np.minimum(times.astype(int), last - 1)
        share = (times - before).astype(windows.dtype)[:, np.newaxis]
        window = windows[row]
        windows[row] = window[:, before] * (1 - share) + window[:, before + 1] * share
    return windows


def add_noise(windows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the windows with steady noise added to half of them.

    Its level lies between the 5 % and the 60 % quantile of the window's own, and
    falls or rises over the bands; powers add up. Mean and standard deviation of the
    window stay as they were, as they do for standardised recordings.
    """
    _, n_bands, n_frames, n_channels = windows.shape
    slope = np.linspace(-1, 1, n_bands, dtype=windows.dtype)[:, np.newaxis, np.newaxis]
    for row in np.flatnonzero(rng.random(len(windows)) < 0.5):
        window = windows[row]
        mean, scale = window.mean(), window.std()
        if scale > 1e-6 * max(abs(mean), 1e-6):
            heard = (window - mean) / scale
            noise = np.quantile(heard, rng.uniform(0.05, 0.6)) + np.asarray(
                rng.normal(0, 0.5) * slope
                + rng.normal(0, 0.25, (n_bands, n_frames, n_channels)),
                dtype=windows.dtype,
            )
            heard = np.logaddexp(_LOG_POWER * heard, _LOG_POWER * noise)
            windows[row] = (heard - heard.mean()) / heard.std() * scale + mean
    return windows


def change_response(windows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the windows as if heard through other devices: a gain for each band.

    The gain is smooth, half a cosine, a whole one and one and a half over the bands
    with random weights; three windows in ten lose their upper bands besides, at a
    random slope from a random band on. Nothing falls further below the loudest level
    than six standard deviations of the window, as the range of an image is limited.
    Mean and standard deviation of the window stay as they were, as they do for
    standardised recordings.
    """
    place = np.linspace(0, 1, windows.shape[1])
    cosines = np.cos(np.pi * np.outer([1, 2, 3], place)) / [[1], [2], [3]]
    for window in windows:
        mean, scale = window.mean(), window.std()
        if scale > 1e-6 * max(abs(mean), 1e-6):
            gain = rng.normal(0, 0.6, size=3) @ cosines
            if rng.random() < 0.3:
                gain -= rng.uniform(2, 6) * np.maximum(place - rng.uniform(0.3, 0.9), 0)
            heard = (window - mean) / scale
            heard += gain[:, np.newaxis, np.newaxis].astype(windows.dtype)
            heard = np.maximum(heard, heard.max() - 6)
            window[:] = (heard - heard.mean()) / heard.std() * scale + mean
    return windows


AUGMENTATIONS: dict[str, Augmentation] = {
    "reverse_time": reverse_time,
    "mask_time": mask_time,
    "mask_bands": mask_bands,
    "shift_bands": shift_bands,
    "stretch_time": stretch_time,
    "add_noise": add_noise,
    "change_response": change_response,
}
DEFAULT_AUGMENTATIONS = ("reverse_time", "mask_time", "mask_bands")
"""What ``augment=True`` stands for."""


def resolve_augmentations(
    augment: bool | str | Iterable[str | Augmentation] | Augmentation,
    *,
    label: str = "augment",
) -> Sequence[Augmentation]:
    """Return the functions that `augment` stands for.

    Parameters
    ----------
    augment : bool, str, callable, or list, tuple or array of str or callable
        True for `DEFAULT_AUGMENTATIONS`, False for none, one or several names
        of `AUGMENTATIONS`, or functions ``(windows, rng) -> windows`` of one's own on
        ``(n_windows, n_bands, window_frames, n_channels)``.
    label : str, default="augment"
        What errors call it.

    Returns
    -------
    functions : sequence of callable

    Raises
    ------
    ValueError
        If a name is unknown.
    TypeError
        If `augment` is none of these, or can be read only once.
    """
    if isinstance(augment, bool | np.bool_):
        augment = DEFAULT_AUGMENTATIONS if augment else ()
    if isinstance(augment, str) or callable(augment):
        augment = (augment,)
    # What is read only once would be used up by the first fit, or by a check.
    if not isinstance(augment, Iterable) or isinstance(augment, Iterator | Mapping):
        raise TypeError(
            f"Expected {label} to be a bool, names of augmentations or a function, "
            f"got {augment!r}."
        )
    return tuple(
        item if callable(item) else AUGMENTATIONS[_known(label, item)]
        for item in augment
    )


def _known(label: str, name: object) -> str:
    # Arrays hold strings of a type of their own.
    name = str(name) if isinstance(name, np.str_) else name
    known: str = check_choice(label, name, tuple(AUGMENTATIONS))
    return known


def augment_windows(
    windows: np.ndarray,
    augmentations: Sequence[Augmentation],
    rng: np.random.Generator,
) -> np.ndarray:
    """Return `windows` after each of `augmentations` in turn; may work in place.

    Raises
    ------
    ValueError
        If one returns anything but windows of the same shape.
    """
    for augmentation in augmentations:
        changed = augmentation(windows, rng)
        if np.shape(changed) != windows.shape:
            got = "None" if changed is None else f"the shape {np.shape(changed)!r}"
            raise ValueError(
                f"Expected windows of the shape {windows.shape!r} from the "
                f"augmentation {augmentation!r}, got {got}. Return them all."
            )
        windows = changed
    return windows
