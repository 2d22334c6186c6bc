from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from labelkit.dataset import Sample
from labelkit.errors import InputError
from labelkit.geometry import Crop, Similarity
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme
from labelkit.train.pack import MARGIN, DensePoints, FacePack, pack_faces


def sample(folder: Path, scheme: Scheme, name: str = "a", angle: float = 0.2) -> Sample:
    """A face in a photo of 200 x 160, its points marked in red."""
    crop = Crop(Similarity(50 * np.cos(angle), 50 * np.sin(angle), 110.0, 70.0))
    xy = crop.points_to_image(scheme.plane)
    image = np.full((160, 200, 3), 80, np.uint8)
    y, x = np.mgrid[:160, :200]
    for point in xy:
        image[(x - point[0]) ** 2 + (y - point[1]) ** 2 < 6] = (255, 0, 0)
    Image.fromarray(image).save(folder / f"{name}.png")
    return Sample(ImageFile(folder / f"{name}.png"), None, Landmarks(scheme, xy))


def test_a_face_is_cut_upright_with_its_margin(tmp_path: Path, ibug68: Scheme) -> None:
    face = sample(tmp_path, ibug68)
    pack, problems = pack_faces("some", [face], ibug68, 96)
    assert (pack.name, len(pack), problems) == ("some", 1, [])
    assert pack.images.shape == (1, 3, 96, 96)
    assert pack.images.dtype is torch.uint8
    assert face.landmarks is not None
    side, centre = 50 * MARGIN, np.array([110, 70])
    assert np.allclose(pack.points[0], (face.landmarks.xy - centre) / side, atol=1e-5)
    edges = np.array([-0.5, -0.5, 199.5, 159.5]).reshape(2, 2)
    assert np.allclose(pack.bounds[0].reshape(2, 2), (edges - centre) / side, atol=1e-5)
    for x, y in ((pack.points[0] + 1) * 48 - 0.5).round().int().tolist():
        red, green, _ = pack.images[0, :, y, x].tolist()
        assert red > 200
        assert green < 60


def test_points_left_out_do_not_place_the_square(tmp_path: Path, ibug68: Scheme) -> None:
    face = sample(tmp_path, ibug68)
    assert face.landmarks is not None
    xy = face.landmarks.xy.copy()
    xy[[0, 16]] += 40
    moved = Sample(face.image, None, Landmarks(ibug68, xy))
    first, second = (pack_faces("x", [f], ibug68, 32, (0, 16))[0] for f in (face, moved))
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.bounds, second.bounds)


def test_what_cannot_be_used_is_named_and_the_rest_goes_on(tmp_path: Path, ibug68: Scheme) -> None:
    good = sample(tmp_path, ibug68)
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    assert good.landmarks is not None
    alone = np.full((68, 2), np.nan)
    alone[3] = 10
    faces = [
        Sample(good.image),
        Sample(ImageFile(tmp_path / "broken.png"), None, good.landmarks),
        Sample(ImageFile(tmp_path / "a.png"), None, Landmarks(ibug68, alone)),
        good,
    ]
    pack, problems = pack_faces("x", faces, ibug68, 32)
    assert len(pack) == 1
    assert len(problems) == 2
    assert "broken.png" in problems[0]
    assert "a.png" in problems[1]


def test_no_face_at_all_is_refused(ibug68: Scheme) -> None:
    with pytest.raises(InputError, match="'empty' holds no annotated face"):
        pack_faces("empty", [], ibug68, 32)


def test_missing_points_stay_missing(tmp_path: Path, ibug68: Scheme) -> None:
    face = sample(tmp_path, ibug68)
    assert face.landmarks is not None
    xy = face.landmarks.xy.copy()
    xy[5] = np.nan
    pack, _ = pack_faces("x", [Sample(face.image, None, Landmarks(ibug68, xy))], ibug68, 32)
    assert pack.points[0].isnan().any(-1).nonzero().flatten().tolist() == [5]
    assert pack.to(torch.device("cpu")).points.shape == (1, 68, 2)


def test_a_pack_takes_its_dense_points_along(ibug68: Scheme) -> None:
    parts = (torch.zeros(5, 2), torch.zeros(1, 5, 2), torch.ones(1, 5))
    images = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    pack = FacePack("x", ibug68, images, torch.zeros(1, 4), torch.zeros(1, 68, 2), DensePoints(*parts))
    moved = pack.to(torch.device("meta"))
    assert (moved.name, moved.scheme) == ("x", ibug68)
    assert moved.dense is not None
    tensors = (moved.images, moved.bounds, moved.points, moved.dense.plane, moved.dense.points)
    assert {t.device.type for t in (*tensors, moved.dense.weights)} == {"meta"}
