"""DSLPT and SLPT: points refined from small patches, with their spread (J. Xia, thesis, 2024,
chapters 5 and 4).

A patch of a feature map is cut around where each point is believed to be; a transformer relates
the patches; heads say where in its patch each point is and how sure that is; the next, smaller patch
is cut there. The class holds the chapters' networks (a query and a structure encoding per landmark,
starts on a mean face) and what `refine` does otherwise, so as to serve any scheme:

- queries and structure encodings are small MLPs of the structure prompt (`Prompted`);
- every query starts as the point's own patch, which a point does not have to find first then;
- anchors, points of fixed places on the plane, are refined along with the points, and a point sees
  the anchors and itself: points do not move when others are added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelkit.nn.attention import Attention, FeedForward, KeysValues
from labelkit.nn.maps import HRNetMap, PyramidMap
from labelkit.nn.patches import next_side, sample_patches
from labelkit.nn.prompts import StructurePrompt

Spread = Literal["none", "gaussian", "laplace"]

#: Hears of stage, layer and the weights (B, heads, N, M) with which points look at patches.
Watch = Callable[[int, int, Tensor], None]


class Refined(NamedTuple):
    """``xy`` (stages, layers, B, N, 2) in crop units and ``spread``, the standard deviations along the
    crop's axes in the same shape and unit (None without spread). The last are the answer, the others
    serve the loss. The network's anchors come first along N. ``read`` (B, N, C) is from what the last was
    read."""

    xy: Tensor
    spread: Tensor | None
    read: Tensor | None = None


class Learned(nn.Module):
    """A query and a structure encoding for each of ``count`` landmarks, as in the chapters."""

    def __init__(self, count: int, dim: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.empty(count, dim))
        self.structure = nn.Parameter(torch.empty(count, dim))
        nn.init.xavier_uniform_(self.query)
        nn.init.xavier_uniform_(self.structure)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and encodings, each (B, N, dim), of the landmarks, which must all be there."""
        if points.shape[1] != len(self.query):
            raise ValueError(f"{points.shape[1]} points for a network of {len(self.query)} landmarks")
        shape = (len(points), -1, -1)
        return self.query.expand(shape), self.structure.expand(shape)


class Prompted(nn.Module):
    """A query and a structure encoding for any place on the plane: MLPs of its structure prompt."""

    def __init__(self, prompt: StructurePrompt, dim: int) -> None:
        super().__init__()
        self.prompt = prompt
        self.query = FeedForward(dim, dim)
        self.structure = FeedForward(dim, dim)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and encodings, each (B, N, dim), of plane points (B, N, 2)."""
        e = self.prompt(points)
        return self.query(e), self.structure(e)


class InherentLayer(nn.Module):
    """Pre-LN: queries among themselves, queries to patches, feed-forward (Eqs. 4.3-4.5)."""

    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm_points = nn.LayerNorm(dim)
        self.points = Attention(dim, heads)
        self.norm_patches = nn.LayerNorm(dim)
        self.patches = Attention(dim, heads)
        self.norm_ffn = nn.LayerNorm(dim)
        self.ffn = FeedForward(dim, hidden)


class Heads(nn.Module):
    """Where in its patch each point is, 0 to 1 from the top left corner, and its standard deviation in
    units of the patch: both (..., 2). Shared by all stages and layers (Eq. 5.9)."""

    def __init__(self, dim: int, spread: bool) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, 2 * dim)
        self.mean = nn.Linear(2 * dim, 2)
        self.spread = nn.Linear(2 * dim, 2) if spread else None
        with torch.no_grad():
            # A point begins in the middle of its patch, its spread at a tenth of it.
            self.mean.weight.mul_(0.1)
            self.mean.bias.fill_(0.5)
            if self.spread is not None:
                self.spread.weight.mul_(0.3)
                self.spread.bias.fill_(-2.2)

    def forward(self, t: Tensor) -> tuple[Tensor, Tensor | None]:
        hidden = F.relu(self.hidden(t)).float()
        # In bf16 a place would be rounded to 0.4 % of the patch, so what gives it is always fp32.
        with torch.autocast(t.device.type, enabled=False):
            spread = self.spread(hidden).sigmoid() if self.spread is not None else None
            return self.mean(hidden), spread


class DSLPT(nn.Module):
    """Images, plane points and starts in, refined points with their spread out.

    ``first_patch`` is the width of the first patches in crop units (a quarter of the crop, 0.5, in the
    paper). ``spread`` "none" is SLPT: no Σ, patches halved; else patches follow Σ where ``dynamic``.
    ``anchors`` (A, 2), plane positions, join the points where there are any and are all that a point
    sees beside itself; without them all points see one another, as in the chapters. ``own_patch``:
    queries start as the point's patch rather than at zero, and patches tell their width.
    """

    anchors: Tensor

    def __init__(
        self,
        features: HRNetMap | PyramidMap,
        landmarks: Learned | Prompted,
        dim: int,
        layers: int,
        heads: int,
        hidden: int,
        stages: int,
        samples: int,
        first_patch: float,
        spread: Spread,
        dynamic: bool,
        anchors: Tensor,
        own_patch: bool,
    ) -> None:
        super().__init__()
        self.features = features
        self.landmarks = landmarks
        self.stages, self.samples, self.first_patch = stages, samples, first_patch
        self.spread, self.dynamic, self.own_patch = spread, dynamic, own_patch
        self.register_buffer("anchors", anchors.float())
        self.padding = nn.Parameter(torch.zeros(features.dim))
        # What a 7 x 7 convolution makes of a 7 x 7 patch is one linear map of it.
        self.embed = nn.Linear(features.dim * samples**2, dim)
        self.norm_patch = nn.LayerNorm(dim)
        self.width = nn.Linear(1, dim) if own_patch else None
        stack = nn.ModuleList(InherentLayer(dim, heads, hidden) for _ in range(layers))
        self.layers = cast(Sequence[InherentLayer], stack)
        self.norm = nn.LayerNorm(dim)
        self.heads = Heads(dim, spread != "none")

    def look(self, images: Tensor, valid: Tensor | None = None) -> Tensor:
        """The feature map (B, C, h, w) of crops (B, 3, H, W), normalised and zero in the padding, which
        ``valid`` (B, 1, H, W) tells from the photo."""
        found: Tensor = self.features(images).float()
        if valid is not None:
            outside = 1 - F.adaptive_avg_pool2d(valid.float(), (found.shape[2], found.shape[3]))
            found = found + outside * self.padding[:, None, None]
        return found

    def forward(
        self,
        images: Tensor,
        prompts: Tensor,
        start: Tensor | None = None,
        anchor_start: Tensor | None = None,
        valid: Tensor | None = None,
    ) -> Refined:
        """``prompts`` (B, N, 2) on the plane; ``start`` (B, N, 2) and ``anchor_start`` (B, A, 2) in crop
        units, None: the mean face, which has its points where the plane has them."""
        return self.refine(self.look(images, valid), prompts, start, anchor_start)

    def refine(
        self,
        features: Tensor,
        prompts: Tensor,
        start: Tensor | None = None,
        anchor_start: Tensor | None = None,
        watch: Watch | None = None,
    ) -> Refined:
        """As `forward`, from the feature map."""
        anchors = self.anchors.expand(len(prompts), -1, -1)
        place = torch.cat(
            [
                anchors if anchor_start is None else anchor_start,
                prompts if start is None else start,
            ],
            dim=1,
        )
        query, structure = self.landmarks(torch.cat([anchors, prompts], dim=1))
        side = torch.full_like(place[..., 0], self.first_patch)
        found: list[Tensor] = []
        spreads: list[Tensor] = []
        read: list[Tensor] = []
        for stage in range(self.stages):
            corner = place.detach() - side[..., None] / 2
            read = self._stage(features, corner, side, query, structure, stage, watch)
            outputs = [self.heads(token) for token in read]
            found += [corner + side[..., None] * mean for mean, _ in outputs]
            spreads += [side[..., None] * spread for _, spread in outputs if spread is not None]
            place, last = found[-1], outputs[-1][1]
            side = next_side(side, last if self.dynamic else None)
        shape = (self.stages, len(self.layers))
        return Refined(
            torch.stack(found).unflatten(0, shape),
            torch.stack(spreads).unflatten(0, shape) if spreads else None,
            read[-1],
        )

    def _stage(
        self,
        features: Tensor,
        corner: Tensor,
        side: Tensor,
        query: Tensor,
        structure: Tensor,
        stage: int,
        watch: Watch | None,
    ) -> list[Tensor]:
        """What the heads read after every layer of a stage."""
        r = self.norm_patch(self.embed(sample_patches(features, corner, side, self.samples)))
        if self.width is not None:
            r = r + self.width((side / self.first_patch).log()[..., None])
        t = r if self.own_patch else torch.zeros_like(r)
        outputs = []
        for number, layer in enumerate(self.layers):
            n = layer.norm_points(t)
            t = t + self._among(layer.points, n + query, layer.points.project(n + query, n))
            n = layer.norm_patches(t) + query
            patches = layer.patches.project(r + structure, r)
            if watch is not None:
                watch(stage, number, layer.patches.weights(n, patches, self._seen(n.shape[1])))
            t = t + self._among(layer.patches, n, patches)
            t = t + layer.ffn(layer.norm_ffn(t))
            outputs.append(self.norm(t))
        return outputs

    def _seen(self, count: int) -> Tensor | None:
        """Which of ``count`` points, anchors first, sees which, as in `_among`; None: all see all."""
        anchors = len(self.anchors)
        if not anchors:
            return None
        seen = torch.eye(count, dtype=torch.bool, device=self.anchors.device)
        seen[:, :anchors] = True
        return seen

    def _among(self, attention: Attention, query: Tensor, own: KeysValues) -> Tensor:
        """Attention of all over all or, where there are anchors, of anchors over anchors and of each
        point over the anchors and itself."""
        count = len(self.anchors)
        if not count:
            every: Tensor = attention(query, own)
            return every
        anchors = KeysValues(own.keys[:, :, :count], own.values[:, :, :count])
        rest = KeysValues(own.keys[:, :, count:], own.values[:, :, count:])
        among = attention(query[:, :count], anchors)
        return torch.cat([among, attention.anchored(query[:, count:], rest, anchors)], dim=1)
