"""The part of the library that is compiled, where there is a compiler for it."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "heartbeat_clf._log_mel",
            ["heartbeat_clf/_log_mel.c"],
            # Vectors are passed between functions that are all inlined.
            extra_compile_args=["-O3", "-Wno-psabi"],
            py_limited_api=True,
            # Without it the same images are made by NumPy, more slowly.
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
