"""The parts of the library that are compiled, where there is a compiler for them."""

import sysconfig

from setuptools import Extension, setup

LOG_MEL = Extension(
    "heartbeat_clf._log_mel",
    ["heartbeat_clf/_log_mel.c"],
    depends=["heartbeat_clf/_buffers.h", "heartbeat_clf/_log_mel_kernel.h"],
    # Vectors are passed between functions that are all inlined.
    extra_compile_args=["-O3", "-Wno-psabi"],
    py_limited_api=True,
    # Without it the same images are made by NumPy, more slowly.
    optional=True,
)

BEAT_SEARCH = Extension(
    "heartbeat_clf._beat_search",
    ["heartbeat_clf/_beat_search.c"],
    depends=["heartbeat_clf/_buffers.h"],
    extra_compile_args=["-O3"],
    py_limited_api=True,
    # Without it the same states are found by NumPy, more slowly.
    optional=True,
)

# Python without its global lock has no stable interface to compile against.
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    setup()
else:
    setup(
        ext_modules=[LOG_MEL, BEAT_SEARCH],
        options={"bdist_wheel": {"py_limited_api": "cp311"}},
    )
