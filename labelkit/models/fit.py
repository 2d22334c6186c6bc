"""A scheme from annotated faces: where on the plane do somebody's points lie?

`fit_by_model` needs to know nothing about the points: it inverts the model on every face
(`labelkit.models.inverse`) and averages over the faces. `fit_by_anchors` needs no model: some
points are known to be those of other schemes, and by them the mean shape of the faces is laid over
the plane.

Either way, what is not known directly is carried over from the mean shape by a thin-plate spline
through what is. Places outside of what the model was trained on, or of the anchors, are marked as
extrapolated. All of it is deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from labelkit.boxrules import REFERENCE_SCHEME, landmark_box
from labelkit.dataset import Dataset, Sample
from labelkit.errors import BoxError, InputError
from labelkit.geometry import Array, Box, Similarity
from labelkit.images import RGBImage
from labelkit.models.fitted import Places, SchemeFit, make_fit, point_names
from labelkit.models.inverse import Face, InverseMap
from labelkit.models.shapes import aligned, carry, distances, mean_shape, middle_mean, outside_of, seen
from labelkit.prediction import Model
from labelkit.progress import told
from labelkit.scheme import Point, Scheme, builtin_schemes, load_scheme

#: How far outside of the trained (or known) places, in plane units, a point still counts as inside.
MARGIN = 0.05

#: A detection is that of an annotated face when their centres are at most this far apart, in sides
#: of the detection. Far, because nobody knows yet which part of the face the points cover.
FARTHEST_BOX = 1.0

#: An anchor this far, in plane units, from where the others put its point is probably a mistake.
DOUBTFUL = 0.1

Find = Callable[[RGBImage], list[Box]]


def fit_by_model(
    data: Dataset,
    model: Model,
    find: Find | None,
    *,
    name: str,
    names: Sequence[str] | None = None,
    symmetric: bool = False,
    trained: ArrayLike | None = None,
    heard: Callable[[int, int], None] | None = None,
) -> SchemeFit:
    """The scheme ``name`` of annotated faces about whose points nothing is known.

    A face starts from its own box of kind ``user`` or ``detector``, else from the one that
    ``find`` gives (`labelkit.detect_faces`), and where that finds nobody from what the other
    faces say about the points. Without ``find`` it starts from the tight box of its points, which
    then have to cover the face about from the brows to the chin.

    ``names`` are the points' names, p0, p1, ... by default. ``symmetric`` makes the scheme exactly
    so. ``trained`` (M, 2) are plane points that the model was trained on, by default those of
    ``ibug68`` (see `trained_on`). ``heard`` is told how many readings of faces are done, of how
    many; without it a notebook shows a bar. Raises `InputError` when no face can be used or a point
    is on none of them, `SchemeError` for a bad name, or when the scheme should be symmetric and has
    no mirror table.
    """
    faces, problems = _annotated(data)
    labels = _checked_names(faces, name, names)
    with told(heard, "readings of faces") as tell:
        read = _read(InverseMap(model, len(faces), tell, problems), faces, find)
    reference = load_scheme(REFERENCE_SCHEME).plane if trained is None else np.asarray(trained, np.float64)
    places = _places_by_model(read, reference)
    how = f"Fitted to {len(read)} annotated faces through the inverse map of the model {model.id}."
    return make_fit(places, name, labels, how, symmetric=symmetric, faces=len(read), problems=problems)


def fit_by_anchors(
    data: Dataset,
    anchors: Mapping[int, tuple[float, float]],
    *,
    name: str,
    names: Sequence[str] | None = None,
    symmetric: bool = False,
) -> SchemeFit:
    """The scheme ``name`` of annotated faces of which some points are known.

    ``anchors`` gives their places on the plane by their index (see `read_anchors`); there they
    stay. The mean shape of the faces is laid over them by a similarity, and where they are three
    or more and not nearly on a line bent to them by a thin-plate spline. No photo is opened.
    Anchors that do not go well with the others are among the ``problems``. ``names`` and
    ``symmetric`` as in `fit_by_model`. Raises as it does, and `InputError` for fewer than two
    anchors or one of a point that does not exist.
    """
    faces, problems = _annotated(data)
    labels = _checked_names(faces, name, names)
    unknown = [i for i in anchors if not 0 <= i < len(labels)]
    if unknown:
        raise InputError(f"an anchor is point {unknown[0]}, but there are {len(labels)} (from 0)")
    if len(anchors) < 2:
        raise InputError(f"a fit needs two anchors, {len(anchors)} is given")
    known = np.full((len(labels), 2), np.nan)
    known[list(anchors)] = list(anchors.values())
    shapes = _shapes(faces)
    shape = mean_shape(shapes, known)
    problems += _doubts(shape, known, labels)
    plane = carry(shape, known)
    spread = middle_mean(distances(aligned(shapes, plane), plane))
    beyond = outside_of(plane, np.array(list(anchors.values())), MARGIN)
    places = Places(plane, shape, spread, seen(shapes), beyond)
    how = f"Fitted to {len(faces)} annotated faces by {len(anchors)} points that are known."
    return make_fit(places, name, labels, how, symmetric=symmetric, faces=len(faces), problems=problems)


def read_anchors(text: str, names: Sequence[str]) -> dict[int, tuple[float, float]]:
    """``18=ibug68:36,27=ibug68:45`` as places on the plane by point index.

    Before the ``=`` stands one of our points by its name (``names``) or index, after it a scheme's
    name or file and a point of it by name or index. Raises `InputError`, `SchemeError` for a
    scheme.
    """
    anchors: dict[int, tuple[float, float]] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        own, _, other = (part.strip() for part in entry.partition("="))
        known, _, point = (part.strip() for part in other.rpartition(":"))
        if not (own and known and point):
            raise InputError(f"{entry!r} is no anchor: POINT=SCHEME:POINT, such as 18=ibug68:36")
        index = _point_index(own, names, "the annotated faces")
        if index in anchors:
            raise InputError(f"the point {own!r} has two anchors")
        scheme = load_scheme(known)
        x, y = scheme.plane[_point_index(point, scheme.names, f"scheme {scheme.name!r}")].tolist()
        anchors[index] = (x, y)
    return anchors


def trained_on(card: Mapping[str, Any]) -> Array:
    """Plane points (M, 2) that a model was trained on, by the schemes that its card names; those
    of ``ibug68`` where it names none that is built in."""
    training = card.get("training")
    data = training.get("data") if isinstance(training, Mapping) else None
    entries = data if isinstance(data, list) else []
    named = {str(entry.get("scheme")) for entry in entries if isinstance(entry, Mapping)}
    schemes = sorted(named & set(builtin_schemes())) or [REFERENCE_SCHEME]
    return np.concatenate([load_scheme(scheme).plane for scheme in schemes])


def evenly(data: Dataset, count: int) -> Dataset:
    """At most ``count`` faces, spread evenly over the data set, in its order."""
    chosen = np.linspace(0, len(data) - 1, min(count, len(data))).round().astype(int).tolist()
    return replace(data, samples=tuple(data.samples[i] for i in chosen))


def _read(inverse: InverseMap, faces: Sequence[Face], find: Find | None) -> list[tuple[Face, Array]]:
    """The faces with their points on the plane.

    Those without a box to begin with, and those that began from the box of their points, are read
    from a first estimate of where the points lie. Raises `InputError` when none can be read.
    """
    read, without = inverse.read(faces, lambda face, picture: _start(face, picture, find))
    if not read:
        raise InputError(_nobody(inverse.problems, without))
    estimate = middle_mean(np.stack([plane for _, plane in read]))
    rough = [face for face, _ in read if find is None and face.box is None]
    inverse.total = inverse.done + len(rough) + len(without)
    better, lost = inverse.read([*rough, *without], lambda face, _: _box_by(estimate, face.xy))
    inverse.problems += [f"{face.image.path}: no face is found near its points" for face in lost]
    if len(lost) == len(faces):
        raise InputError(_nobody(inverse.problems, lost))
    return better if rough else read + better


def _doubts(shape: Array, known: Array, names: Sequence[str]) -> list[str]:
    """A line for every anchor that the mean shape, laid over all of them, is far away from."""
    away = np.linalg.norm(shape - known, axis=1)
    return [
        f"point {names[i]}: its anchor lies {away[i]:.2f} plane units from where the others put it"
        for i in np.flatnonzero(away > DOUBTFUL).tolist()
    ]


def _places_by_model(read: Sequence[tuple[Face, Array]], trained: Array) -> Places:
    shapes, planes = _shapes([face for face, _ in read]), np.stack([plane for _, plane in read])
    count = seen(shapes)
    known = middle_mean(planes)
    # Of a point that is mostly outside of the grid, the faces that have it inside are no sample.
    known[2 * seen(planes) < count] = np.nan
    there = np.isfinite(known).all(axis=1)
    if there.sum() < min(2, len(known)):
        raise InputError("the annotated points do not lie on the faces that were found")
    shape = known if len(known) == 1 else mean_shape(shapes, known)
    plane = carry(shape, known)
    # Of points outside of the grid, single faces can only be compared as shapes.
    apart = np.where(there, distances(planes, plane), distances(aligned(shapes, plane), plane))
    return Places(plane, shape, middle_mean(apart), count, ~there | outside_of(plane, trained, MARGIN))


def _annotated(data: Dataset) -> tuple[list[Face], list[str]]:
    """The faces whose points say something, and what is wrong with the others."""
    faces: list[Face] = []
    problems: list[str] = []
    for sample in data:
        try:
            faces.append(_face(sample))
        except InputError as error:
            problems.append(f"{sample.image.path}: {error}")
    if not faces:
        raise InputError(f"no face can be used: {problems[0] if problems else 'there is none'}")
    return faces, problems


def _face(sample: Sample) -> Face:
    if sample.landmarks is None or not sample.landmarks.present.any():
        raise InputError("has no annotated points")
    present = sample.landmarks.present
    if len(present) > 1 and np.ptp(sample.landmarks.xy[present], axis=0).max() == 0:
        raise InputError("all its points lie in one place" if present.sum() > 1 else "has a single point")
    given = sample.box if sample.box is not None and sample.box.kind != "landmarks" else None
    return Face(sample.image, given, np.where(present[:, None], sample.landmarks.xy, np.nan))


def _shapes(faces: Sequence[Face]) -> Array:
    """The points of the faces (M, N, 2); raises `InputError` for a point that none of them has."""
    shapes = np.stack([face.xy for face in faces])
    missing = np.flatnonzero(seen(shapes) == 0)
    if len(missing):
        raise InputError(f"point {missing[0]} (from 0) is on none of the {len(faces)} faces")
    return shapes


def _checked_names(faces: Sequence[Face], name: str, names: Sequence[str] | None) -> tuple[str, ...]:
    """The points' names; raises before the work begins for those that no scheme may have."""
    labels = point_names(names, len(faces[0].xy))
    Scheme(name, tuple(Point(label, 0.0, 0.0) for label in labels))
    return labels


def _start(face: Face, picture: RGBImage, find: Find | None) -> Box | None:
    """The box that a face starts from, None where nobody is found."""
    if face.box is not None:
        return face.box
    if find is not None:
        return _nearest(find(picture), face.xy)
    try:
        return Box(*Box.around(face.xy).xyxy, kind="user")
    except BoxError:
        return None  # a single point, or all of them on a line along the photo


def _nearest(boxes: Sequence[Box], xy: Array) -> Box | None:
    """The detection whose centre is nearest to that of the points (N, 2), in its own sides."""
    centre = np.nanmean(xy, axis=0)
    tight = [landmark_box(box) for box in boxes]
    away = [float(np.hypot(*(centre - t.center))) / max(t.width, t.height) for t in tight]
    best = min(range(len(boxes)), key=lambda i: away[i], default=None)
    return boxes[best] if best is not None and away[best] <= FARTHEST_BOX else None


def _box_by(estimate: Array, xy: Array) -> Box | None:
    """A user's box around the face (where the points of ``ibug68`` would be) by an estimate of
    its points' places on the plane (N, 2); None where they do not tell."""
    try:
        to_image = Similarity.fit(estimate, xy)
    except BoxError:
        return None
    x0, y0, x1, y1 = load_scheme(REFERENCE_SCHEME).plane_box
    cx, cy = to_image([(x0 + x1) / 2, (y0 + y1) / 2]).tolist()
    half_w, half_h = to_image.scale * (x1 - x0) / 2, to_image.scale * (y1 - y0) / 2
    return Box(cx - half_w, cy - half_h, cx + half_w, cy + half_h, kind="user")


def _nobody(problems: Sequence[str], without: Sequence[Face]) -> str:
    if not without:
        return f"no face can be used: {problems[0]}"
    more = f" and of {len(without) - 1} more" if len(without) > 1 else ""
    return f"no face is found near the points of {without[0].image.path}{more}"


def _point_index(text: str, names: Sequence[str], where: str) -> int:
    """The index of a point by its name or its number."""
    if text in names:
        return names.index(text)
    if text.isdecimal() and len(text) < 10 and int(text) < len(names):
        return int(text)
    raise InputError(f"{where}: there is no point {text!r} among {len(names)} (from 0)")
