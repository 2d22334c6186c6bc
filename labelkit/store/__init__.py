"""The project's database: photos, faces, annotations, predictions, journals and jobs in SQLite."""

from __future__ import annotations

from labelkit.store.browse import PhotoKind
from labelkit.store.store import Store
from labelkit.store.values import (
    FINISHED,
    NEW_POINTS,
    Attributes,
    Delta,
    Event,
    EventKind,
    FaceState,
    ImageCounts,
    ImportCounts,
    Job,
    JobState,
    Journal,
    NewAnnotation,
    NewFace,
    NewImage,
    NewPrediction,
    OpenJournal,
    Order,
    SchemeRevision,
    SchemeSwitch,
    StoredFace,
    StoredImage,
    StoredPrediction,
)

__all__ = [
    "FINISHED",
    "NEW_POINTS",
    "Attributes",
    "Delta",
    "Event",
    "EventKind",
    "FaceState",
    "ImageCounts",
    "ImportCounts",
    "Job",
    "JobState",
    "Journal",
    "NewAnnotation",
    "NewFace",
    "NewImage",
    "NewPrediction",
    "OpenJournal",
    "Order",
    "PhotoKind",
    "SchemeRevision",
    "SchemeSwitch",
    "Store",
    "StoredFace",
    "StoredImage",
    "StoredPrediction",
]
