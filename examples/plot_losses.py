"""
What do AUROC losses ask for?
=============================

The AUROC is the share of pairs of a murmur and a normal recording in which the murmur
scores higher. Training needs something smoother. This example draws the surrogates
and trains the same small network with three losses.
"""

# %%
# What a pair costs
# -----------------
# Let d be the score of the positive recording less that of the negative one. The step
# function is what the AUROC counts; each surrogate is a loss on a batch of one pair.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from heartbeat_clf import HeartbeatClassifier, SpectrogramTransformer
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.evaluation import auroc, subject_split
from heartbeat_clf.losses import PairwiseAUROCLoss

differences = np.linspace(-3, 3, 31)
labels = np.array([[1.0], [0.0]])


def cost_of_pair(loss, difference):
    """Return what a loss makes of a positive `difference` above its negative."""
    scores = np.array([[difference], [0.0]], dtype=np.float32)
    return float(loss(labels, scores))


figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
axis.step(differences, differences <= 0, color="0.4", ls="--", label="1 - AUROC")
for surrogate in ("logistic", "sigmoid", "hinge", "squared_hinge", "wmw"):
    loss = PairwiseAUROCLoss(surrogate)
    costs = [cost_of_pair(loss, difference) for difference in differences]
    axis.plot(differences, costs, label=surrogate)
axis.set(
    xlabel="d: score of the positive less that of the negative",
    ylabel="cost of the pair",
    ylim=(-0.1, 5),
)
axis.legend()
plt.show()

# %%
# All fall as d grows. The sigmoid is bounded, so that a wrong label does little harm,
# but it is flat where a pair is far wrong. The hinges stop at their margin; the
# logistic one, which the default loss uses, never quite stops.

# %%
# A shift changes nothing
# -----------------------
# Only differences count. A constant on all scores leaves a pairwise loss as it was,
# whereas cross-entropy, half of the default loss, fixes where the scores lie.

pairwise = PairwiseAUROCLoss()
batch_labels = np.array([1, 1, 0, 0, 0], dtype=np.float32)
batch_scores = np.array([[2.0], [0.5], [1.0], [-1.0], [0.0]], dtype=np.float32)
print(f"as it is: {float(pairwise(batch_labels, batch_scores)):.4f}")
print(f"shifted:  {float(pairwise(batch_labels, batch_scores + 7)):.4f}")

# %%
# Three losses, one network
# -------------------------
# Few clips and few epochs, to see what differs and not which is best. Training and
# test share no subject.

sounds = make_heart_sounds(
    24, murmur_fraction=0.35, murmur_grade=(1, 4), duration=(3, 5), random_state=0
)
images = SpectrogramTransformer(n_mels=24).transform(sounds.recordings)
train, _, test = subject_split(
    sounds.target, sounds.subjects, test_size=0.4, validation_size=None
)
# Labels are sorted, so that the score speaks for the second: here for a murmur.
y = np.where(sounds.target == "murmur", 1, 0)

scores = {}
for loss in ("binary_crossentropy", "auroc", "auroc_crossentropy"):
    classifier = HeartbeatClassifier(
        loss=loss, epochs=15, batch_size=4, window_frames=125, random_state=0
    )
    classifier.fit(images[train], y[train])
    scores[loss] = classifier.decision_function(images[test])

figure, axes = plt.subplots(
    1, 3, figsize=(11, 3.6), sharex=True, sharey=True, layout="constrained"
)
rng = np.random.default_rng(0)
for axis, (loss, values) in zip(axes, scores.items(), strict=True):
    for code, color in enumerate(("tab:blue", "tab:red")):
        chosen = values[y[test] == code]
        spread = code + rng.uniform(-0.15, 0.15, len(chosen))
        axis.scatter(chosen, spread, s=18, color=color, alpha=0.7)
    axis.axvline(0, color="0.5", lw=0.8)
    value = auroc(y[test] == 1, values)
    axis.set(title=f"{loss}\nAUROC {value:.2f}", xlabel="score (logit)")
axes[0].set_yticks([0, 1], ["normal", "murmur"])
plt.show()

# %%
# The three rank much alike. What differs is where the scores lie. The grey line is
# zero, where ``predict`` cuts: with pairs alone, in the middle, nothing ties it to even
# odds, and nearly every recording lies left of it. That is why scores of AUROC losses
# are calibrated before they are read as probabilities.
