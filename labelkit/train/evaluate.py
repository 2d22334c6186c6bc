"""How far a model is from annotations, with their boxes or with a detector's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labelkit.dataset import Dataset
from labelkit.errors import BoxError, InputError
from labelkit.geometry import Array, Box, iou_matrix
from labelkit.images import ImageFile, RGBImage
from labelkit.metrics import auc, bootstrap_interval, calibration, failure_rate, nme
from labelkit.models.predictor import LandmarkModel
from labelkit.models.stream import Photo, PhotoResult, predict_photos
from labelkit.prediction import Prediction
from labelkit.scheme import Scheme

#: A detection is that of a labelled face from this overlap of their tight boxes on.
SAME_FACE = 0.4

#: Detections that are looked at in one photo, best first.
MOST_DETECTIONS = 10


#: Errors of points, as shares of the IOD, of which it is told how many stay below.
CLOSE = (0.03, 0.05)


@dataclass(frozen=True)
class Match:
    """A labelled face, ``true`` (N, 2) in image px, and what was predicted for it; None: it was
    not found."""

    image: ImageFile
    true: Array
    prediction: Prediction | None


@dataclass(frozen=True)
class Evaluation:
    """Errors of the faces that were found, as fractions of their distances.

    ``nme_io`` and ``nme_box`` (M,): by inter-ocular distance and by the square root of the
    tight box's area; ``missed`` labelled faces without a match, ``extra`` detections
    without one; ``point_errors`` (M, N) by inter-ocular distance. ``groups`` names the group
    of every point, and ``matches`` are all labelled faces: the M that were found, in the order
    of the errors, then those that were missed.
    """

    nme_io: Array
    nme_box: Array
    point_errors: Array
    missed: int
    extra: int
    faces_per_s: float
    network_faces_per_s: float
    ellipses: dict[str, float]
    problems: tuple[str, ...]
    groups: tuple[str, ...] = ()
    matches: tuple[Match, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The contract of ``labelkit evaluate --json``: errors and rates in percent, AUC
        0 to 1. Beside it the 95 % bootstrap interval of ``nme_io``, and under ``points``, for the
        points of every group and for all, the mean error and the shares `CLOSE` to the label."""
        low, high = bootstrap_interval(self.nme_io)
        return {
            "faces": len(self.nme_io) + self.missed,
            "found": len(self.nme_io),
            "extra": self.extra,
            "nme_io": 100 * _mean(self.nme_io),
            "nme_io_interval": [100 * low, 100 * high],
            "median_io": 100 * float(np.median(self.nme_io)) if len(self.nme_io) else float("nan"),
            "nme_box": 100 * _mean(self.nme_box),
            "fr10": 100 * failure_rate(self.nme_io, missed=self.missed),
            "auc10": auc(self.nme_io, missed=self.missed),
            "faces_per_s": self.faces_per_s,
            "network_faces_per_s": self.network_faces_per_s,
            "calibration": {name: 100 * share for name, share in self.ellipses.items()},
            "points": {
                name: close_points(self.point_errors[:, chosen]) for name, chosen in self._parts().items()
            },
        }

    def _parts(self) -> dict[str, list[bool]]:
        """Which points are in which group, by its name; ``all`` is all of them."""
        groups = {name: [g == name for g in self.groups] for name in dict.fromkeys(self.groups) if name}
        return {**groups, "all": [True] * self.point_errors.shape[1]}


def close_points(errors: Array) -> dict[str, float]:
    """Of errors (M, K) as shares of the IOD: K, their mean and the shares that are at most
    `CLOSE`, ``within3`` and ``within5``, in percent; NaN where there is none."""
    there = errors[np.isfinite(errors)]
    found: dict[str, float] = {"count": errors.shape[1], "mean_io": 100 * _mean(there)}
    return found | {f"within{100 * most:.0f}": 100 * _mean(there <= most) for most in CLOSE}


def evaluate(
    model: LandmarkModel,
    data: Dataset,
    scheme: Scheme,
    *,
    boxes: Literal["annotations", "detector"] = "annotations",
    find: Callable[[RGBImage], list[Box]] | None = None,
    passes: int | None = None,
    flip: bool = False,
    dataset: str | None = None,
    refine: bool = True,
    batch: int = 16,
) -> Evaluation:
    """Predict every labelled face of ``data`` and compare.

    With boxes from annotations the true points serve for nothing but their tight box; with
    a detector, ``find`` gives the boxes, best first. ``refine`` as in `LandmarkModel.predict`.
    ``dataset`` asks for the points as a data set of the model's training means them. Raises
    `InputError` when no face has landmarks of the scheme, or the model knows no such data set.
    """
    truth = _labelled(data, scheme)
    photos = [
        Photo(image, tuple(Box.around(xy, scheme.name) for xy in faces) if boxes == "annotations" else None)
        for image, faces in truth.items()
    ]

    def best(image: RGBImage) -> list[Box]:
        return find(image)[:MOST_DETECTIONS] if find is not None else []

    started = time.perf_counter()
    results = predict_photos(
        model,
        photos,
        scheme,
        find=best,
        passes=passes,
        flip=flip,
        dataset=dataset,
        refine=refine,
        batch=batch,
    )
    found: list[Match] = []
    missed: list[Match] = []
    extra = 0
    problems: list[str] = []
    for result in results:
        faces = truth[result.image]
        pairs = _pairs(result, faces, boxes)
        found += [Match(result.image, faces[j], result.predictions[i]) for i, j in pairs]
        lost = set(range(len(faces))) - {j for _, j in pairs}
        missed += [Match(result.image, faces[j], None) for j in sorted(lost)]
        extra += len(result.predictions) - len(pairs)
        problems += [result.problem] if result.problem else []
    seconds = time.perf_counter() - started
    turns = passes or (1 if boxes == "annotations" else 2)
    rate = model.network_rate(len(scheme), batch, passes=turns, flip=flip, refine=refine)
    return _compare(found, missed, scheme, extra, seconds, rate, tuple(problems))


def _labelled(data: Dataset, scheme: Scheme) -> dict[Any, list[Array]]:
    """The true points (N, 2) of every photo's labelled faces."""
    found: dict[Any, list[Array]] = {}
    for sample in data:
        if sample.landmarks is None or not sample.landmarks.present.any():
            continue
        if len(sample.landmarks) != len(scheme):
            raise InputError(
                f"{sample.image.path}: is labelled with {len(sample.landmarks)} points, "
                f"scheme {scheme.name!r} has {len(scheme)}"
            )
        found.setdefault(sample.image, []).append(sample.landmarks.xy)
    if not found:
        raise InputError(f"no face is labelled with scheme {scheme.name!r}")
    return found


def _pairs(result: PhotoResult, faces: list[Array], boxes: str) -> list[tuple[int, int]]:
    """(prediction, face) numbers that belong together."""
    if boxes == "annotations":
        return [(i, i) for i in range(len(result.predictions))]
    if not result.predictions:
        return []
    overlap = iou_matrix(list(_tight(result)), [Box.around(xy) for xy in faces])
    return match(overlap)


def match(overlap: Array) -> list[tuple[int, int]]:
    """One-to-one pairs of rows and columns of (P, F) overlaps, largest first, each at
    least `SAME_FACE`."""
    left = overlap.copy()
    pairs: list[tuple[int, int]] = []
    while left.size and left.max() >= SAME_FACE:
        i, j = (int(v) for v in np.unravel_index(int(left.argmax()), left.shape))
        pairs.append((i, j))
        left[i, :], left[:, j] = -1, -1
    return pairs


def _tight(result: PhotoResult) -> Iterator[Box]:
    for prediction, box in zip(result.predictions, result.boxes, strict=True):
        try:
            yield Box.around(prediction.xy)
        except BoxError:
            yield box


def _compare(
    found: list[Match],
    missed: list[Match],
    scheme: Scheme,
    extra: int,
    seconds: float,
    network_rate: float,
    problems: tuple[str, ...],
) -> Evaluation:
    shape = (len(found), len(scheme), 2)
    predictions = [m.prediction for m in found if m.prediction is not None]
    predicted = np.array([p.xy for p in predictions], np.float64).reshape(shape)
    cov = np.array([p.cov for p in predictions], np.float64).reshape(*shape, 2)
    true = np.array([m.true for m in found], np.float64).reshape(shape)
    distances = np.array([scheme.normalizer(xy) for xy in true])
    sizes = np.array([np.sqrt(box.width * box.height) for box in map(Box.around, true)])
    return Evaluation(
        nme_io=nme(predicted, true, distances),
        nme_box=nme(predicted, true, sizes),
        point_errors=np.hypot(*(predicted - true).transpose(2, 0, 1)) / distances[:, None],
        missed=len(missed),
        extra=extra,
        faces_per_s=len(found) / seconds,
        network_faces_per_s=network_rate,
        ellipses=calibration(predicted, cov, true),
        problems=problems,
        groups=tuple(point.group for point in scheme.points),
        matches=(*found, *missed),
    )


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")
