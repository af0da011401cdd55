"""Import TensorFlow without its greetings.

TensorFlow 2.21 writes about missing GPUs and processor features to standard error,
at import and at the first use of some parts, and no longer heeds
``TF_CPP_MIN_LOG_LEVEL`` for that. A library that promises silence imports it and
touches those parts once with standard error turned away. Whoever sets
``TF_CPP_MIN_LOG_LEVEL`` beforehand sees everything.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

__all__ = ["tensorflow"]


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no standard error, as in some services
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


if "tensorflow" not in sys.modules:
    # Off by default in some builds; halves the time of a training step on a CPU.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
    import tensorflow
    from tensorflow.python.util import _pywrap_util_port

    _ONEDNN = _pywrap_util_port.IsMklEnabled()
else:
    with _without_stderr():
        import tensorflow
        from tensorflow.python.util import _pywrap_util_port

        # TensorFlow 2.19 greets where it is asked this for the first time.
        _ONEDNN = _pywrap_util_port.IsMklEnabled()
        tensorflow.constant(0.0)
        # Of types that oneDNN does not take it tells once, on some processors.
        tensorflow.transpose(tensorflow.constant([[True]]))
        list(
            tensorflow.data.Dataset.from_generator(
                lambda: iter([0.0]),
                output_signature=tensorflow.TensorSpec((), tensorflow.float32),
            )
        )


def _is_no_retracing(record: logging.LogRecord) -> bool:
    # Every fit builds a network and traces it anew, as it must; TensorFlow takes the
    # fifth fit of a process for a mistake.
    return "retracing" not in record.getMessage()


tensorflow.get_logger().addFilter(_is_no_retracing)

# oneDNN rounds in its own way. Worker processes inherit what holds here, so that they
# train to the same bits also where TensorFlow was imported before this module.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = str(int(_ONEDNN))
