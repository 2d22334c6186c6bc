"""Multi-head attention whose keys and values can be computed once and kept."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class KeysValues(NamedTuple):
    """Projected keys and values, each (B, heads, M, dim / heads)."""

    keys: Tensor
    values: Tensor


class Attention(nn.Module):
    """Scaled dot-product attention with separate projections of query, key and value."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"{dim} channels cannot be split into {heads} heads")
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)

    def project(self, key: Tensor, value: Tensor) -> KeysValues:
        """Keys and values (B, M, dim) in the form that can be kept between calls."""
        return KeysValues(self._split(self.key(key)), self._split(self.value(value)))

    def forward(self, query: Tensor, memory: KeysValues, mask: Tensor | None = None) -> Tensor:
        """Queries (B, N, dim) over everything in ``memory``; ``mask`` (B, M) is True where
        a key may be seen."""
        seen = None if mask is None else mask[:, None, None, :]
        q = self._split(self.query(query))
        out = F.scaled_dot_product_attention(q, memory.keys, memory.values, attn_mask=seen)
        return self._join(out)

    def anchored(self, query: Tensor, own: KeysValues, anchors: KeysValues) -> Tensor:
        """Queries (B, N, dim) over the anchors and, each, its own key and value alone: N
        queries cost N times one, and none changes with the others."""
        q = self._split(self.query(query))
        scale = q.shape[-1] ** -0.5
        to_anchors = q @ anchors.keys.transpose(-1, -2)
        to_self = (q * own.keys).sum(-1, keepdim=True)
        weights = torch.cat([to_anchors, to_self], dim=-1).mul(scale).softmax(dim=-1)
        weights = weights.to(q.dtype)
        out = weights[..., :-1] @ anchors.values + weights[..., -1:] * own.values
        return self._join(out)

    def weights(self, query: Tensor, memory: KeysValues, seen: Tensor | None = None) -> Tensor:
        """How much each query (B, N, dim) takes from each key, (B, heads, N, M), for drawing; ``seen``
        (N, M) is True where it sees the key."""
        products = self._split(self.query(query)) @ memory.keys.transpose(-1, -2)
        products = products.float() * memory.keys.shape[-1] ** -0.5
        if seen is not None:
            products = products.masked_fill(~seen, float("-inf"))
        shares: Tensor = products.softmax(dim=-1)
        return shares

    def _split(self, x: Tensor) -> Tensor:
        heads: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return heads

    def _join(self, x: Tensor) -> Tensor:
        joined: Tensor = self.out(x.transpose(1, 2).flatten(2))
        return joined


class FeedForward(nn.Sequential):
    """Linear, GELU, linear."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))


class EncoderLayer(nn.Module):
    """A pre-LN transformer layer over tokens with position encodings in query and key."""

    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(dim)
        self.attention = Attention(dim, heads)
        self.norm_ffn = nn.LayerNorm(dim)
        self.ffn = FeedForward(dim, hidden)

    def forward(self, tokens: Tensor, position: Tensor) -> Tensor:
        """Tokens (B, M, dim), positions (1, M, dim)."""
        n = self.norm_attention(tokens)
        place = n + position
        tokens = tokens + self.attention(place, self.attention.project(place, n))
        out: Tensor = tokens + self.ffn(self.norm_ffn(tokens))
        return out
