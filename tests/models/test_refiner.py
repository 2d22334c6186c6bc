from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from labelkit.calibration import BUMPS, Calibration
from labelkit.checkpoint import load_checkpoint, read_card, save_checkpoint
from labelkit.errors import CheckpointError
from labelkit.figures import draw_attention
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.models.build import base, build_dslpt, build_tufa, refinement
from labelkit.models.heads import FILE
from labelkit.models.predictor import LandmarkModel, first_crop
from labelkit.models.refiner import load_refiner, refiner_beside, save_refiner
from labelkit.models.registry import load_model, save_model
from labelkit.models.stream import Photo, predict_photos
from labelkit.models.tuned import RefinedHeads
from labelkit.prediction import Prediction
from labelkit.scheme import Point, Scheme, load_scheme

CPU = torch.device("cpu")
SCHEME = load_scheme("ibug68")
PLANE = SCHEME.plane.tolist()
TINY = dict(backbone="resnet10t", channels=8, dim=16, layers=1, heads=2, hidden=32, strides=(4, 8))
HEAD = replace(refinement(PLANE, size=32), **TINY)  # type: ignore[arg-type]  # by names, for brevity
HEIGHTS = [tuple(np.random.default_rng(i).normal(0, 0.1, len(BUMPS)).tolist()) for i in range(3)]
KNOWN = Calibration(1.3, 0.9, 0.8, 1.5, *HEIGHTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 32 px and beside it its head, both untrained."""
    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("models")
    config = replace(base(PLANE, size=32), backbone="resnet10t", dim=16, layers=1, heads=2, hidden=32)
    digest = save_model(
        place / "made.safetensors",
        build_tufa(config).state_dict(),
        {},
        {"name": "made", "architecture": config.to_dict()},
    )
    card = {"name": "refine", "architecture": HEAD.to_dict(), "base": {"name": "made", "hash": digest}}
    card |= {"calibration": KNOWN.to_dict(), "blend": 0.5}
    save_refiner(place / FILE, build_dslpt(HEAD).state_dict(), card)
    return place


@pytest.fixture(scope="module")
def model(folder: Path) -> LandmarkModel:
    return load_model(folder / "made.safetensors", "cpu", "fp32")


def photo(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (90, 120, 3), np.uint8)


BOX = Box(30, 20, 80, 75, kind="landmarks", source="ibug68")


def predicted(model: LandmarkModel, scheme: Scheme = SCHEME, **options: bool) -> Prediction:
    return model.predict([photo()], [BOX], scheme, **options)[0]


def test_a_head_beside_its_model_gives_spread_and_confidence(model: LandmarkModel) -> None:
    found = predicted(model)
    assert np.isfinite(found.cov).all()
    assert (np.linalg.eigvalsh(found.cov) > 0).all()
    assert ((found.confidence > 0) & (found.confidence < 1)).all()
    assert found.model == model.id
    assert model.id.count("@") == 2
    assert model.refiner is not None
    assert model.id.endswith(model.refiner.id)


def test_without_refining_the_model_answers_alone_under_its_own_name(model: LandmarkModel) -> None:
    found = predicted(model, refine=False)
    assert np.isnan(found.cov).all()
    assert found.model == model.id.split("+")[0]
    assert not np.allclose(found.xy, predicted(model).xy)


def test_a_batch_gives_what_single_faces_give(model: LandmarkModel) -> None:
    images, boxes = [photo(0), photo(1)], [BOX, Box(25, 15, 90, 80, kind="user")]
    together = model.predict(images, boxes, SCHEME)
    for image, box, one in zip(images, boxes, together, strict=True):
        alone = model.predict([image], [box], SCHEME)[0]
        assert np.allclose(alone.xy, one.xy, atol=1e-3)
        assert np.allclose(alone.cov, one.cov, rtol=1e-3)


def test_points_do_not_move_when_others_are_asked_for(model: LandmarkModel) -> None:
    part = Scheme("part", SCHEME.points[30:40])
    one = model.predict([photo()], [BOX], part)[0]
    assert np.allclose(one.xy, predicted(model).xy[30:40], atol=1e-3)


def test_averaged_flips_are_symmetric(model: LandmarkModel) -> None:
    found = predicted(model, flip=True)
    mirrored = model.predict([photo()[:, ::-1].copy()], [BOX.flipped(120)], SCHEME, flip=True)[0]
    order = SCHEME.mirror_index
    assert np.allclose(mirrored.xy[order] * (-1, 1) + (119, 0), found.xy, atol=1e-2)
    assert np.allclose(mirrored.cov[order] * [[1, -1], [-1, 1]], found.cov, rtol=1e-2, atol=1e-3)


def test_the_spread_turns_and_grows_with_the_photo(model: LandmarkModel) -> None:
    """Twice the photo, twice the deviation: cov is in image px."""
    image = np.kron(photo()[::2, ::2], np.ones((4, 4, 1), np.uint8))
    small = image[::2, ::2].copy()
    box = Box(30, 20, 80, 75, kind="landmarks", source="ibug68")
    large = Box(60.5, 40.5, 160.5, 150.5, kind="landmarks", source="ibug68")
    one, other = model.predict([small], [box], SCHEME)[0], model.predict([image], [large], SCHEME)[0]
    assert np.median(other.cov[:, 0, 0] / one.cov[:, 0, 0]) == pytest.approx(4, rel=0.2)


def test_the_blend_takes_a_share_of_the_step(model: LandmarkModel) -> None:
    assert model.refiner is not None
    before, half = predicted(model, refine=False).xy, predicted(model).xy
    model.refiner.blend = 1.0
    whole = predicted(model).xy
    model.refiner.blend = 0.5
    assert np.allclose(half - before, (whole - before) / 2, atol=1e-3)


def test_outside_of_its_window_the_head_moves_nothing(model: LandmarkModel) -> None:
    """Its window ends in the middle of the forehead, where it sees nothing of hair any more."""
    assert model.refiner is not None
    places = np.array([[0.0, 0.1], [0.0, -0.54], [0.0, -0.6], [0.9, 0.1]])
    assert model.refiner.taken(places) == pytest.approx([0.5, 0.25, 0.0, 0.0])
    assert (model.refiner.taken(SCHEME.plane) == 0.5).all()
    scheme = Scheme("four", tuple(Point(f"p{i}", *place) for i, place in enumerate(places.tolist())))
    box = Box(30, 20, 80, 75, kind="user")
    both = [model.predict([photo()], [box], scheme, refine=refine)[0] for refine in (True, False)]
    moved = np.linalg.norm(both[0].xy - both[1].xy, axis=1)
    assert (moved[:2] > 1e-3).all()
    assert np.allclose(moved[2:], 0, atol=1e-6)
    assert np.isfinite(both[0].cov).all()


def test_photos_in_a_stream_are_refined_alike(model: LandmarkModel, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(photo()).save(tmp_path / "a.png")
    for refine in (True, False):
        photos = [Photo(ImageFile(tmp_path / "a.png"), (BOX,))]
        found = next(iter(predict_photos(model, photos, SCHEME, refine=refine))).predictions[0]
        alone = predicted(model, refine=refine)
        assert np.allclose(found.xy, alone.xy, atol=1e-3)
        assert found.model == alone.model


def test_a_head_of_another_model_is_left_alone_and_told_of_once(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes((folder / FILE).read_bytes())
    other = {"name": "other", "hash": "1" * 64}
    with caplog.at_level(logging.INFO, "labelkit"):
        for _ in range(2):
            assert refiner_beside(tmp_path / "other.safetensors", other, CPU, torch.float32) is None
    assert len([r for r in caplog.records if "another model" in r.getMessage()]) == 1
    with pytest.raises(CheckpointError, match="another model"):
        load_refiner(tmp_path / FILE, other, CPU, torch.float32)


def test_a_head_beyond_all_measure_is_refused_before_it_is_built(tmp_path: Path) -> None:
    plain = HEAD.to_dict()
    huge = {"dim": 4096, "layers": 48, "hidden": 16384, "heads": 8, "channels": 4096}
    for change, problem in (
        ({"architecture": plain | huge}, "not those of its architecture"),
        ({"architecture": plain | {"stages": 10**9}}, "stages is 1000000000, not a whole number"),
        ({"architecture": plain | {"samples": 10**4}}, "samples is"),
        ({"architecture": plain | {"points": 10**9}}, "points is"),
        ({"architecture": plain | {"window": [0, 0, 0]}}, "window is 0.0"),
        ({"architecture": plain | {"window": [float("nan"), 0, 1]}}, "cannot be"),
        ({"architecture": plain | {"strides": [4] * 1000}}, "cannot be"),
        ({"architecture": plain | {"strides": [3, 5]}}, "cannot be built"),
        ({"readout": {"constant": 0, "share": 0, "weights": [0.5]}}, "does not fit its network"),
        ({"readout": {"constant": 10**400, "share": 0, "weights": []}}, "cannot be understood"),
        ({"calibration": {"scale": 10**400}}, "cannot be understood"),
    ):
        card = {"name": "refine", "architecture": plain, "base": {"hash": "1"}, **change}
        save_refiner(tmp_path / "head.safetensors", build_dslpt(HEAD).state_dict(), card)
        with pytest.raises(CheckpointError, match=rf"head\.safetensors: .*{problem}"):
            load_refiner(tmp_path / "head.safetensors", {"hash": "1"}, CPU, torch.float32)


@pytest.mark.parametrize("blend", [2, -0.1, "much", True])
def test_a_blend_that_is_no_share_is_refused(folder: Path, tmp_path: Path, blend: object) -> None:
    card = {"name": "refine", "architecture": HEAD.to_dict(), "base": {"hash": "1"}, "blend": blend}
    save_refiner(tmp_path / "head.safetensors", build_dslpt(HEAD).state_dict(), card)
    with pytest.raises(CheckpointError, match="no share"):
        load_refiner(tmp_path / "head.safetensors", {"hash": "1"}, CPU, torch.float32)


@pytest.fixture
def tuned(model: LandmarkModel) -> LandmarkModel:
    """Moves the first point to the right, takes no step of the second, and widens both their spreads."""
    assert model.refiner is not None
    weights = torch.zeros(2, HEAD.dim + 3, 2)
    weights[0, -1, 0] = 0.1
    weights[1, -3:-1] = -model.refiner.blend * torch.eye(2)
    other = model.with_network(model.network, None)
    other.refiner = model.refiner.with_heads(RefinedHeads(SCHEME.plane[:2], weights, np.array([2.0, 2.0])))
    return other


def test_heads_of_single_points_move_them_and_scale_their_spread(
    model: LandmarkModel, tuned: LandmarkModel
) -> None:
    assert tuned.refiner is not None
    before, after, alone = predicted(model), predicted(tuned), predicted(model, refine=False)
    assert before.crop is not None
    # A window has half the side in plane units of which a unit is one of the crop.
    step = 0.1 * tuned.refiner.window[2] * before.crop.pixels_per_unit
    assert np.linalg.norm(after.xy[0] - before.xy[0]) == pytest.approx(step, rel=0.2)
    assert np.allclose(after.xy[1], alone.xy[1], atol=1e-3)
    assert np.allclose(after.xy[2:], before.xy[2:], atol=1e-6)
    assert np.allclose(after.cov[:2], 4 * before.cov[:2])
    assert np.allclose(after.cov[2:], before.cov[2:])
    assert (after.confidence[:2] < before.confidence[:2]).all()


def test_heads_of_single_points_come_back_from_a_file_and_others_are_refused(
    tuned: LandmarkModel, folder: Path, tmp_path: Path
) -> None:
    assert tuned.refiner is not None
    path, base = tmp_path / "head.safetensors", read_card(folder / "made.safetensors")
    save_refiner(path, tuned.refiner.network.state_dict(), tuned.refiner.card, tuned.refiner.heads)
    again = tuned.with_network(tuned.network, None)
    again.refiner = load_refiner(path, base, CPU, torch.float32)
    assert np.allclose(predicted(again).xy, predicted(tuned).xy, atol=0.05)
    assert np.allclose(predicted(again).cov, predicted(tuned).cov, rtol=1e-2)
    tensors, card = load_checkpoint(path)
    for wrong in ({"tuned.weights": torch.zeros(2, 5, 2)}, {"tuned.spread": torch.zeros(2)}):
        save_checkpoint(path, {**tensors, **wrong}, card)
        with pytest.raises(CheckpointError, match=r"head\.safetensors: the heads of its points do not fit"):
            load_refiner(path, base, CPU, torch.float32)
    save_checkpoint(path, {k: v for k, v in tensors.items() if k != "tuned.places"}, card)
    with pytest.raises(CheckpointError, match="a part of the heads of its points is missing"):
        load_refiner(path, base, CPU, torch.float32)


def test_attention_tells_who_looks_at_which_patch(model: LandmarkModel, tmp_path: Path) -> None:
    assert model.refiner is not None
    crop = first_crop(BOX, SCHEME)
    points, anchors = model.place([photo()], [crop], SCHEME.plane)
    places, layers = model.refiner.looks(photo(), crop, points[0], anchors[0], SCHEME.plane)
    count = len(model.anchors) + 68
    assert places.shape == (count, 2)
    assert np.allclose(places[-68:], crop.points_to_image(points[0]), atol=1e-4)
    assert len(layers) == HEAD.stages * HEAD.layers
    assert all(np.allclose(weights.sum(axis=1), 1, atol=1e-5) for weights in layers)
    draw_attention(photo(), places, layers, tmp_path / "looks.png")
    assert (tmp_path / "looks.png").stat().st_size > 1000


def test_a_model_is_no_head(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="not a refinement head"):
        load_refiner(folder / "made.safetensors", {}, CPU, torch.float32)
    with pytest.raises(CheckpointError, match="not a landmark model"):
        load_model(folder / FILE, "cpu")
