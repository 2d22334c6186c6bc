"""Evaluation: pairing, failures, and figures against hand-computed cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.errors import InputError
from labelkit.geometry import Box, Crop
from labelkit.images import ImageFile, RGBImage
from labelkit.landmarks import Landmarks
from labelkit.models.predictor import LandmarkModel, first_crop
from labelkit.scheme import Scheme, load_scheme
from labelkit.train.evaluate import Evaluation, evaluate, match

SCHEME = load_scheme("ibug68")


class PlaneModel:
    """Says that every face looks like the plane, shifted by ``shift`` plane units."""

    name, id, size, device = "plane", "plane@0", 32, torch.device("cpu")
    refiner, told = None, LandmarkModel.told

    def __init__(self, shift: float = 0.0) -> None:
        self.shift = shift

    def prompts(self, scheme: Scheme, dataset: str | None = None) -> np.ndarray:
        return scheme.plane

    def place_pixels(self, pixels: RGBImage, valid: object, plane: np.ndarray, flip: bool = False) -> tuple:
        points = np.repeat(plane[None] + (self.shift, 0.0), len(pixels), axis=0)
        return points, points[:, :0]

    def next_crop(self, crop: Crop, *_: object) -> Crop:
        return crop

    def id_of(self, refine: bool) -> str:
        return self.id

    def network_rate(
        self, points: int, batch: int = 16, *, passes: int = 1, flip: bool = False, refine: bool = True
    ) -> float:
        return 100.0 / passes / (2 if flip else 1)


def face(center: tuple[float, float], scale: float) -> np.ndarray:
    return SCHEME.plane * scale + center


def data(folder: Path, *faces: list[np.ndarray]) -> Dataset:
    samples = []
    for i, photo in enumerate(faces):
        path = folder / f"{i}.png"
        Image.new("RGB", (400, 200)).save(path)
        samples += [Sample(ImageFile(path), landmarks=Landmarks(SCHEME, xy)) for xy in photo]
    return Dataset(tuple(samples), SCHEME, folder)


def test_a_perfect_model_has_no_error(tmp_path: Path) -> None:
    made = data(tmp_path, [face((100, 80), 50), face((300, 90), 40)], [face((200, 90), 60)])
    result = evaluate(PlaneModel(), made, SCHEME).to_dict()
    assert (result["faces"], result["found"], result["extra"]) == (3, 3, 0)
    assert result["nme_io"] == pytest.approx(0, abs=1e-9)
    assert result["fr10"] == 0
    assert result["auc10"] == pytest.approx(1)


def test_errors_are_divided_by_the_eye_corners_distance(tmp_path: Path) -> None:
    result = evaluate(PlaneModel(shift=0.038), data(tmp_path, [face((200, 90), 60)]), SCHEME).to_dict()
    assert result["nme_io"] == pytest.approx(5.0)  # 0.038 of 0.76
    assert result["auc10"] == pytest.approx(0.5)
    box = Box.around(SCHEME.plane)
    assert result["nme_box"] == pytest.approx(100 * 0.038 / np.sqrt(box.width * box.height))
    assert set(result["calibration"]) == {"p39", "p68", "p86", "p95"}
    assert np.isnan(list(result["calibration"].values())).all()


def test_with_a_detector_missed_faces_fail_and_others_are_extra(tmp_path: Path) -> None:
    labelled, missed = face((100, 80), 50), face((300, 90), 40)
    made = data(tmp_path, [labelled, missed])

    def find(image: RGBImage) -> list[Box]:
        tight = Box.around(labelled)
        return [Box(*tight.xyxy, "detector", "mine", 0.9), Box(5, 150, 40, 185, "detector", "mine", 0.5)]

    result = evaluate(PlaneModel(), made, SCHEME, boxes="detector", find=find).to_dict()
    assert (result["faces"], result["found"], result["extra"]) == (2, 1, 1)
    assert result["fr10"] == 50
    assert result["auc10"] == pytest.approx(0.5)
    assert result["nme_io"] == pytest.approx(0, abs=1e-9)


def test_at_most_ten_detections_a_photo_count(tmp_path: Path) -> None:
    made = data(tmp_path, [face((100, 80), 50)])

    def find(image: RGBImage) -> list[Box]:
        return [Box(300, 100, 340 + i, 150, "detector", "mine", 1 - i / 20) for i in range(14)]

    result = evaluate(PlaneModel(), made, SCHEME, boxes="detector", find=find).to_dict()
    assert (result["found"], result["extra"]) == (0, 10)
    assert np.isnan(result["nme_io"])
    assert result["fr10"] == 100


def test_pairs_are_one_to_one_and_the_largest_overlap_goes_first() -> None:
    overlap = np.array([[0.5, 0.9], [0.6, 0.8], [0.1, 0.39]])
    assert match(overlap) == [(0, 1), (1, 0)]
    assert match(np.empty((0, 2))) == []
    assert overlap[0, 1] == 0.9  # left as it was


def test_a_photo_that_cannot_be_read_counts_as_missed_and_is_named(tmp_path: Path) -> None:
    made = data(tmp_path, [face((100, 80), 50)], [face((200, 90), 60)])
    made[0].image.path.write_bytes(b"")
    result = evaluate(PlaneModel(), made, SCHEME)
    assert result.missed == 1
    assert result.to_dict()["fr10"] == 50
    assert str(made[0].image.path) in result.problems[0]


def test_the_truth_serves_for_nothing_but_its_tight_box(tmp_path: Path) -> None:
    # A turned face: if the crop came from the landmarks, the error would be zero.
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    xy = face((0, 0), 50) @ turn.T + (200, 90)
    result = evaluate(PlaneModel(), data(tmp_path, [xy]), SCHEME)
    expected = first_crop(Box.around(xy, "ibug68"), SCHEME).points_to_image(SCHEME.plane)
    distances = np.linalg.norm(expected - xy, axis=1) / SCHEME.normalizer(xy)
    assert_allclose(result.point_errors[0], distances, atol=1e-9)
    assert result.nme_io[0] > 0.1


def test_data_without_faces_of_the_scheme_is_refused(tmp_path: Path) -> None:
    made = data(tmp_path, [face((100, 80), 50)])
    other = Scheme("half", SCHEME.points[:34])
    with pytest.raises(InputError, match="34"):
        evaluate(PlaneModel(), made, other)
    with pytest.raises(InputError, match="no face"):
        evaluate(PlaneModel(), Dataset((), SCHEME), SCHEME)


def test_the_summary_is_that_of_its_faces() -> None:
    errors = np.array([0.02, 0.04, 0.12])
    result = Evaluation(errors, errors / 2, np.zeros((3, 68)), 1, 2, 10.0, 20.0, {"p39": 0.4}, ()).to_dict()
    assert result["nme_io"] == pytest.approx(6.0)
    assert result["median_io"] == pytest.approx(4.0)
    assert result["fr10"] == pytest.approx(50.0)
    assert result["auc10"] == pytest.approx((0.8 + 0.6) / 4)
    low, high = result["nme_io_interval"]
    assert low < 6.0 < high
    assert result["calibration"] == {"p39": 40.0}


def test_points_are_told_by_their_groups(tmp_path: Path) -> None:
    # Every point is 4 % of the eye distance off, which is within 5 but not within 3.
    result = evaluate(PlaneModel(shift=0.04 * 0.76), data(tmp_path, [face((200, 90), 60)]), SCHEME).to_dict()
    groups = result["points"]
    assert list(groups)[-1] == "all"
    assert set(groups) == {point.group for point in SCHEME.points} | {"all"}
    assert sum(group["count"] for name, group in groups.items() if name != "all") == 68
    for group in groups.values():
        assert group["mean_io"] == pytest.approx(4.0)
        assert (group["within3"], group["within5"]) == (0, 100)


def test_a_group_has_the_errors_of_its_own_points() -> None:
    errors = np.array([[0.01, 0.04, 0.10], [0.02, 0.06, 0.10]])
    nme = errors.mean(axis=1)
    result = Evaluation(nme, nme, errors, 0, 0, 1.0, 1.0, {}, (), groups=("eye", "eye", "")).to_dict()
    assert list(result["points"]) == ["eye", "all"]
    assert result["points"]["eye"] == pytest.approx(
        {"count": 2, "mean_io": 3.25, "within3": 50.0, "within5": 75.0}
    )
    assert result["points"]["all"]["within5"] == pytest.approx(50.0)


def test_every_labelled_face_is_matched_or_missed_in_the_order_of_its_error(tmp_path: Path) -> None:
    labelled, missed = face((100, 80), 50), face((300, 90), 40)

    def find(image: RGBImage) -> list[Box]:
        return [Box(*Box.around(labelled).xyxy, "detector", "mine", 0.9)]

    result = evaluate(
        PlaneModel(0.01), data(tmp_path, [missed, labelled]), SCHEME, boxes="detector", find=find
    )
    first, second = result.matches
    assert_allclose(first.true, labelled)
    assert first.prediction is not None
    away = np.linalg.norm(first.prediction.xy - first.true, axis=1).mean() / SCHEME.normalizer(labelled)
    assert result.nme_io[0] == pytest.approx(away)
    assert_allclose(second.true, missed)
    assert second.prediction is None
