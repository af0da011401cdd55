from typing import Any

from numpy.typing import NDArray

def log_mel(
    samples: NDArray[Any],
    image: NDArray[Any],
    window: NDArray[Any],
    waves: NDArray[Any],
    bands: NDArray[Any],
    spans: NDArray[Any],
    hop_length: int,
    first_bin: int,
    lowest: float,
    relative: float,
    /,
) -> None: ...
