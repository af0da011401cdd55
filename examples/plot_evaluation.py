"""
Why must a split keep subjects together?
========================================

Most collections have several clips of one person. If some of them are in training and
others in test, a model can recognise the person and knows the label. This example
shows it with logistic regression on plain averages: no network is needed to leak.
"""

# %%
# Hearts that are hard to tell apart
# ----------------------------------
# Thirty subjects with six clips each, faint murmurs and much noise.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from heartbeat_clf import SpectrogramTransformer
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.evaluation import evaluate

sounds = make_heart_sounds(
    30,
    recordings_per_subject=6,
    murmur_fraction=0.4,
    murmur_grade=(1, 2),
    noise_level=(-24.0, -20.0),
    random_state=0,
)
images = SpectrogramTransformer(top_db=60.0).transform(sounds.recordings)

# %%
# Three numbers a band describe a clip: mean, standard deviation and the level that
# one frame in twenty exceeds, all relative to the clip's loudest point.

features = np.array(
    [
        np.concatenate(
            [
                image.mean(axis=1) - image.max(),
                image.std(axis=1),
                np.percentile(image, 95, axis=1) - image.max(),
            ]
        )
        for image in images
    ]
)

# %%
# Clips of one person are alike
# -----------------------------
# For each clip, look for the one most like it among all others.

standard = StandardScaler().fit_transform(features)
distances = pairwise_distances(standard)
np.fill_diagonal(distances, np.inf)
same_person = sounds.subjects[distances.argmin(axis=1)] == sounds.subjects
by_chance = 5 / (len(features) - 1)
print(f"nearest clip is of the same person: {same_person.mean():.0%}")
print(f"by chance: {by_chance:.0%}")

# %%
# Both splits
# -----------
# ``evaluate`` makes folds by subject. ``random_split=True`` adds folds that ignore
# them, in the last column, as a warning.

model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
result = evaluate(
    model,
    features,
    sounds.target,
    groups=sounds.subjects,
    n_repeats=2,
    operating_point=None,
    random_split=True,
)
print(result)

# %%
# Now fold by fold.

figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
rng = np.random.default_rng(0)
for place, (evaluation, color) in enumerate(
    (
        (result, "tab:blue"),
        (result.random_split, "tab:red"),
    )
):
    values = [fold["auroc_recording"] for fold in evaluation.folds]
    axis.scatter(
        place + rng.uniform(-0.12, 0.12, len(values)), values, color=color, alpha=0.5
    )
    mean = evaluation.summary["auroc_recording"].value
    axis.hlines(mean, place - 0.25, place + 0.25, color=color)
    axis.annotate(f"{mean:.2f}", (place + 0.28, mean), va="center", color=color)
axis.axhline(0.5, color="0.6", ls="--", lw=1)
axis.text(1.48, 0.505, "guessing", color="0.4", ha="right", va="bottom")
axis.set(
    xlim=(-0.5, 1.5),
    xticks=[0, 1],
    xticklabels=["folds by subject", "folds at random"],
    ylabel="AUROC a recording, in a fold",
)
plt.show()

# %%
# The same model on the same clips: random folds report a far better and far steadier
# one. Nothing of that gain would be there for a person whom the model has not heard.
# With subjects kept apart, folds scatter widely, which is the honest picture of thirty
# subjects.
