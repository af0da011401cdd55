from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.extra_sounds import extra_sound
from heartbeat_clf.rhythm_features import SOUND_FEATURES

EVEN = [0.5, -15, 0.1, 0.05, 0.5, -15, 0.1, 0.05]


def changed(**values):
    row = dict(zip(SOUND_FEATURES, EVEN, strict=True)) | values
    return [row[name] for name in SOUND_FEATURES]


def test_what_stands_out_of_the_diastoles_counts_for_a_sound_too_many():
    even = extra_sound(EVEN)
    assert even < 0
    odd = extra_sound(changed(diastole_outlier=12.0, diastole_stray=0.9))
    assert odd > even + 0.5


def test_the_answer_does_not_depend_on_the_kind_of_sequence():
    first = extra_sound(EVEN)
    assert isinstance(first, float)
    assert extra_sound(np.array(EVEN)) == extra_sound(tuple(EVEN)) == first


@pytest.mark.parametrize(
    "sounds", [EVEN[:7], [EVEN], [], changed(systole_level=np.nan), [np.inf] * 8]
)
def test_other_than_eight_finite_numbers_are_refused(sounds):
    with pytest.raises(ValueError, match="Expected 8 finite numbers of sounds"):
        extra_sound(sounds)
