"""The morphable head: a mean mesh with shapes to add to it.

ICT Face Model Light (Li et al. 2020, "Learning formation of physically-based face attributes"):
vertices = neutral + identity coefficients · identity shapes + expression coefficients ·
expression shapes. The frame is that of the plane: x to the viewer's right, y down, z towards the
viewer, centred on the landmarks; the unit is that of the file, about a centimetre.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from labelkit.errors import InputError

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

#: The first vertices of the file are face, ears, head and neck; what follows lies inside.
SKIN = 11_248

#: Identity shapes that are fitted, in falling order of what they move; the rest is below the
#: labels' own error.
IDENTITIES = 40

#: The vertices of the 68 points of `ibug68`, in its order.
# fmt: off
LANDMARKS = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443,
    268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147,
    4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081,
    0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)
# fmt: on

#: What is not the mirror image of another vertex within this distance is no mirror image.
_MIRROR_TOLERANCE = 0.05


@dataclass(frozen=True, eq=False)
class HeadModel:
    """``neutral`` (V, 3); ``shapes`` (C, V, 3), of which the first ``identities`` change who it
    is (coefficients about unit normal) and the others the expression (coefficients 0 to 1);
    ``triangles`` (T, 3), seen counter-clockwise or not; ``landmarks`` (68,), vertices of the
    points of `ibug68`."""

    neutral: Floats
    shapes: Floats
    identities: int
    triangles: Ints
    landmarks: Ints

    @cached_property
    def mirror(self) -> Ints:
        """The vertex at the mirror image of each, (V,); raises `InputError` where there is none."""
        distance, other = cKDTree(self.neutral).query(self.neutral * (-1, 1, 1))
        if distance.max() > _MIRROR_TOLERANCE * self.edge or (other[other] != np.arange(len(other))).any():
            raise InputError("the head is not symmetric: a vertex has no mirror image")
        return np.asarray(other, np.intp)

    @cached_property
    def edge(self) -> float:
        """The median length of an edge of the neutral mesh."""
        a, b = self.neutral[self.triangles[:, 0]], self.neutral[self.triangles[:, 1]]
        return float(np.median(np.linalg.norm(a - b, axis=1)))

    @cached_property
    def eyes(self) -> float:
        """The distance of the outer eye corners: the unit of what is said in shares of a face."""
        return float(np.linalg.norm(np.subtract(*self.neutral[self.landmarks[[36, 45]]])))

    @cached_property
    def incidence(self) -> csr_array:
        """Sums over the triangles at a vertex, (V, T), with the sign that turns normals outwards."""
        count = len(self.triangles)
        rows, columns = self.triangles.ravel(), np.repeat(np.arange(count), 3)
        ones = np.full(len(rows), self._outwards(), np.float32)
        return csr_array((ones, (rows, columns)), shape=(len(self.neutral), count))

    def vertices(self, coefficients: NDArray[np.floating], chosen: Ints | slice = slice(None)) -> Floats:
        """The vertices ``chosen`` (n,) of heads with ``coefficients`` (B, C), (B, n, 3)."""
        neutral, shapes = self.neutral[chosen], self.shapes[:, chosen]
        moved = coefficients.astype(np.float32) @ shapes.reshape(len(shapes), -1)
        return np.asarray(neutral + moved.reshape(len(coefficients), *neutral.shape))

    def normals(self, vertices: NDArray[np.floating], chosen: Ints) -> Floats:
        """Unit normals, outwards, at the vertices ``chosen`` (n,) of meshes (B, V, 3), (B, n, 3)."""
        incidence = self.incidence[chosen]
        used, columns = np.unique(incidence.indices, return_inverse=True)
        a, b, c = (vertices[:, self.triangles[used, k]] for k in range(3))
        faces = np.cross(b - a, c - a).transpose(1, 0, 2).reshape(len(used), -1)
        at = csr_array((incidence.data, columns, incidence.indptr), shape=(len(chosen), len(used)))
        sums = (at @ faces).reshape(len(chosen), len(vertices), 3).transpose(1, 0, 2)
        length = np.linalg.norm(sums, axis=2, keepdims=True)
        return np.asarray(sums / np.maximum(length, np.finfo(np.float32).tiny), np.float32)

    def _outwards(self) -> float:
        """The sign of the volume that the triangles enclose as they are wound."""
        corners = self.neutral[self.triangles] - self.neutral.mean(axis=0)
        volume = (np.cross(corners[:, 0], corners[:, 1]) * corners[:, 2]).sum()
        return 1.0 if volume > 0 else -1.0


#: The head model has a tenth of this many bytes when it is unpacked.
_LARGEST = 256 << 20

#: What numpy raises for a file that is no archive of arrays, is damaged, or claims to hold more than there
#: is room for.
_DAMAGE = (
    *(OSError, ValueError, KeyError, IndexError, TypeError, EOFError),
    *(MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error),
)


def load_head(path: Path) -> HeadModel:
    """The skin of the head in ``ict_face_model_light.npz``; raises `InputError` for any other file."""
    if not path.is_file():
        raise InputError(f"{path}: there is no head model here (ict_face_model_light.npz is meant)")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > _LARGEST:
            most = _LARGEST >> 20
            raise InputError(f"{path}: unpacks to {unpacked >> 20} MB; a head model has {most} at most")
        # Given a path, numpy leaves a damaged file open.
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            return _skin(file["neutral"], file["identity"], file["expression"], file["quads"])
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(f"{path}: is not the head model ict_face_model_light.npz") from error


def _skin(
    neutral: Floats, identity: NDArray[np.floating], expression: NDArray[np.floating], quads: Ints
) -> HeadModel:
    shapes = np.concatenate([identity[:IDENTITIES, :SKIN], expression[:, :SKIN]]).astype(np.float32)
    quads = quads[(quads < SKIN).all(axis=1)].astype(np.intp)
    second = quads[quads[:, 2] != quads[:, 3]]  # a triangle repeats its last vertex
    triangles = np.concatenate([quads[:, :3], second[:, [0, 2, 3]]])
    down = np.array([1, -1, 1], np.float32)
    skin = neutral[:SKIN].astype(np.float32) * down
    landmarks = np.array(LANDMARKS, np.intp)
    if not (skin.shape == (SKIN, 3) and np.isfinite(skin).all() and np.isfinite(shapes).all()):
        raise ValueError("vertices are missing")
    centre = skin[landmarks].mean(axis=0) * (0, 1, 1)  # the plane of symmetry stays at x = 0
    return HeadModel(
        np.asarray(skin - centre, np.float32),
        np.ascontiguousarray(shapes * down),
        len(identity[:IDENTITIES]),
        triangles,
        landmarks,
    )
