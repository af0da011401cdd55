"""What a classifier keeps of its training, also in a pickle.

TensorFlow, Keras and SciKeras are imported inside the methods that need them.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from heartbeat_clf.prediction import WindowPredictor
    from heartbeat_clf.training import WindowTrainer
    from heartbeat_clf.training_task import TrainingTask

__all__ = ["KeptTraining"]


class KeptTraining(BaseEstimator):
    """Base of a classifier: its trained network, packed where Keras need not load."""

    classes_: np.ndarray
    history_: dict[str, list[float]]
    n_epochs_: int
    initial_share_: float
    predictor_: WindowPredictor

    @property
    def estimator_(self) -> WindowTrainer:
        """The SciKeras object that was trained; brought back after unpickling."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError("estimator_ appears after fit.")
        if "_trainer" not in self.__dict__:
            from heartbeat_clf.training_task import restore_trainer

            self._trainer = restore_trainer(
                self._network,
                n_classes=len(self.classes_),
                history=self.history_,
                seed=self._seed,
            )
        return self._trainer

    def network_archive(self) -> bytes:
        """Return the trained network as the bytes of a ``.keras`` file.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        check_is_fitted(self)
        return zlib.decompress(self.__getstate__()["_network"])

    def training_state(self) -> dict[str, Any]:
        """Return what training on needs beside the network, as plain values."""
        check_is_fitted(self)
        return {
            "seed": self._seed,
            "class_totals": self._class_totals.tolist(),
            "initial_share": self.initial_share_,
        }

    def restore_training(
        self, archive: bytes, history: dict[str, list[float]], state: dict[str, Any]
    ) -> None:
        """Take back what `network_archive` and `training_state` gave."""
        self._network = zlib.compress(archive, 1)
        self._seed = int(state["seed"])
        self._class_totals = np.asarray(state["class_totals"], dtype=float)
        # Models of before there was one have none.
        self.initial_share_ = float(state.get("initial_share", 0.0))
        self.history_ = history
        self.n_epochs_ = len(history["loss"])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "predictor_")

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        trainer = state.pop("_trainer", None)
        if trainer is not None:
            from heartbeat_clf.training import pack_network

            state["_network"] = pack_network(trainer.model_)
        return state

    def _keep(self, task: TrainingTask, trainer: WindowTrainer) -> None:
        """Keep what a fit made."""
        self.__dict__.pop("_network", None)
        # They were those of other weights.
        self.__dict__.pop("operating_points_", None)
        self._trainer = trainer
        self._class_totals = task.class_totals
        self._seed = task.seed
        self.initial_share_ = task.initial_share
        self.history_ = task.history
        self.n_epochs_ = len(task.history["loss"])
        self.predictor_ = task.predictor(trainer.model_)
