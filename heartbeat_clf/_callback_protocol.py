"""scikit-learn's callback protocol where it exists (1.9 and later), else nothing."""

from __future__ import annotations

from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn 1.7 and 1.8
    CallbackSupport: Any = object

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is."""
        return method
else:
    CallbackSupport = CallbackSupportMixin

__all__ = ["CallbackSupport", "with_callbacks"]
