"""TUFA: points of the plane placed on a photo (J. Xia, thesis, 2024, chapter 6).

The decoder asks the image about every plane point: self-attention relates the points,
cross-attention looks at the image tokens. The class holds the chapter's network
(`cascade=False`, `attention="full"`, no anchors) and what we changed for `base`, which
learns from few photos and no pretraining:

- The head gives a step, not a place: a plane point that training never saw then starts
  where a mean face would have it.
- `cascade`: the start is an affine view of the plane, read off the whole crop; every
  layer adds its step to the place before, looks around that place (its E joins the query)
  and takes in the image feature under it. Without this, attention has to discover where
  things are before any point can move, which takes a long training.
- `attention="anchored"`: a point sees a fixed set of anchors and itself, so that points
  do not move when others are added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelkit.models.tuned import answered
from labelkit.nn.attention import Attention, FeedForward, KeysValues
from labelkit.nn.encoders import ConvEncoder, ViTEncoder
from labelkit.nn.prompts import StructurePrompt

Who = Literal["full", "anchored"]

#: Cells a side of the overview from which the start is read.
OVERVIEW = 4

#: Number of the layer, the points' queries, and their own keys and values: what they take
#: from one another.
Relate = Callable[[int, Tensor, KeysValues], Tensor]


class Memory(NamedTuple):
    """What is kept of a batch of faces: while only the plane changes, nothing of this does.

    ``image`` holds one pair of keys and values per decoder layer; ``features``
    (B, C, h, w) the map that cascaded points look up and ``start`` (B, 2, 3) their affine
    view of the plane (None without cascade); ``anchors`` the anchors' keys and values for
    self-attention (None where points see one another) and ``anchor_points``
    (steps, B, A, 2) their places in crop units.
    """

    image: list[KeysValues]
    features: Tensor | None = None
    start: Tensor | None = None
    anchors: list[KeysValues] | None = None
    anchor_points: Tensor | None = None


class DecoderLayer(nn.Module):
    """Pre-LN: points among themselves, points to image, feed-forward.

    The prompt E joins query and key, never the value; so does the image's P.
    """

    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm_points = nn.LayerNorm(dim)
        self.points = Attention(dim, heads)
        self.norm_image = nn.LayerNorm(dim)
        self.image = Attention(dim, heads)
        self.norm_ffn = nn.LayerNorm(dim)
        self.ffn = FeedForward(dim, hidden)

    def own(self, t: Tensor, e: Tensor) -> tuple[Tensor, KeysValues]:
        """The points' queries, and their keys and values for self-attention."""
        n = self.norm_points(t)
        return n + e, self.points.project(n + e, n)

    def look(self, t: Tensor, e: Tensor, image: KeysValues) -> Tensor:
        """Cross-attention and feed-forward, after self-attention."""
        t = t + self.image(self.norm_image(t) + e, image)
        out: Tensor = t + self.ffn(self.norm_ffn(t))
        return out


class TUFA(nn.Module):
    """Images and plane points in, points in crop units out.

    ``anchors`` (A, 2) are plane positions that join every query (empty: none, as in the
    paper); ``attention`` says who sees whom. Output of `forward` is (steps, B, N, 2), a
    step per layer and, with ``cascade``, the start before them: the last one is the
    answer, the others serve the loss.
    """

    anchors: Tensor

    def __init__(
        self,
        encoder: ViTEncoder | ConvEncoder,
        prompt: StructurePrompt,
        layers: int,
        heads: int,
        hidden: int,
        anchors: Tensor,
        attention: Who,
        cascade: bool,
    ) -> None:
        super().__init__()
        if attention == "anchored" and not len(anchors):
            raise ValueError("anchored attention needs anchors")
        dim = encoder.dim
        self.encoder = encoder
        self.prompt = prompt
        self.attention = attention
        self.register_buffer("anchors", anchors.float())
        self.padding = nn.Parameter(torch.zeros(dim))
        # A ModuleList does not say what it holds.
        decoder = nn.ModuleList(DecoderLayer(dim, heads, hidden) for _ in range(layers))
        self.layers = cast(Sequence[DecoderLayer], decoder)
        self.norm = nn.LayerNorm(dim)
        self.head = StepHead(dim, 256, 2, start=0.3)
        self.pose = StepHead(dim * OVERVIEW**2, 64, 6, start=0.0) if cascade else None
        self.local = nn.Linear(dim, dim) if cascade else None

    def encode(self, images: Tensor, valid: Tensor | None = None) -> Memory:
        """Everything about the faces that does not depend on the prompts.

        ``images`` (B, 3, H, W), normalised, zero in the padding; ``valid`` (B, 1, H, W)
        is 1 on the photo and 0 in the padding (None: no padding).
        """
        tokens = self.encoder(images)
        features = tokens.features
        if valid is not None:
            outside = 1 - F.adaptive_avg_pool2d(valid.to(features.dtype), tokens.grid)
            features = features + outside.flatten(1)[..., None] * self.padding.to(features.dtype)
        places = features + tokens.position
        memory = Memory([layer.image.project(places, features) for layer in self.layers])
        if self.pose is not None and tokens.overview is not None:
            pooled = F.adaptive_avg_pool2d(tokens.overview.float(), OVERVIEW).flatten(1)
            memory = memory._replace(
                features=features.transpose(1, 2).unflatten(2, tokens.grid).float(),
                start=self.pose(pooled).unflatten(1, (2, 3)),
            )
        return memory if self.attention == "full" else self._with_anchors(memory)

    def decode(
        self, memory: Memory, prompts: Tensor, there: Tensor | None = None, own: Tensor | None = None
    ) -> Tensor:
        """Plane points (B, N, 2) to crop units (steps, B, N, 2).

        ``there`` (B, N) is False for entries that only fill up the array; with anchored
        attention they disturb nobody, with full attention they are hidden from the rest.
        ``own`` (N, C + 1, 2) or (B, N, C + 1, 2) are linear heads of single points, the constant
        last, which add to the last step (`labelkit.models.tuned`).
        """
        kept = memory.anchors
        if kept is not None:

            def apart(i: int, query: Tensor, own: KeysValues) -> Tensor:
                return self.layers[i].points.anchored(query, own, kept[i])

            return self._run(memory, prompts, apart, own)
        joined = torch.cat([prompts, self.anchors.expand(len(prompts), -1, -1)], dim=1)
        if there is not None:
            there = torch.cat([there, there.new_ones(len(prompts), len(self.anchors))], dim=1)
        if own is not None:
            own = F.pad(own, (0, 0, 0, 0, 0, len(self.anchors)))
        points = self._run(memory, joined, lambda i, q, kv: self.layers[i].points(q, kv, there), own)
        return points[:, :, : prompts.shape[1]]

    def forward(
        self, images: Tensor, prompts: Tensor, valid: Tensor | None = None, there: Tensor | None = None
    ) -> Tensor:
        return self.decode(self.encode(images, valid), prompts, there)

    def _with_anchors(self, memory: Memory) -> Memory:
        kept: list[KeysValues] = []

        def relate(i: int, query: Tensor, own: KeysValues) -> Tensor:
            kept.append(own)
            among: Tensor = self.layers[i].points(query, own)
            return among

        prompts = self.anchors.expand(len(memory.image[0].keys), -1, -1)
        points = self._run(memory, prompts, relate)
        return memory._replace(anchors=kept, anchor_points=points)

    def read(self, memory: Memory, prompts: Tensor) -> Tensor:
        """What the head reads before the last step, (B, N, C): as `decode`, but for the heads."""
        heard: list[Tensor] = []
        with _listening(self.norm, heard):
            self.decode(memory, prompts)
        return heard[-1][:, : prompts.shape[1]]

    def _run(self, memory: Memory, prompts: Tensor, relate: Relate, own: Tensor | None = None) -> Tensor:
        """The decoder over prompts (B, N, 2); ``relate`` is its self-attention, ``own`` as in `decode`."""
        e = self.prompt(prompts)
        if memory.start is None:
            t, place, steps = torch.zeros_like(e), prompts, []
        else:
            # T starts at E, so that the feed-forward can tell one point from another.
            t, place = e, _affine(memory.start, prompts)
            steps = [place]
        for i, layer in enumerate(self.layers):
            heads = own if i + 1 == len(self.layers) else None
            query, kept = layer.own(t, e)
            t = t + relate(i, query, kept)
            if memory.features is None:
                t = layer.look(t, e, memory.image[i])
                steps.append(prompts + self._step(t, heads))
                continue
            # Each layer corrects the place it was given and is judged for that alone.
            place = place.detach()
            t = t + self._under(memory.features, place)
            t = layer.look(t, self.prompt(place), memory.image[i])
            place = place + self._step(t, heads)
            steps.append(place)
        return torch.stack(steps)

    def _under(self, features: Tensor, place: Tensor) -> Tensor:
        """What the image shows at every place, (B, N, C), bilinear."""
        assert self.local is not None
        found = F.grid_sample(
            features, place[:, :, None], mode="bilinear", padding_mode="border", align_corners=False
        )
        local: Tensor = self.local(found[..., 0].transpose(1, 2))
        return local

    def _step(self, t: Tensor, own: Tensor | None = None) -> Tensor:
        # In bf16 a step of 0.3 would be rounded to 0.1 % of IOD, so the head is always fp32.
        with torch.autocast(t.device.type, enabled=False):
            read = self.norm(t.float())
            step: Tensor = self.head(read)
            if own is not None:
                step = step + answered(read, own)
        return step


class StepHead(nn.Sequential):
    """Inputs - hidden - outputs. The last layer starts at ``start`` times its usual weights.

    A small start lets points begin near their prompts. At zero, though, nothing below the
    head would learn: until the features are good for a step the head stays where it is,
    and until the head is not zero the features hear nothing of it.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, start: float) -> None:
        last = nn.Linear(hidden, outputs)
        with torch.no_grad():
            last.weight.mul_(start)
            last.bias.zero_()
        super().__init__(nn.Linear(inputs, hidden), nn.GELU(), last)


@contextmanager
def _listening(module: nn.Module, heard: list[Tensor]) -> Iterator[None]:
    """Keeps what the module gives while the block runs."""
    hook = module.register_forward_hook(lambda _, given, out: heard.append(out))
    try:
        yield
    finally:
        hook.remove()


def _affine(view: Tensor, points: Tensor) -> Tensor:
    """Points (B, N, 2) plus what the affine change ``view`` (B, 2, 3) makes of them."""
    view = view.float()
    return points + points @ view[:, :, :2].transpose(1, 2) + view[:, None, :, 2]
