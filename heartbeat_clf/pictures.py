"""Write the spectrograms of recordings as pictures for people to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from heartbeat_clf.image_cache import key_of
from heartbeat_clf.inputs import Failure, Found
from heartbeat_clf.outputs import make_folder, plain_os_errors, whole_file
from heartbeat_clf.png_keys import key_in_png, save_png
from heartbeat_clf.recording_images import ALGORITHM_VERSION
from heartbeat_clf.rendering import render_image

__all__ = ["PictureCounts", "picture_names", "write_pictures"]

# Part of every picture's key: raise it when the same image gives another picture.
_PICTURE_VERSION = 1


class PictureCounts(NamedTuple):
    """How many pictures were written and kept, and the recordings without one."""

    written: int
    kept: int
    failures: list[Failure]


def picture_names(names: Sequence[Path]) -> list[Path]:
    """Return the name of each recording's picture.

    Parameters
    ----------
    names : sequence of Path
        Names of recordings below the place that was searched.

    Returns
    -------
    pictures : list of Path
        Names ending in ``.png``; where two recordings differ by their suffix only,
        both keep it.

    Examples
    --------
    >>> names = [Path("a.wav"), Path("b.wav"), Path("b.flac")]
    >>> [str(name) for name in picture_names(names)]
    ['a.png', 'b.wav.png', 'b.flac.png']
    """
    plain = [name.with_suffix(".png") for name in names]
    # Some file systems do not tell "A.png" from "a.png".
    counts = Counter(str(name).casefold() for name in plain)
    return [
        short
        if counts[str(short).casefold()] == 1
        else name.with_name(f"{name.name}.png")
        for name, short in zip(names, plain, strict=True)
    ]


def write_pictures(
    recordings: Sequence[Found],
    folder: Path,
    *,
    transformer: Any,
    settings: Mapping[str, Any],
    overwrite: bool = False,
    verbose: int = 0,
    **rendering: Any,
) -> PictureCounts:
    """Write a PNG for every recording, in the folders in which they were found.

    A picture keeps a digest of the recording's content and of all settings. One that
    is there with the same digest is kept, with another one made anew.

    Parameters
    ----------
    recordings : sequence of Found
        From :func:`~heartbeat_clf.inputs.find_recordings`.
    folder : Path
        Where to write; made if it is not there.
    transformer : SpectrogramTransformer
        Makes the images.
    settings : mapping
        All that decides an image.
    overwrite : bool, default=False
        Whether all pictures are made anew, also in place of files that are no
        pictures of this function; else those are failures.
    verbose : {0, 1}, default=0
        1 shows a progress bar on standard error.
    **rendering : object
        `width`, `height` and `colormap` of
        :func:`~heartbeat_clf.rendering.render_image`.

    Returns
    -------
    counts : PictureCounts

    Raises
    ------
    OSError
        If the folder cannot be made.
    """
    make_folder(folder)
    written = kept = 0
    failures = []
    taken: set[Path] = set()
    targets = picture_names([recording.name for recording in recordings])
    pairs = list(zip(recordings, targets, strict=True))
    for recording, name in tqdm(pairs, unit="picture", disable=not verbose):
        target = folder / name
        try:
            if target in taken:
                raise ValueError(
                    f"Expected one recording for the picture {str(target)!r}, got "
                    "another before. Write it to a folder of its own."
                )
            taken.add(target)
            key = _key_of_picture(recording.path, settings, rendering)
            if not overwrite and target.exists() and _key_in(target) == key:
                kept += 1
                continue
            image = transformer.transform([recording.path])[0]
            picture = render_image(image, **rendering)
            make_folder(target.parent)
            with whole_file(target) as partial:
                save_png(picture, partial, key)
            written += 1
        except (ValueError, TypeError, OSError) as error:
            failures.append(Failure(str(recording.path), str(error)))
    return PictureCounts(written, kept, failures)


def _key_of_picture(
    recording: Path, settings: Mapping[str, Any], rendering: Mapping[str, Any]
) -> str:
    """Return a digest of all that decides a picture."""
    if not recording.is_file():
        # No picture has this key; the transformer says what is wrong.
        return "no file"
    everything = {**settings, "picture": [_PICTURE_VERSION, dict(rendering)]}
    return key_of(recording, everything, version=ALGORITHM_VERSION)


def _key_in(target: Path) -> str:
    """Return the key of a picture that may be replaced."""
    with plain_os_errors(target, "a picture that can be read"):
        key = key_in_png(target) if target.is_file() else None
    if key is None:
        raise ValueError(
            f"Expected a picture that this command made at {str(target)!r}, got "
            "something else, or one of an older version. Move it away, or replace it "
            "with --overwrite."
        )
    return key
