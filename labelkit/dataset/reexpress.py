"""Faces of one scheme brought into another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from labelkit.dataset.sample import Sample
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import Scheme
from labelkit.scheme.convert import converter


def reexpress(samples: Sequence[Sample], source: Scheme, target: Scheme) -> list[Sample]:
    """The faces with their landmarks in the scheme ``target``, all points of state ``predicted``.

    Points whose place both schemes share keep what is known of their visibility. Boxes stay: one
    of kind ``landmarks`` says to which scheme it belongs. Raises `SchemeError` when ``source``
    cannot place a face.
    """
    rows = [row for row, sample in enumerate(samples) if sample.landmarks is not None]
    faces = [face for sample in samples if (face := sample.landmarks) is not None]
    found = list(samples)
    if not faces:
        return found
    conversion = converter(source, target)(np.stack([face.xy for face in faces]))
    known = np.stack([face.visibility for face in faces])[:, conversion.origin]
    visibility = np.where(conversion.shared, known, Visibility.UNKNOWN)
    for row, points, seen in zip(rows, conversion.points, visibility, strict=True):
        found[row] = replace(samples[row], landmarks=Landmarks(target, points, State.PREDICTED, seen))
    return found
