"""Archives of Keras networks that older versions of Keras read as well."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

__all__ = ["portable_archive"]

_CONFIG = "config.json"
# Of initialisers, BatchNormalization and Dense, with their defaults: Keras before 3.15
# does not know them.
_LATER = {
    "input_axes": None,
    "output_axes": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
    "quantization_config": None,
}


def portable_archive(archive: bytes) -> bytes:
    """Return a ``.keras`` file without settings that only the latest Keras knows.

    Parameters
    ----------
    archive : bytes
        As Keras wrote it.

    Returns
    -------
    archive : bytes
        The same network; the same bytes where there is nothing to leave out. Settings
        that are not at their default stay.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        config = json.loads(source.read(_CONFIG))
        plain = _without_later(config)
        if plain == config:
            return archive
        changed = {_CONFIG: json.dumps(plain).encode()}
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as target:
            for entry in source.infolist():
                part = changed.get(entry.filename) or source.read(entry)
                target.writestr(entry, part)
    return content.getvalue()


def _without_later(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_later(item) for item in part]
    if isinstance(part, dict):
        return {
            name: _without_later(value)
            for name, value in part.items()
            if not (name in _LATER and value == _LATER[name])
        }
    return part
