"""PNG pictures that carry a key of what they were made of."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

__all__ = ["key_in_png", "save_png"]

# zlib's strategy Z_RLE: the same pixels in files 3 % larger, in a quarter of the time.
_RUN_LENGTHS = 3
_KEYWORD = "heartbeat_clf"
_START, _END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
# Pillow puts the text behind the header of 33 bytes, before the pixels.
_READ = 256


def save_png(picture: Image.Image, path: Path, key: str) -> None:
    """Write a picture as a PNG with a key.

    Parameters
    ----------
    picture : PIL.Image.Image
        Mode RGB.
    path : Path
        File to write.
    key : str
        At most 100 letters and digits.
    """
    text = PngInfo()
    text.add_text(_KEYWORD, key)
    picture.save(path, format="PNG", compress_type=_RUN_LENGTHS, pnginfo=text)


def key_in_png(path: Path) -> str | None:
    """Return the key of a picture, without decoding it.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    key : str or None
        ``""`` where the end of the picture is missing, None for a file that
        :func:`save_png` did not write.

    Raises
    ------
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.png"
    ...     save_png(Image.new("RGB", (4, 3)), path, "c0ffee")
    ...     key_in_png(path)
    'c0ffee'
    """
    with path.open("rb") as file:
        start = file.read(_READ)
        file.seek(max(0, os.fstat(file.fileno()).st_size - len(_END)))
        is_whole = file.read() == _END
    before, found, text = start.partition(b"tEXt" + _KEYWORD.encode() + b"\0")
    if not (found and before.startswith(_START)):
        return None
    # The four bytes before the chunk's name count the keyword, a zero and the key.
    size = int.from_bytes(before[-4:], "big") - len(_KEYWORD) - 1
    return text[:size].decode("latin-1") if is_whole else ""
