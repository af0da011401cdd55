"""
What does trimming throw away?
==============================

Recordings start late, end early and lack high frequencies: silent margins and empty
bands that cost time and tell a network which device was used. ``ImageTrimmer`` drops
both. It learns the bands in ``fit``, so test recordings have no say in them.
"""

# %%
# Recordings with something to drop
# ---------------------------------
# Synthetic sounds are low-passed at 200 Hz, as by some digital stethoscopes, and put
# between stretches of digital silence.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from PIL import ImageOps
from scipy.signal import butter, sosfiltfilt

from heartbeat_clf import ImageTrimmer, SpectrogramTransformer
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.images import crop_uniform_border
from heartbeat_clf.spectrogram import render_image

rng = np.random.default_rng(0)
sounds = make_heart_sounds(12, duration=(3.0, 5.0), random_state=0)
low_pass = butter(10, 200.0, fs=sounds.sample_rate, output="sos")
recordings = []
for recording in sounds.recordings:
    margins = rng.integers(200, 900, size=2)
    recordings.append(sosfiltfilt(low_pass, np.pad(recording, margins)))

# %%
# Which bands are kept
# --------------------
# A band counts in a recording if its levels, silent margins left aside, span more than
# ``min_range_db``. It is kept if it counts in at least ``min_fraction`` of them.

transformer = SpectrogramTransformer()
images = transformer.fit_transform(recordings)
trimmer = ImageTrimmer().fit(images)
print("kept", len(trimmer.bands_), "of", trimmer.n_bands_in_, "bands")

in_time_only = ImageTrimmer(bands="all").fit_transform(images)
ranges = np.array([np.ptp(image, axis=1) for image in in_time_only])
counts = (ranges > trimmer.min_range_db).mean(axis=0)
kept = np.isin(np.arange(trimmer.n_bands_in_), trimmer.bands_)

figure, axis = plt.subplots(figsize=(8, 3.5), layout="constrained")
for choice, color, name in ((kept, "tab:blue", "kept"), (~kept, "0.7", "dropped")):
    axis.bar(
        transformer.frequencies_[choice], counts[choice], 9, color=color, label=name
    )
axis.axhline(trimmer.min_fraction, color="tab:red", label="min_fraction")
axis.set(xlabel="band centre (Hz)", ylabel="share of recordings\nin which it counts")
axis.legend(loc="center right")
plt.show()

# %%
# Every band below the filter's cut varies in every recording. Above it all levels lie
# at the floor that ``top_db`` sets: nothing varies, and the bands go.

# %%
# Before and after
# ----------------
# A frame is silent if all kept bands lie ``silence_db`` or more below the loudest
# level. Only margins are cut: pauses between beats are part of the rhythm.

trimmed = trimmer.transform(images)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
for axis, image, bands, title in (
    (axes[0], images[0], np.arange(trimmer.n_bands_in_), "before"),
    (axes[1], trimmed[0], trimmer.bands_, "after"),
):
    axis.pcolormesh(
        transformer.frame_times(image.shape[1]),
        transformer.frequencies_[bands],
        image,
        shading="nearest",
        cmap="magma",
    )
    axis.set(
        title=f"{title}: {image.shape[0]} bands, {image.shape[1]} frames",
        xlabel="time (s)",
        ylabel="frequency (Hz)",
    )
plt.show()

# %%
# The black margins and the black upper half are gone. What is left fills the image,
# which matters because the classifier standardises each recording as a whole.

# %%
# Pictures
# --------
# Pictures saved by a plotting program have uniform borders as well.
# ``crop_uniform_border`` removes them from any picture, twice over by default, since a
# saved figure often has a white margin around an empty one.

picture = render_image(trimmed[0], width=500, height=200)
bordered = ImageOps.expand(ImageOps.expand(picture, 40, "black"), 40, "white")
cropped = crop_uniform_border(bordered)

figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for axis, shown, title in (
    (axes[0], bordered, "with two borders"),
    (axes[1], cropped, "cropped"),
):
    axis.imshow(shown, extent=(0, shown.width, 0, shown.height))
    axis.set(title=f"{title}: {shown.width} x {shown.height} pixels")
    axis.set(xlim=(0, bordered.width), ylim=(0, bordered.height), facecolor="0.85")
plt.show()

# %%
# Both borders are gone on the right. Dark columns at the edges of the picture itself
# can go with a dark border: what is like the border counts as border.
