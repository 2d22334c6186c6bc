from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.scheme import Scheme
from labelkit.train.head.model import LANDMARKS, SKIN, HeadModel, load_head


def test_a_file_is_read_into_the_planes_frame(head_file: Path, ibug68: Scheme) -> None:
    head = load_head(head_file)
    assert head.neutral.shape == (SKIN, 3)
    assert head.shapes.shape == (7, SKIN, 3)
    assert (head.identities, head.landmarks.tolist()) == (5, list(LANDMARKS))
    places = head.neutral[head.landmarks]
    assert np.allclose(places[:, 1:].mean(axis=0), 0, atol=1e-4)
    # From the front the landmarks lie as on the plane, but for the stretch the head was made with.
    flat = ibug68.plane * (11.7, 11.7 * 1.05)
    assert np.allclose(places[:, :2] - places[0, :2], flat - flat[0], atol=1e-3)
    assert places[30, 2] > places[:17, 2].max()  # the nose is nearest to the viewer
    assert head.triangles.max() < SKIN


def test_what_is_no_head_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.npz: there is no head model"):
        load_head(tmp_path / "nothing.npz")
    np.savez(tmp_path / "other.npz", neutral=np.zeros((3, 3)))
    np.savez(
        tmp_path / "short.npz",
        neutral=np.zeros((5, 3)),
        identity=np.zeros((1, 5, 3)),
        expression=np.zeros((1, 5, 3)),
        quads=np.zeros((1, 4), int),
    )
    np.savez(tmp_path / "pickled.npz", neutral=np.array([{}], dtype=object))
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "short.npz").read_bytes()[:300])
    for name in ("other", "short", "pickled", "text", "cut"):
        with pytest.raises(InputError, match=rf"{name}\.npz: is not the head model") as caught:
            load_head(tmp_path / f"{name}.npz")
        assert "\n" not in str(caught.value)


def test_a_head_that_unpacks_to_any_size_is_refused(tmp_path: Path) -> None:
    packed = zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED)
    with packed as archive, archive.open("neutral.npy", "w") as member:
        for _ in range(300):
            member.write(bytes(1 << 20))
    with pytest.raises(InputError, match=r"bomb\.npz: unpacks to 300 MB; a head model has 256 at most"):
        load_head(tmp_path / "bomb.npz")


def test_a_head_that_claims_more_than_any_memory_is_refused(tmp_path: Path) -> None:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 3), }"
    array = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header.encode() + b"\n"
    with zipfile.ZipFile(tmp_path / "claims.npz", "w") as archive:
        archive.writestr("neutral.npy", array)
    (tmp_path / "alone.npz").write_bytes(array)
    for name in ("claims", "alone"):
        with pytest.raises(InputError, match=rf"{name}\.npz: is not the head model"):
            load_head(tmp_path / f"{name}.npz")


def test_vertices_are_the_mean_and_what_coefficients_add(head: HeadModel) -> None:
    chosen = np.array([3, 40, 200])
    coefficients = np.eye(7)[[0, 6]] * [[2.0], [0.5]]
    found = head.vertices(coefficients, chosen)
    expected = head.neutral[chosen] + np.stack([2 * head.shapes[0, chosen], 0.5 * head.shapes[6, chosen]])
    assert np.allclose(found, expected, atol=1e-4)


def test_normals_point_outwards_however_the_triangles_are_wound(head: HeadModel) -> None:
    inside_out = HeadModel(
        head.neutral, head.shapes, head.identities, head.triangles[:, ::-1].copy(), head.landmarks
    )
    chosen = np.flatnonzero(head.neutral[:, 2] > 1)
    for model in (head, inside_out):
        normals = model.normals(np.stack([head.neutral, 2 * head.neutral]), chosen)
        assert np.allclose(np.linalg.norm(normals, axis=2), 1, atol=1e-5)
        assert np.allclose(normals[0], normals[1], atol=1e-5)
        assert ((normals[0] * (head.neutral[chosen] - head.neutral.mean(axis=0))).sum(axis=1) > 0).all()


def test_every_vertex_knows_its_mirror_image(head: HeadModel, ibug68: Scheme) -> None:
    assert np.allclose(head.neutral[head.mirror], head.neutral * (-1, 1, 1), atol=1e-4)
    assert (head.mirror[head.landmarks] == head.landmarks[ibug68.mirror_index]).all()
    lopsided = head.neutral.copy()
    lopsided[head.landmarks[0]] += 3
    with pytest.raises(InputError, match="not symmetric"):
        _ = HeadModel(lopsided, head.shapes, head.identities, head.triangles, head.landmarks).mirror
