"""Made faces: dots on a plain ground, which are where the labels say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import Delaunay
from torch import nn

from labelkit.dataset import Sample
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.models.build import build_tufa
from labelkit.models.predictor import LandmarkModel
from labelkit.scheme import Scheme, load_scheme
from labelkit.train.head.fit import FitOptions, HeadFit
from labelkit.train.head.model import LANDMARKS, SKIN, HeadModel
from labelkit.train.pack import MARGIN, FacePack
from labelkit.train.recipes import Recipe, load_recipe

MakePack = Callable[..., FacePack]


@pytest.fixture(scope="session")
def ibug68() -> Scheme:
    return load_scheme("ibug68")


@pytest.fixture(scope="session")
def make_pack() -> MakePack:
    """``make_pack(scheme, faces, name=, size=, spread=, dots=, seed=)``."""

    def make(
        scheme: Scheme,
        faces: int,
        name: str = "",
        size: int = 96,
        spread: float = 0.05,
        dots: bool = True,
        seed: int = 0,
    ) -> FacePack:
        rng = np.random.default_rng(seed)
        images = np.full((faces, 3, size, size), 90, np.uint8)
        points = np.empty((faces, len(scheme), 2))
        y, x = np.mgrid[:size, :size]
        for i in range(faces):
            scale, angle = 1 + rng.uniform(-spread, spread), rng.uniform(-spread, spread) * 3
            turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            points[i] = scheme.plane / MARGIN @ turn.T + rng.uniform(-spread, spread, 2)
            for at in (points[i] + 1) * size / 2 - 0.5 if dots else []:
                near = (x - at[0]) ** 2 + (y - at[1]) ** 2 < 4
                images[i][:, near] = 255
        bounds = torch.tensor([[-1.0, -1.0, 1.0, 1.0]]).repeat(faces, 1)
        return FacePack(
            name or scheme.name,
            scheme,
            torch.from_numpy(images),
            bounds,
            torch.tensor(points, dtype=torch.float32),
        )

    return make


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    """Smaller still than the recipe of that name: 32 px, a batch of 4, 8 steps."""
    recipe = load_recipe("tiny")
    network = replace(recipe.network, size=32, dim=16, layers=1, hidden=32)
    return replace(recipe, network=network, passes=32, batch=4, warmup=8, own=8, between=4)


#: Units of the made head per plane unit, as in the file that is meant: centimetres.
HEAD_UNIT = 11.7


def _half_head(columns: int, rows: int, scheme: Scheme) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Places (n, 2) in longitude and latitude on the left half and middle of a head, the
    landmarks first, and their triangles."""
    x, y = scheme.plane[scheme.plane[:, 0] <= 1e-9].T
    latitude = np.arcsin((y - 0.1) / 1.05)
    marks = np.stack([np.arcsin(np.clip(x / 0.75 / np.cos(latitude), -1, 0)), latitude], axis=1)
    grid = np.meshgrid(np.linspace(-2.2, 0, columns), np.linspace(-1.42, 1.42, rows), indexing="ij")
    places = np.concatenate([marks, np.stack([axis.ravel() for axis in grid], axis=1)])
    return places, Delaunay(places).simplices.astype(np.intp)


def _made_head(scheme: Scheme, columns: int, rows: int) -> HeadModel:
    """An egg with a nose: exactly symmetric, its landmarks seen from the front where the plane
    has them but for a stretch, five shapes of identity and two of expression."""
    places, triangles = _half_head(columns, rows, scheme)
    middle = places[:, 0] == 0
    other = np.arange(len(places))
    other[~middle] = len(places) + np.arange((~middle).sum())
    longitude = np.concatenate([places[:, 0], -places[~middle, 0]])
    latitude = np.concatenate([places[:, 1], places[~middle, 1]])
    x = 0.75 * np.cos(latitude) * np.sin(longitude)
    y = 0.1 + 1.05 * np.sin(latitude)
    z = 0.85 * np.cos(latitude) * np.cos(longitude)

    def bump(at: float, width: float) -> NDArray[np.float64]:
        return np.where(z > 0, np.exp(-(x**2 + (y - at) ** 2) / (2 * width**2)), 0.0)

    nose, mouth, zero = bump(0.2, 0.1), bump(0.6, 0.2), np.zeros_like(x)
    neutral = np.stack([x, 1.05 * y, z + 0.25 * nose], axis=1)
    identity = [
        (0.08 * x, zero, zero),
        (zero, 0.08 * y, zero),
        (zero, zero, 0.1 * z),
        (zero, zero, 0.1 * nose),
    ]
    identity.append((zero, 0.06 * bump(-0.3, 0.3), zero))
    expression = [(zero, 0.15 * mouth * (y > 0.5), zero), (0.5 * mouth * x, zero, zero)]
    shapes = np.array([np.stack(shape, axis=1) for shape in identity + expression])
    first = np.flatnonzero(scheme.plane[:, 0] <= 1e-9)
    landmarks = np.empty(len(scheme), np.intp)
    landmarks[first] = np.arange(len(first))
    landmarks[scheme.mirror_index[first]] = other[: len(first)]
    both = np.concatenate([triangles, other[triangles[:, ::-1]]])
    return HeadModel(
        (HEAD_UNIT * neutral).astype(np.float32), (HEAD_UNIT * shapes).astype(np.float32), 5, both, landmarks
    )


@pytest.fixture(scope="session")
def head(ibug68: Scheme) -> HeadModel:
    return _made_head(ibug68, 25, 49)


@dataclass(frozen=True)
class MadeFaces:
    """How the head was put before the camera, and its landmarks (B, 68, 2) in the photo."""

    truth: HeadFit
    points: NDArray[np.float64]


@pytest.fixture(scope="session")
def make_faces(head: HeadModel) -> Callable[..., MadeFaces]:
    """``make_faces(count, turn=, seed=)``: heads of different people, turned by up to ``turn``
    degrees about any axis, some 100 px wide."""

    def make(count: int, turn: float = 15.0, seed: int = 0) -> MadeFaces:
        rng = np.random.default_rng(seed)
        coefficients = rng.normal(size=(count, 7)) * 0.7
        coefficients[:, 5:] = rng.uniform(0, 1, (count, 2))
        angles = np.radians(rng.uniform(-turn, turn, (count, 3)))
        truth = HeadFit(
            coefficients,
            turns(angles),
            rng.uniform(4, 6, count),
            rng.uniform(50, 90, (count, 2)),
            FitOptions().distance,
            np.empty((count, 68, 2)),
            np.empty((count, 68)),
            np.zeros(count),
        )
        return MadeFaces(truth, truth.turned(head.vertices(coefficients, head.landmarks))[..., :2])

    return make


def turns(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations (B, 3, 3) by angles (B, 3) about x, then y, then z."""
    total = np.broadcast_to(np.eye(3), (len(angles), 3, 3))
    for axis, (i, j) in enumerate([(1, 2), (2, 0), (0, 1)]):
        step = np.broadcast_to(np.eye(3), (len(angles), 3, 3)).copy()
        cos, sin = np.cos(angles[:, axis]), np.sin(angles[:, axis])
        step[:, i, i], step[:, i, j], step[:, j, i], step[:, j, j] = cos, -sin, sin, cos
        total = step @ total
    return total


@pytest.fixture(scope="session")
def head_file(ibug68: Scheme, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made head with as many vertices as the real file has, in its layout."""
    made = _made_head(ibug68, 33, 172)
    assert len(made.neutral) == SKIN
    order = np.empty(SKIN, np.intp)  # where each vertex goes
    rest = np.setdiff1d(np.arange(SKIN), LANDMARKS)
    order[made.landmarks] = LANDMARKS
    order[np.setdiff1d(np.arange(SKIN), made.landmarks)] = rest
    up = np.array([1, -1, 1], np.float32)
    neutral = np.full((SKIN + 2, 3), 7, np.float32)
    neutral[order] = made.neutral * up
    shapes = np.zeros((7, SKIN + 2, 3), np.float16)
    shapes[:, order] = made.shapes * up
    inner = np.array([[0, 1, SKIN, SKIN + 1]])  # not of the skin
    quads = np.concatenate([order[made.triangles][:, [0, 1, 2, 2]], inner])
    path = tmp_path_factory.mktemp("head") / "head.npz"
    np.savez(path, neutral=neutral, identity=shapes[:5], expression=shapes[5:], quads=quads)
    return path


#: Where made photos have their face.
BOX = Box(30, 30, 90, 90, kind="user")

#: What people mean otherwise than the model, in plane units: the same at a pair of points, mirrored.
STEP = (0.06, 0.04)

Label = Callable[..., list[Sample]]


@pytest.fixture(scope="session")
def model(tiny: Recipe) -> LandmarkModel:
    """A small network with random weights, on whose answers made labels are based."""
    torch.manual_seed(0)
    network = build_tufa(tiny.network).eval()
    nn.init.normal_(network.head[-1].weight, std=0.02)
    card = {"name": "made", "hash": "0123456789abcdef", "architecture": tiny.network.to_dict()}
    return LandmarkModel(network, card, {}, torch.device("cpu"), "fp32")


@pytest.fixture(scope="session")
def scheme() -> Scheme:
    """Five points of ibug68: eye corners, tip of the nose, mouth corners. Without a mirror table, as a
    network with random weights says other things of a mirrored photo."""
    whole, chosen = load_scheme("ibug68"), (36, 45, 30, 48, 54)
    points = tuple(whole.points[i] for i in chosen)
    return Scheme("five", points, normalizers={"inter_ocular": ((0,), (1,))})


@pytest.fixture
def label(tmp_path: Path, model: LandmarkModel) -> Label:
    """``label(scheme, count, step=, noise=, like=)``: photos, labelled as the model ``like`` does but for a
    step of the eye corners."""

    def made(
        scheme: Scheme,
        count: int,
        step: tuple[float, float] = STEP,
        noise: float = 0.0,
        like: LandmarkModel = model,
    ) -> list[Sample]:
        samples = []
        for number in range(count):
            rng = np.random.default_rng(number)
            pixels = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
            path = tmp_path / f"{number}.png"
            Image.fromarray(pixels).resize((120, 120), Image.Resampling.BICUBIC).save(path)
            found = like.predict([ImageFile(path).load()], [BOX], scheme, passes=2)[0]
            crop = found.crop
            assert crop is not None
            shift = np.zeros((len(scheme), 2))
            shift[0], shift[1] = step, (-step[0], step[1])
            in_crop = crop.points_to_crop(found.xy) + shift + noise * rng.normal(size=shift.shape)
            xy = crop.points_to_image(in_crop)
            samples.append(Sample(ImageFile(path), BOX, Landmarks(scheme, xy)))
        return samples

    return made
