"""What scikit-learn's `set_output` means where the output is images."""

from __future__ import annotations

from typing import Any

from heartbeat_clf._validation import check_choice

__all__ = ["ImageOutput"]

_CONTAINERS = (None, "default", "pandas", "polars")


class ImageOutput:
    """Mixin for transformers whose output is images, and stays so.

    Examples
    --------
    >>> from heartbeat_clf import SpectrogramTransformer
    >>> transformer = SpectrogramTransformer().set_output(transform="pandas")
    >>> type(transformer.fit_transform([[0.0, 1.0] * 50])).__name__
    'ndarray'
    """

    # scikit-learn's own method is not there without names of columns, and a
    # pipeline's asks every step.
    def set_output(self, *, transform: str | None = None) -> Any:
        """Leave the output as it is: images are no table.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Without effect, so that the ``set_output`` of a pipeline reaches the
            steps whose output is a table.

        Returns
        -------
        self : estimator
            The same object.

        Raises
        ------
        ValueError
            If `transform` is none of these.
        """
        check_choice("transform", transform, _CONTAINERS)
        return self
