"""
What does a murmur look like?
=============================

A heart sounds twice a beat: S1 as the valves to the ventricles close, S2 as those to
the arteries do. Between them it is silent, unless blood flows turbulently: a murmur.
The classifier sees recordings as log-mel images, so this example looks at them.
"""

# %%
# Two synthetic hearts
# --------------------
# ``make_heart_sounds`` draws subjects and renders clips of them. Here are two subjects
# with little noise, one of them with a murmur between S1 and S2. Synthetic sounds show
# how things work; what is measured on them says nothing about hearts.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from heartbeat_clf import SpectrogramTransformer
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.spectrogram import render_image

sounds = make_heart_sounds(
    2,
    recordings_per_subject=1,
    duration=4.0,
    heart_rate=65.0,
    murmur_grade=5,
    murmur_pitch=180.0,
    noise_level=-36.0,
    random_state=1,
)
rows = {label: list(sounds.target).index(label) for label in ("normal", "murmur")}

# %%
# From waveform to image
# ----------------------
# The transformer has one row a recording. With ``duration=None`` each image keeps its
# own length; all have ``n_mels`` bands and one frame each ``hop_duration`` seconds.

transformer = SpectrogramTransformer().fit(sounds.recordings)
images = transformer.transform(sounds.recordings)
print([image.shape for image in images])


def show_image(axis, image, transformer, title):
    """Draw an image over time in seconds and frequency in Hz."""
    times = transformer.frame_times(image.shape[1])
    mesh = axis.pcolormesh(
        times, transformer.frequencies_, image, shading="nearest", cmap="magma"
    )
    axis.set(title=title, xlabel="time (s)", ylabel="frequency (Hz)")
    return mesh


figure, axes = plt.subplots(
    2, 2, figsize=(10, 6), sharex=True, sharey="row", layout="constrained"
)
for column, (label, row) in zip(axes.T, rows.items(), strict=True):
    waveform = sounds.recordings[row] / np.abs(sounds.recordings[row]).max()
    column[0].plot(
        np.arange(len(waveform)) / sounds.sample_rate, waveform, lw=0.5, color="0.3"
    )
    for name, style in (("s1_times", "-"), ("s2_times", ":")):
        for time in sounds.metadata[name][row]:
            column[0].axvline(time, color="tab:red", ls=style, lw=0.8)
    column[0].set(title=label, xlim=(0, 2.5), ylabel="amplitude (scaled)")
    mesh = show_image(column[1], images[row], transformer, None)
    for axis in column:
        axis.label_outer()
figure.colorbar(mesh, ax=axes[1], label="level (dB)")
plt.show()

# %%
# Solid lines mark S1, dotted ones S2. Both hearts have two bright columns a beat. In
# the murmur's image a cloud around its pitch fills the gap from S1 to S2; in the normal
# one that gap is as dark as the longer one after S2.

# %%
# What the settings do
# --------------------
# A longer frame tells frequencies apart but smears time. ``top_db`` cuts off what lies
# far below the loudest point. Every setting is a parameter, so a search can choose it.

variants = {
    "default": SpectrogramTransformer(),
    "frame_duration=0.256": SpectrogramTransformer(frame_duration=0.256),
    "top_db=40": SpectrogramTransformer(top_db=40.0),
}
figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), sharey=True, layout="constrained")
for axis, (title, variant) in zip(axes, variants.items(), strict=True):
    image = variant.fit_transform([sounds.recordings[rows["murmur"]]])[0]
    mesh = show_image(axis, image, variant, title)
    axis.set_xlim(0, 2.5)
    figure.colorbar(mesh, ax=axis)
    axis.label_outer()
plt.show()

# %%
# With frames of a quarter of a second the murmur bleeds into the sounds beside it. With
# ``top_db=40`` the noise is gone, and a fainter murmur would have gone with it.

# %%
# A picture for people
# --------------------
# The image is data. ``render_image`` makes a picture of it, without axes, that can be
# saved as PNG; the same from the command line is ``heartbeat-clf spectrogram IN OUT``.

picture = render_image(images[rows["murmur"]], width=900, height=300)
figure, axis = plt.subplots(figsize=(9, 3), layout="constrained")
axis.imshow(picture)
axis.set_axis_off()
plt.show()

# %%
# Low frequencies are at the bottom, and the loudest point is the lightest. The scale
# starts anew for each picture, so brightness cannot be compared between two of them.
