from typing import Any

from numpy.typing import NDArray

def find_states(
    scores: NDArray[Any],
    stays: NDArray[Any],
    cut: NDArray[Any],
    states: NDArray[Any],
    /,
) -> None: ...
