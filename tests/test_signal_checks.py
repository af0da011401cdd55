"""What can be counted in a waveform."""

from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.signal_checks import measure_signal


def test_measures_of_a_sine():
    sine = 0.5 * np.sin(2 * np.pi * 7 * np.arange(4000) / 2000)
    measures = measure_signal(sine, 2000)
    assert measures.duration == 2.0
    assert measures.level == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)))
    assert measures.peak_to_peak == pytest.approx(1.0)
    assert measures.constant == 0.0
    # Within a thousandth of a peak: 2 arccos(0.999) of a turn of 2 pi, at each rail.
    assert measures.clipped == pytest.approx(0.0285, abs=0.003)


def test_a_clipped_sine_is_at_the_rails_for_the_time_it_is_cut():
    sine = np.sin(2 * np.pi * 7 * np.arange(20000) / 20000)
    clipped = measure_signal(np.clip(sine, -0.5, 0.5), 20000).clipped
    assert clipped == pytest.approx(2 / 3, abs=0.01)


def test_constant_runs_count_from_fifty_milliseconds():
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(1000)
    samples[100:149] = 0.0
    assert measure_signal(samples, 1000).constant == 0.0
    samples[100:150] = 0.0
    samples[900:] = 1.0
    assert measure_signal(samples, 1000).constant == pytest.approx(0.15)


def test_a_constant_waveform_is_constant():
    measures = measure_signal(np.full(500, 0.25), 1000)
    assert measures == (0.5, -np.inf, 0.0, 0.0, 1.0)
