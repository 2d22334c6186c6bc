"""A few confirmed faces as a fine-tuning wants them: their labels, and what the model says already.

Beside the points that people confirmed, every face holds the model's own answers at places all over
the head (`TIES`): they place the crop, as they do in use, and a loss that ties the tuned network to
them keeps it from forgetting everything that the labels do not speak of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labelkit.boxrules import REFERENCE_SCHEME, box_of_points
from labelkit.dataset import Sample
from labelkit.errors import BoxError, ImageError, InputError
from labelkit.geometry import PLANE_IOD, Array, Box, Crop, Similarity
from labelkit.images import RGBImage
from labelkit.models.predictor import LandmarkModel, first_crop
from labelkit.sampling import sample_crop
from labelkit.scheme import Point, Scheme, load_scheme
from labelkit.train.few_shot_windows import Window, Windows, window
from labelkit.train.pack import MARGIN, FacePack

#: Schemes whose points tie the tuned network to what it said before; the first places the crops.
TIES = (REFERENCE_SCHEME, "dense")

#: Faces that are in the network at the same time.
_BATCH = 16


@dataclass(frozen=True)
class TuneFaces:
    """M faces of a scheme of N points, in the crops in which the model sees them in use.

    ``pack`` has the N labels first and the ties after them, ``placing`` being those of the ties
    that place the crop. ``pixels`` (M, S, S, 3) and ``valid`` (M, S, S) are the crops themselves,
    ``labels``, ``answers`` and ``mirrored`` (M, N, 2) in crop units what people say, the model, and the
    model of the mirrored crop, ``unit`` (M,) the distance that errors are divided by. ``people`` names
    who it is, or else the photo. ``windows`` is what a refinement head sees, where the model has one.
    """

    scheme: Scheme
    pack: FacePack
    placing: NDArray[np.intp]
    pixels: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    labels: Array
    answers: Array
    mirrored: Array
    unit: Array
    people: tuple[str, ...]
    windows: Windows | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, chosen: NDArray[np.intp]) -> TuneFaces:
        """Some of the faces, in the given order."""
        rows = torch.from_numpy(chosen)
        pack = self.pack
        part = replace(pack, images=pack.images[rows], bounds=pack.bounds[rows], points=pack.points[rows])
        arrays = ("pixels", "valid", "labels", "answers", "mirrored", "unit")
        kept: dict[str, Any] = {name: getattr(self, name)[chosen] for name in arrays}
        kept["windows"] = None if self.windows is None else self.windows.subset(chosen)
        return replace(self, pack=part, people=tuple(self.people[i] for i in chosen.tolist()), **kept)

    def seen_by(self, model: LandmarkModel) -> TuneFaces:
        """The same crops with what another model says of them."""
        both = [
            (
                model.place_pixels(self.pixels[some], self.valid[some], self.scheme.plane)[0],
                model.place_pixels(self.pixels[some], self.valid[some], self.scheme.plane, True)[0],
            )
            for some in np.array_split(np.arange(len(self)), -(-len(self) // _BATCH))
        ]
        plain, average = (np.concatenate(part) for part in zip(*both, strict=True))
        return replace(self, answers=plain, mirrored=2 * average - plain)

    def errors(self, found: Array) -> Array:
        """Of points (M, N, 2) in crop units, as shares of the distance, (M, N); NaN without a label."""
        return np.asarray(np.linalg.norm(found - self.labels, axis=2) / self.unit[:, None])


@dataclass(frozen=True)
class _Face:
    square: RGBImage
    bounds: Array
    points: Array
    pixels: RGBImage
    valid: NDArray[np.bool_]
    labels: Array
    answers: Array
    mirrored: Array
    unit: float
    window: Window | None


def prepare(
    model: LandmarkModel,
    samples: Sequence[Sample],
    scheme: Scheme,
    size: int,
    heard: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[TuneFaces, list[str]]:
    """Look at every face with the model as it is; also returns what is wrong with those left out.

    Points that are NaN have no label. ``size`` is the side of the packed squares. Raises
    `InputError` when no face remains.
    """
    joint = _joint(scheme)
    faces: list[_Face] = []
    people, problems = [], []
    for number, sample in enumerate(samples):
        try:
            faces.append(_look(model, sample, scheme, joint, size))
            people.append(str(sample.attributes.get("person") or sample.image.path))
        except ImageError as error:
            problems.append(str(error))
        except (BoxError, InputError) as error:
            problems.append(f"{sample.image.path}: {error}")
        heard(number + 1, len(samples))
    if not faces:
        raise InputError(f"no face can be learnt from: {problems[0] if problems else 'there is none'}")
    return _together(faces, people, scheme, joint), problems


def _together(faces: Sequence[_Face], people: Iterable[str], scheme: Scheme, joint: Scheme) -> TuneFaces:
    pack = FacePack(
        scheme.name,
        joint,
        torch.from_numpy(np.stack([face.square for face in faces])).permute(0, 3, 1, 2).contiguous(),
        torch.tensor(np.stack([face.bounds for face in faces]), dtype=torch.float32),
        torch.tensor(np.stack([face.points for face in faces]), dtype=torch.float32),
    )
    return TuneFaces(
        scheme,
        pack,
        np.arange(len(scheme), len(scheme) + len(load_scheme(TIES[0]))),
        np.stack([face.pixels for face in faces]),
        np.stack([face.valid for face in faces]),
        np.stack([face.labels for face in faces]),
        np.stack([face.answers for face in faces]),
        np.stack([face.mirrored for face in faces]),
        np.array([face.unit for face in faces]),
        tuple(people),
        Windows.of(windows) if (windows := [f.window for f in faces if f.window is not None]) else None,
    )


def _look(model: LandmarkModel, sample: Sample, scheme: Scheme, joint: Scheme, size: int) -> _Face:
    if sample.landmarks is None or not sample.landmarks.present.any():
        raise InputError("has no confirmed point")
    xy = sample.landmarks.xy
    image = sample.image.load()
    box = sample.box if sample.box is not None else box_of_points(scheme.plane, xy)
    crop = _crop_in_use(model, image, box)
    answers, mirrored, anchors = _both_ways(model, image, crop, joint.plane)
    ties = crop.points_to_image((answers + mirrored)[len(scheme) :] / 2)
    # The square that training turns and shifts lies about the face as the ties have it.
    reference = load_scheme(TIES[0])
    fit = Similarity.fit(reference.plane, ties[: len(reference)])
    center = fit([0.0, 0.0])
    square = Crop(Similarity(fit.scale * MARGIN, 0.0, float(center[0]), float(center[1])))
    edges = [[-0.5, -0.5], [image.shape[1] - 0.5, image.shape[0] - 0.5]]
    pixels, valid = sample_crop(image, crop, model.size)
    labels = crop.points_to_crop(xy)
    return _Face(
        sample_crop(image, square, size)[0],
        square.points_to_crop(edges).reshape(4),
        square.points_to_crop(np.concatenate([xy, ties])),
        pixels,
        valid,
        labels,
        answers[: len(scheme)],
        mirrored[: len(scheme)],
        _unit(scheme, labels, crop),
        None if model.refiner is None else window(model.refiner, image, crop, anchors),
    )


def _crop_in_use(model: LandmarkModel, image: RGBImage, box: Box) -> Crop:
    """The crop that prelabelling ends with: cut from the box, and again from what was found."""
    reference = load_scheme(TIES[0])
    crop = first_crop(box, reference)
    points, anchors = model.place([image], [crop], reference.plane)
    return model.next_crop(crop, points[0], anchors[0], reference.plane)


def _both_ways(model: LandmarkModel, image: RGBImage, crop: Crop, plane: Array) -> tuple[Array, Array, Array]:
    """What the model says of plane points (N, 2) in the crop, and in the mirrored one, both in units
    of the crop, and the anchors (A, 2) that it finds in the crop."""
    plain, anchors = model.place([image], [crop], plane)
    average, _ = model.place([image], [crop], plane, flip=True)
    return plain[0], 2 * average[0] - plain[0], anchors[0]


def _unit(scheme: Scheme, labels: Array, crop: Crop) -> float:
    """The inter-ocular distance in crop units; where its ends have no label that of the plane,
    which the crop shows at about its own size."""
    distance = scheme.normalizer(labels) if "inter_ocular" in scheme.normalizers else float("nan")
    return distance if np.isfinite(distance) and distance > 0 else PLANE_IOD


@cache
def _ties() -> tuple[Scheme, ...]:
    return tuple(load_scheme(name) for name in TIES)


def _joint(scheme: Scheme) -> Scheme:
    """The scheme and the ties after it, with a mirror table where the scheme has one."""
    points: list[Point] = []
    pairs: list[tuple[int, int]] = []
    for number, part in enumerate((scheme, *_ties())):
        pairs += [(i + len(points), j + len(points)) for i, j in part.mirror]
        points += [Point(f"{number}:{p.name}", p.x, p.y) for p in part.points]
    return Scheme("joint", tuple(points), tuple(pairs) if scheme.mirror else ())
