from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.samples import float_samples, range_of_finite


def test_single_precision_is_not_copied():
    samples = np.zeros(3, dtype=np.float32)
    assert float_samples(samples, "row 0") is samples


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32"])
def test_lowest_integer_is_full_scale(dtype):
    lowest = np.array([np.iinfo(dtype).min, 0], dtype=dtype)
    assert float_samples(lowest, "row 0").tolist() == [-1.0, 0.0]


def test_unsigned_bytes_are_offset_binary_and_left_unchanged():
    samples = np.array([0, 128, 192], dtype=np.uint8)
    assert float_samples(samples, "row 0").tolist() == [-1.0, 0.0, 0.5]
    assert samples.tolist() == [0, 128, 192]


def test_what_is_no_waveform_is_named():
    with pytest.raises(TypeError, match="PCM, in row 2, got int64"):
        float_samples(np.zeros(3, dtype=np.int64), "row 2")
    with pytest.raises(ValueError, match=r"samples in row 2, got shape \(3, 2\)"):
        float_samples(np.zeros((3, 2)), "row 2")


def test_range_is_of_finite_samples_only():
    assert range_of_finite(np.array([0.5, -1.0, 0.0]), "row 0") == (-1.0, 0.5)
    with pytest.raises(ValueError, match=r"2 NaN or infinite in row 1, .* index 1"):
        range_of_finite(np.array([0.0, np.inf, np.nan]), "row 1")
