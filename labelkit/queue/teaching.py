"""The order ``teaching``: first the faces that speak for many others and for none that has been heard.

What a model gets wrong is taken for a Gaussian process over the faces, whose covariance is how much
they are alike, and a corrected face for an observation of it. Each time the face comes next that would
take most of the variance off all faces together: transductive experimental design (Yu, Bi and Tresp
2006, "Active learning via transductive experimental design", ICML), with a kernel.

How much a model doubts a face does not count: odd faces are doubted most. Models that had been trained
for a short while learnt less from those than from faces taken at random, and a little more in this order;
of a model that knew faces well no order taught more than another (`benchmarks/active.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelkit.geometry import Array
from labelkit.queue.spread import Look, likeness

#: The variance of what is a face's own in a correction, beside 1 of what it may share with others.
_OWN = 2.0


def speak_for_others(faces: Sequence[Look], corrected: Sequence[Look] = ()) -> list[int]:
    """The places of ``faces`` in the order in which to work, where a model is to learn from them;
    ``corrected`` are those from which it learns already.

    Faces without a signature speak for themselves alone. Takes time with the cube of the number of
    faces: meant for blocks of some hundred.
    """
    covariance = _unheard(likeness([*corrected, *faces]), len(corrected))
    left = np.ones(len(faces), bool)
    order: list[int] = []
    for _ in faces:
        told = (covariance**2).sum(axis=0) / (_OWN + covariance.diagonal())
        best = int(np.argmax(np.where(left, told, -1.0)))
        order.append(best)
        left[best] = False
        covariance -= np.outer(covariance[best], covariance[best]) / (_OWN + covariance[best, best])
    return order


def _unheard(alike: Array, heard: int) -> Array:
    """The covariance of the faces after the first ``heard``, once those are known."""
    between = alike[:heard, heard:]
    seen = alike[:heard, :heard] + _OWN * np.eye(heard)
    return np.asarray(alike[heard:, heard:] - between.T @ np.linalg.solve(seen, between))
