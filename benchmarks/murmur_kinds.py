"""Kinds of murmurs, of the pitch and shape that textbooks give them.

CirCor's murmurs are systolic. What a model makes of other kinds is asked of normal
recordings with made murmurs in a phase (Walker, Hall and Hurst, eds., Clinical Methods,
3rd ed. 1990, chapters 26 and 27). Real hearts and real noise, but no real murmurs: they
show what a model is deaf to, and not how well it hears the rest.
"""

from __future__ import annotations

from heartbeat_clf.made_murmurs import MurmurKind

__all__ = ["KINDS"]

KINDS = {
    "ejection": MurmurKind((80, 300), ((0, 0), (0.5, 1), (1, 0))),
    "pansystolic": MurmurKind((100, 400), ((0, 1), (1, 1))),
    "late systolic": MurmurKind((100, 400), ((0.5, 0), (0.6, 0.6), (1, 1))),
    "early diastolic": MurmurKind((150, 450), diastole=((0, 1), (0.7, 0))),
    "rumble": MurmurKind(
        (30, 100), diastole=((0.15, 0), (0.3, 1), (0.6, 0.5), (0.8, 0.6), (1, 1))
    ),
    "continuous": MurmurKind(
        (80, 350), ((0, 0.4), (1, 1)), diastole=((0, 1), (0.7, 0.2), (1, 0.4))
    ),
}
"""As of a narrow aortic, leaking mitral, prolapsing mitral, leaking aortic and narrow
mitral valve, and of an open ductus arteriosus."""
