"""Faces on which a refinement head is watched and calibrated: as `base` really finds them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from labelkit.models.build import DSLPTConfig
from labelkit.models.dslpt import DSLPT, Refined
from labelkit.models.predictor import LandmarkModel
from labelkit.nn.normalize import normalize
from labelkit.train.augment import box_crops, landmark_crops, plain_view, sample_views, windowed
from labelkit.train.pack import FacePack


@dataclass(frozen=True)
class DevFaces:
    """Crops cut around what base found: ``images`` (M, 3, S, S) and ``valid`` (M, 1, S, S) for the
    network, ``prompts`` (N, 2); ``start`` (M, N, 2), ``anchors`` (M, A, 2) and the true ``points``
    (M, N, 2) in the crop's units, ``iod`` (M,) too."""

    images: Tensor
    valid: Tensor
    prompts: Tensor
    start: Tensor
    anchors: Tensor
    points: Tensor
    iod: Tensor

    def errors(self, found: Tensor) -> Tensor:
        """Mean errors (M,) of points (M, N, 2) as shares of the IOD."""
        distance: Tensor = (found - self.points).norm(dim=-1)
        return distance.nanmean(1) / self.iod

    def refined(self, network: DSLPT, batch: int = 32) -> Refined:
        """What the network makes of all faces, without its anchors."""
        parts = []
        for rows in torch.arange(len(self.images)).split(batch):
            prompts = self.prompts.expand(len(rows), -1, -1)
            with torch.autocast(self.images.device.type, torch.bfloat16):
                found = network(
                    self.images[rows], prompts, self.start[rows], self.anchors[rows], self.valid[rows]
                )
            parts.append(found)
        count = len(network.anchors)
        spreads = [part.spread[..., count:, :] for part in parts if part.spread is not None]
        reads = [part.read[:, count:].float() for part in parts if part.read is not None]
        xy = torch.cat([part.xy[..., count:, :] for part in parts], dim=2)
        return Refined(xy, torch.cat(spreads, dim=2) if spreads else None, torch.cat(reads))


@torch.no_grad()
def dev_faces(pack: FacePack, base: LandmarkModel, network: DSLPTConfig, batch: int = 32) -> DevFaces:
    """The faces of a pack, their boxes from annotations, found by ``base`` and cut out again."""
    device = pack.images.device
    prompts = torch.tensor(pack.scheme.plane, dtype=torch.float32, device=device)
    anchors = base.network.anchors.to(device)
    images, valid, places = [], [], []
    for rows in torch.arange(len(pack)).split(batch):
        view = plain_view(pack, rows, base.size)
        to_pack = box_crops(pack.points[rows], prompts)
        memory = base.network.encode(view.images, view.valid)
        found = base.network.decode(memory, prompts.expand(len(rows), -1, -1))[-1].float()
        fixed = memory.anchor_points
        seen, at = (anchors, fixed[-1].float()) if fixed is not None else (prompts, found)
        matrix = windowed(landmark_crops(_moved(to_pack, at), seen), network.window)
        pixels, inside = sample_views(pack.images[rows], pack.bounds[rows], matrix, network.size)
        inverse = torch.linalg.inv(matrix[:, :, :2]).transpose(1, 2)
        places.append(
            [
                (p - matrix[:, None, :, 2]) @ inverse
                for p in (_moved(to_pack, found), _moved(to_pack, at), pack.points[rows])
            ]
        )
        images.append(normalize(pixels, inside))
        valid.append(inside)
    start, around, points = (torch.cat(part) for part in zip(*places, strict=True))
    iod = torch.tensor([pack.scheme.normalizer(xy) for xy in points.double().cpu().numpy()])
    return DevFaces(
        torch.cat(images), torch.cat(valid), prompts, start, around, points, iod.float().to(device)
    )


def _moved(matrix: Tensor, points: Tensor) -> Tensor:
    return points @ matrix[:, :, :2].transpose(1, 2) + matrix[:, None, :, 2]
