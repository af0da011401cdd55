"""The answer of a model in the box, step by step, with NumPy and ONNX Runtime alone.

``python examples/answer_by_hand.py MODEL.hbc RECORDING.wav`` prints the probabilities
that ``heartbeat-clf predict --no-quality-check --model MODEL.hbc RECORDING.wav`` gives.
Nothing of heartbeat_clf is imported: who puts a model on a device can follow, port and
check each step. ``docs/by_hand.md`` explains them, with numbers to compare. A model
with a setting that none in the box has is followed or refused by name. Whether a file
is whole is not checked. Not a medical device.

soundfile and soxr are needed for files alone; `answer` takes samples at 1000 Hz.
"""

from __future__ import annotations

import itertools
import json
import sys
import zipfile

import numpy as np
import onnxruntime

COLUMNS = (8, 16, 8, 20)  # of S1, systole, S2 and diastole in an average beat
# Median in seconds, spread of the logarithm, shortest and longest of each state.
DURATIONS = (
    (0.12, 0.3, 0.04, 0.25),
    (0.17, 0.4, 0.06, 0.40),
    (0.10, 0.3, 0.04, 0.22),
    (0.35, 1.0, 0.06, 2.00),
)


def read_model(path):
    """Return model.json and a function that runs a network of the file by its name."""
    with zipfile.ZipFile(path) as archive:
        model = json.loads(archive.read("model.json"))
        sessions = {
            name.removesuffix(".onnx"): onnxruntime.InferenceSession(archive.read(name))
            for name in archive.namelist()
            if name.endswith(".onnx")
        }

    def run(name, batch, output="logits"):
        session = sessions[name]
        name = session.get_inputs()[0].name
        return session.run([output], {name: np.asarray(batch, np.float32)})[0]

    return model, run


def without_gaps(samples, rate):
    """Cut out runs of one value of 50 ms or more, but for silence between sounds."""
    edges = np.flatnonzero(np.diff(samples)) + 1
    edges = np.concatenate([[0], edges, [len(samples)]])
    at_ends, within = [], []
    # A tenth of the steps, or of some of a long recording, are smaller.
    places = np.arange(0, len(samples) - 1, -(-len(samples) // 100_000))
    steps = np.abs(samples[places + 1].astype(float) - samples[places])
    small = np.quantile(steps[steps > 0], 0.1) if steps.any() else 0.0
    near = max(1, round(0.01 * rate))
    for start, end in itertools.pairwise(edges):
        if end - start < max(2, round(0.05 * rate)):
            continue
        before = np.ptp(samples[max(0, start - near) : start + 1].astype(float))
        after = np.ptp(samples[end - 1 : end + near].astype(float))
        if start == 0 or end == len(samples):
            at_ends.append((start, end))
        elif min(before, after) > 4 * small:
            within.append((start, end))
    if len(within) > len(samples) / rate:
        within = []  # the pauses of a noise gate
    keep = np.ones(len(samples), bool)
    for start, end in at_ends + within:
        keep[start:end] = False
    return samples[keep]


def without_offset(samples):
    """Subtract the mean where it is beyond four standard deviations."""
    mean = samples.mean(dtype=float)
    beyond = abs(mean) > 4 * samples.std(dtype=float)
    return (samples - mean if beyond else samples).astype(np.float32)


def without_hum(samples, rate):
    """Take away lines of the mains, where one of them stands out by a factor of 4."""
    length = min(len(samples), round(4.0 * rate))
    if len(samples) < 2 * rate:
        return samples
    last = len(samples) - length
    starts = np.unique([*range(0, last + 1, max(1, length // 2)), last])
    blocks = np.stack([samples[s : s + length] for s in starts])
    power = np.abs(np.fft.rfft(blocks * np.hanning(length), axis=1)) ** 2
    levels = np.sqrt(power.mean(axis=0))
    bin_width = rate / length
    lines = []
    for mains in (50.0, 60.0):
        found = []
        for n in range(1, int(min(rate / 2 - 6.0, 600.0) / mains) + 1):
            place, around = mains * n / bin_width, max(1.0, 0.5 / bin_width)
            first, final = round(place - around), round(place + around)
            peak = first + levels[first : final + 1].argmax()
            beside = round(6.0 / bin_width)
            below = levels[max(0, peak - beside) : peak - 3]
            others = np.concatenate([below, levels[peak + 4 : peak + beside + 1]])
            a, b, c = np.log(np.maximum(levels[peak - 1 : peak + 2], 1e-300))
            bend = a - 2 * b + c
            vertex = peak + (0.5 * (a - c) / bend if bend < 0 else 0.0)
            found.append((vertex, levels[peak] / max(others.max(), 1e-300)))
        if any(ratio > 4.0 for _, ratio in found):
            lines += [vertex * bin_width for vertex, ratio in found if ratio > 1.5]
    if not lines:
        return samples
    time = (np.arange(length) - (length - 1) / 2) / rate
    waves = np.exp(2j * np.pi * np.outer(time, np.unique(lines)))
    parts = np.column_stack([waves.real, waves.imag])
    # Amplitude and phase may drift within a block.
    parts = np.column_stack([parts, parts * (time / time[-1])[:, None]])
    window = np.hanning(length + 2)[1:-1]
    fit = np.linalg.pinv(parts * window[:, None]) * window
    hum, weight = np.zeros(len(samples)), np.zeros(len(samples))
    for s in starts:
        hum[s : s + length] += window * (parts @ (fit @ samples[s : s + length]))
        weight[s : s + length] += window
    return (samples - hum / weight).astype(np.float32)


def band_passed(samples, rate, low, high):
    """Apply a Butterworth filter of order 2 both ways; 0 and rate / 2 are no cuts."""
    beyond = min(round(5.0 / max(low, 5.0) * rate), len(samples) - 1)
    samples = np.asarray(samples, float)
    # Turned about the first and the last sample, the sound goes on at either end.
    ahead = 2 * samples[0] - samples[beyond:0:-1]
    behind = 2 * samples[-1] - samples[-2 : -beyond - 2 : -1]
    whole = np.concatenate([ahead, samples, behind])
    n_fft = -(-len(whole) // 256) * 256
    turned = np.tan(np.pi * np.fft.rfftfreq(n_fft, 1 / rate)[1:] / rate)
    a, b = np.tan(np.pi * low / rate), np.tan(np.pi * high / rate)
    distance = (turned**2 - a * b) / (turned * (b - a))
    if high == rate / 2:
        distance = a / turned
    # Both ways: the square of the filter's own gain.
    gain = np.append(float(low == 0), 1 / (1 + distance**4))
    spectrum = np.fft.rfft(whole, n_fft) * gain
    return np.fft.irfft(spectrum, n_fft)[beyond : beyond + len(samples)]


def log_mel(samples, settings):
    """Return levels in dB, (n_mels, n_frames), of frames centred on each hop."""
    rate = settings["sample_rate"]
    n_fft = round(settings["frame_duration"] * rate)
    hop = round(settings["hop_duration"] * rate)
    # Slaney's mel scale, which is linear below 1 kHz.
    edges = np.linspace(settings["fmin"], settings["fmax"], settings["n_mels"] + 2)
    bins = np.fft.rfftfreq(n_fft, 1 / rate)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    bands = np.maximum(0, np.minimum(rising, falling))
    bands *= (2 / (edges[2:] - edges[:-2]))[:, None]
    padded = np.pad(np.asarray(samples, float), n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    power = bands @ (np.abs(np.fft.rfft(frames * hann)) ** 2).T
    floor = max(power.max() * 10 ** (-settings["top_db"] / 10), 1.1754944e-38)
    return 10 * np.log10(np.maximum(power, floor))


def without_silent_margins(image, silence_db):
    """Cut frames at either end whose loudest band is that far below the loudest."""
    loudest = image.max(axis=0)
    sounding = np.flatnonzero(loudest > loudest.max() - silence_db)
    return image[:, sounding[0] : sounding[-1] + 1]


def check_model(model):
    """Refuse a model with a setting that is not followed here."""
    spectrogram, trimmer, _ = model["steps"]
    predictor, sound = model["predictor"], spectrogram["settings"]
    followed = {
        "engine": predictor["engine"] == "onnx",
        "classes": len(model["classes"]["values"]) == 2,
        "n_channels": predictor["n_channels"] == 1,
        "spike_removal": not sound["spike_removal"],
        "duration": sound["duration"] is None,
        "fmax": sound["fmax"] <= 1000.0,
        "steps": trimmer["kind"] == "ImageTrimmer",
    }
    strange = [name for name, known in followed.items() if not known]
    if strange:
        raise NotImplementedError(f"a model with another setting of {strange}")


def judge_windows(image, run, predictor, output="logits"):
    """Return the mean logit of windows that overlap by half, the last flush.

    Or that of another output of the network, a number a column.
    """
    size = predictor["window_frames"]
    if predictor["standardize"]:
        image = (image - image.mean()) / image.std()
    last = max(image.shape[1] - size, 0)
    starts = np.unique([*range(0, last + 1, size // 2), last])
    # What is shorter than a window is repeated.
    frames = [np.arange(s, s + size) % image.shape[1] for s in starts]
    # Together or one by one: windows say the same.
    said = [run("network", image[None, :, rows, None], output)[0] for rows in frames]
    return np.mean(said, axis=0)


def state_probabilities(image, run, settings):
    """Return probabilities of S1, systole, S2 and diastole, (n_frames, 4)."""
    size, context = settings["window_frames"], settings["context_frames"]
    image = image - image.mean(axis=1, keepdims=True)
    image /= image.std()
    n_frames = image.shape[1]
    n_windows = -(-n_frames // size)
    padded = np.zeros((len(image), n_windows * size + 2 * context))
    padded[:, context : context + n_frames] = image
    windows = [
        padded[:, w * size : (w + 1) * size + 2 * context] for w in range(n_windows)
    ]
    logits = run("beats_tracker", np.stack(windows)[..., None]).reshape(-1, 4)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (odds / odds.sum(axis=1, keepdims=True))[:n_frames].astype(np.float32)


def likeliest_states(probabilities, frame_rate):
    """Return the states, 0 to 3, by a Viterbi search that knows how long they last."""
    longest = max(2, int(np.ceil(2.0 * frame_rate)))
    seconds = np.arange(1, longest + 1) / frame_rate
    stay = np.full((4, longest), -np.inf)
    for row, (median, spread, shortest, most) in zip(stay, DURATIONS, strict=True):
        possible = (seconds >= shortest) & (seconds <= most)
        row[possible] = -0.5 * (np.log(seconds[possible] / median) / spread) ** 2
        row -= np.log(np.exp(row).sum())
    with np.errstate(divide="ignore"):
        # A stay that an end of the recording cuts lasts at least so long.
        at_least = np.log(np.exp(stay)[:, ::-1].cumsum(axis=1)[:, ::-1])
    scores = np.log(probabilities.astype(np.float32) + 1e-4).astype(float)
    n_frames = len(scores)
    total = np.vstack([np.zeros(4), scores.cumsum(axis=0)])
    best = np.full((n_frames + 1, 4), -np.inf)  # of stays that end before a frame
    came = np.zeros((n_frames + 1, 4), int)  # how long they last
    for end in range(1, n_frames + 1):
        for state in range(4):
            lasts = np.arange(1, min(longest, end) + 1)
            before = best[end - lasts, state - 1]
            law = stay if end < n_frames else at_least
            value = before + law[state, lasts - 1]
            value += total[end, state] - total[end - lasts, state]
            choice = int(value.argmax())
            best[end, state], came[end, state] = value[choice], lasts[choice]
            if end <= longest:
                whole = at_least[state, end - 1] + total[end, state]
                if whole > best[end, state]:
                    best[end, state], came[end, state] = whole, end
    states = np.empty(n_frames, int)
    end, state = n_frames, int(best[n_frames].argmax())
    while end > 0:
        lasts = came[end, state]
        states[end - lasts : end] = state
        end, state = end - lasts, (state - 1) % 4
    return states


def find_stays(states):
    """Return first and last border in frames of the stays in each state."""
    edges = np.flatnonzero(np.diff(states)) + 1
    borders = np.concatenate([[0], edges, [len(states)]]) - 0.5
    order = states[np.concatenate([[0], edges])]
    stays = []
    for state in range(4):
        rows = np.flatnonzero(order == state)
        # Those that an end cuts are left out, where there are others.
        whole = rows[(rows > 0) & (rows < len(order) - 1)]
        rows = whole if len(whole) else rows
        stays.append((borders[rows], borders[rows + 1]))
    return stays


def between(frames, places):
    """Return rows of `frames` at places between them, by straight lines."""
    places = np.clip(places, 0, len(frames) - 1)
    before = np.minimum(places.astype(int), max(len(frames) - 2, 0))
    after = np.minimum(before + 1, len(frames) - 1)
    share = (places - before)[..., None]
    return frames[before] * (1 - share) + frames[after] * share


def standardised(beat):
    """Bring the first channel to mean 0 and deviation 1, the others along with it."""
    return (beat - beat[..., 0].mean()) / max(beat[..., 0].std(), 1e-3)


def average_beat(image, stays):
    """Return the median, lower fifth and mean over all stays, (n_bands, 52, 3)."""
    parts = []
    for (first, last), columns in zip(stays, COLUMNS, strict=True):
        within = (np.arange(columns) + 0.5) / columns
        places = first[:, None] + within * (last - first)[:, None]
        levels = between(image.T, places)  # (n_stays, columns, n_bands)
        low, middle = np.quantile(levels, [0.2, 0.5], axis=0)
        parts.append(np.stack([middle, low, levels.mean(axis=0)], axis=-1))
    return standardised(np.concatenate(parts).swapaxes(0, 1))


def phases_exchanged(beat):
    """Put the systole in the place of the diastole, and the other way round."""
    s1, systole, s2, diastole = np.split(beat, np.cumsum(COLUMNS)[:-1], axis=1)

    def resized(part, columns):
        n_bands, width, n_channels = part.shape
        places = (np.arange(columns) + 0.5) / columns * width - 0.5
        rows = between(part.swapaxes(0, 1).reshape(width, -1), places)
        return rows.reshape(columns, n_bands, n_channels).swapaxes(0, 1)

    parts = [s1, resized(diastole, COLUMNS[1]), s2, resized(systole, COLUMNS[3])]
    return standardised(np.concatenate(parts, axis=1))


def beat_regions(beat, n_beats):
    """Return levels of ten groups of bands by 13 of columns by 3, and the beats."""
    levels = beat - beat[..., :1].mean(axis=1, keepdims=True)
    bands = np.array_split(levels, 10, axis=0)
    if [len(group) for group in bands] != [len(beat) // 10] * 10:
        raise NotImplementedError("numbers of bands that ten does not divide")
    groups = np.stack([group.mean(axis=0) for group in bands])
    regions = groups.reshape(10, -1, 4, 3).mean(axis=2)
    return np.append(regions.ravel(), n_beats)


def steadiness(stays, probabilities, frame_rate):
    """Return eight numbers of how evenly and clearly the heart beats, or None."""
    intervals = np.diff(stays[0][0]) / frame_rate
    if len(intervals) < 2:
        return None
    spreads = [intervals.std()]
    spreads += [(last - first).std() / frame_rate for first, last in stays]
    spreads.append(np.sqrt(np.mean(np.diff(np.log(intervals)) ** 2)))
    s1 = probabilities[:, 0].astype(float) - probabilities[:, 0].mean(dtype=float)
    power, regular = np.mean(s1**2), [1.0]
    last = min(round(1.6 * frame_rate), len(s1) // 2)
    lags = range(round(0.3 * frame_rate), last + 1)
    if lags and power >= 1e-9:
        regular = [np.mean(s1[lag:] * s1[:-lag]) / power for lag in lags]
    clarity = probabilities.max(axis=1).mean()
    return [*np.log(np.maximum(spreads, 1e-3)), clarity, max(regular)]


def level_quantiles(image):
    """Return quantiles of each band's levels over time, for all bands in turn."""
    levels = np.quantile(image, [0.1, 0.5, 0.9], axis=1)
    return ((levels - image.mean()) / max(image.std(), 1e-6)).ravel()


def score(image, model, run):
    """Return the log odds of the second class, "normal", before its calibration."""
    predictor = model["predictor"]
    logits = judge_windows(image, run, predictor)
    # One is in favour of the second class; of two, their difference is.
    total = float(logits[-1] - sum(logits[:-1]))
    beats = predictor.get("beats")
    if not beats:
        return total
    settings, share = beats["settings"], beats["share"]
    frame_rate = 1 / settings["hop_duration"]
    tracked = image[: beats["tracked_bands"]]
    probabilities = state_probabilities(tracked, run, settings)
    stays = find_stays(likeliest_states(probabilities, frame_rate))
    n_beats = min(len(first) for first, _ in stays)
    if n_beats == 0:
        return total
    beat = average_beat(image, stays)
    sign = beats.get("either_phase", [0])[0]
    seen = np.stack([beat, phases_exchanged(beat)] if sign else [beat])

    def judged(name):
        said = run(name, seen)[:, 0]
        return float(sign * (sign * said).max()) if sign else float(said[0])

    network = judged("beats_network")
    mean = total + share * (network - total)
    steady = None
    if beats.get("steadiness"):
        steady = steadiness(stays, probabilities, frame_rate)
        steady = None if steady is None else run("beats_steadiness", [steady])[0, 0]
    strange = 0.0
    if beats.get("familiarity"):
        familiar = run("beats_familiarity", [level_quantiles(image)])[0, 0]
        strange = 1 / (1 + np.exp(familiar))
    if steady is not None:
        # What sounds strange is judged by steadiness in the place of the windows.
        total += (2.0 * steady - total) * strange
    total += share * (network - total)
    if beats.get("units"):
        # What both networks hear before they judge is judged by trees.
        units = [
            judge_windows(image, run, predictor, "embedding"),
            run("beats_network", [beat], "embedding")[0],
        ]
        said = run("beats_units", [np.concatenate(units)])[0, 0]
        total += share * (1 - strange) * (said - mean)
    if beats.get("linear"):
        weight = share * n_beats / (n_beats + 10)
        total += (judged("beats_linear") - total) * weight / (1 + weight)
    if steady is not None:
        total += share * steady
    if beats.get("made"):
        sign = beats["made_sign"]
        heard = sign * run("beats_made", [beat_regions(beat, n_beats)])[0, 0]
        total += 4.0 * share * sign * max(heard - 1.0, 0.0)
    return float(total)


def check_sound(samples, least):
    """Refuse what holds no sound, as the library does."""
    if not np.isfinite(samples).all():
        raise ValueError("Expected samples that are numbers, got NaN or infinity.")
    if len(samples) < least or np.ptp(samples) == 0:
        raise ValueError(f"Expected {least} samples or more that vary: no sound here.")
    if not 1e-15 <= np.abs(samples).max() <= 1e15:
        raise ValueError("Expected samples whose power float32 holds: scale them.")


def answer(samples, model, run):
    """Return the probability of each class by samples at 1000 Hz, without gaps."""
    check_model(model)
    spectrogram, trimmer, _ = (step["settings"] for step in model["steps"])
    samples, rate = np.asarray(samples), spectrogram["sample_rate"]
    check_sound(samples, round(spectrogram["frame_duration"] * rate))
    samples = without_offset(samples)
    if spectrogram.get("hum_removal"):
        samples = without_hum(samples, rate)
    if spectrogram["band_pass"]:
        samples = band_passed(samples, rate, *spectrogram["band_pass"])
    image = log_mel(samples, spectrogram)
    image = image[model["steps"][1]["learned"]["bands"]]
    if trimmer["trim_time"]:
        image = without_silent_margins(image, trimmer["silence_db"])
    found = model["predictor"]["calibration"]
    odds = found["slope"] * (score(image, model, run) + found["shift"][0])
    odds += sum(found["intercept"])  # none where nothing was left out to fit it to
    first, second = model["classes"]["values"]
    normal = 1 / (1 + np.exp(-odds))
    return {first: float(1 - normal), second: float(normal)}


def answer_file(path, model, run):
    """Return the probability of each class by a recording in a file."""
    import soundfile
    import soxr

    check_model(model)
    # Single precision would lose a sound beside an offset that is large enough.
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    samples = samples.mean(axis=1)
    check_sound(samples, 1)
    if rate < 10:
        raise ValueError(f"Expected a rate of 10 Hz or more, got {rate}.")
    spectrogram = model["steps"][0]["settings"]
    if spectrogram.get("gap_removal"):
        samples = without_gaps(samples, rate)
    check_sound(samples, 1)
    samples = without_offset(samples)
    if rate != spectrogram["sample_rate"]:
        samples = soxr.resample(samples, rate, spectrogram["sample_rate"], "HQ")
    return answer(samples, model, run)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python answer_by_hand.py MODEL.hbc RECORDING.wav ...")
    boxed, networks = read_model(sys.argv[1])
    failed = False
    for recording in sys.argv[2:]:
        try:
            found = answer_file(recording, boxed, networks)
        except (OSError, ValueError, RuntimeError) as error:
            failed = True
            print(f"{recording}: {error}", file=sys.stderr)
            continue
        print(recording, {name: round(value, 4) for name, value in found.items()})
    print("Not a medical device: for research and teaching.", file=sys.stderr)
    sys.exit(int(failed))
