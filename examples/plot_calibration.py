"""
When is a score a probability?
==============================

A model can rank well and still be wrong about how sure it is. A pairwise AUROC loss
asks for the ranking alone. This example trains with it, and mends the probabilities on
subjects that the network has not seen.
"""

# %%
# Three parts that share no subject
# ---------------------------------
# One to train, one to calibrate, and a large one to see the outcome. Murmurs are faint,
# so that errors remain.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from heartbeat_clf import make_heartbeat_pipeline
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.evaluation import subject_split

sounds = make_heart_sounds(
    200,
    recordings_per_subject=1,
    murmur_grade=(1, 4),
    noise_level=(-28.0, -18.0),
    duration=3.0,
    random_state=0,
)
X, y = sounds.recordings, sounds.target == "murmur"
train, calibrate, test = subject_split(
    y, sounds.subjects, test_size=0.5, validation_size=0.2
)

# %%
# Train, then calibrate
# ---------------------
# ``FrozenEstimator`` keeps the pipeline as it is: ``CalibratedClassifierCV`` then fits
# the map from score to probability alone, here slope and intercept of a sigmoid.

pipeline = make_heartbeat_pipeline(
    loss="auroc",
    n_mels=24,
    window_duration=2.0,
    epochs=25,
    batch_size=8,
    random_state=0,
)
pipeline.fit(X[train], y[train])
calibrated = CalibratedClassifierCV(FrozenEstimator(pipeline), method="sigmoid")
calibrated.fit(X[calibrate], y[calibrate])

# %%
# What changed
# ------------

probabilities = {
    "as trained": pipeline.predict_proba(X[test])[:, 1],
    "calibrated": calibrated.predict_proba(X[test])[:, 1],
}
for name, p in probabilities.items():
    print(
        f"{name}: AUROC {roc_auc_score(y[test], p):.3f}, Brier score "
        f"{brier_score_loss(y[test], p):.3f}, log loss {log_loss(y[test], p):.3f}"
    )

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for (name, p), color in zip(
    probabilities.items(), ("tab:red", "tab:blue"), strict=True
):
    CalibrationDisplay.from_predictions(
        y[test],
        p,
        n_bins=5,
        strategy="quantile",
        name=name,
        ax=axes[0],
        color=color,
    )
    axes[1].hist(
        p, np.linspace(0, 1, 21), histtype="step", color=color, label=name, lw=1.5
    )
axes[0].set(xlabel="probability that was told", ylabel="share of murmurs")
axes[1].set(xlabel="probability that was told", ylabel="recordings")
axes[1].legend()
plt.show()

# %%
# On the left, points on the dotted line are probabilities that can be taken at their
# word. As trained they lie off it: of the recordings that are called almost certainly
# normal, more than a few are murmurs. Calibration brings the points near the line and,
# on the right, the probabilities away from zero. The ranking, and with it the AUROC,
# stays as it was.

# %%
# With ``validation_fraction`` the classifier does the same on its own, on subjects that
# it holds back where ``groups`` reach ``fit``.
