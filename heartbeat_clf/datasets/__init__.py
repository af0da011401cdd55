"""Heart-sound recordings: published data sets, one's own, and synthetic ones.

Every function returns a `sklearn.utils.Bunch` with ``recordings`` and ``target``
(what `fit` takes), ``subjects`` (what ``groups=`` takes), ``subjects_known``,
``metadata``, ``target_names``, ``notes`` and ``DESCR``.
"""

from __future__ import annotations

from heartbeat_clf.datasets.cinc2016 import load_cinc2016
from heartbeat_clf.datasets.circor import load_circor, read_segmentation
from heartbeat_clf.datasets.fetch import fetch_cinc2016, fetch_circor, fetch_pascal
from heartbeat_clf.datasets.pascal import load_pascal
from heartbeat_clf.datasets.synthetic import make_heart_sounds
from heartbeat_clf.datasets.table import load_recordings, write_recordings

__all__ = [
    "fetch_cinc2016",
    "fetch_circor",
    "fetch_pascal",
    "load_cinc2016",
    "load_circor",
    "load_pascal",
    "load_recordings",
    "make_heart_sounds",
    "read_segmentation",
    "write_recordings",
]
