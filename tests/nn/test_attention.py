from __future__ import annotations

import pytest
import torch
from torch import Tensor

from labelkit.nn.attention import Attention, EncoderLayer, KeysValues


def naive(attention: Attention, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Softmax attention written out head by head; ``mask`` (B, N, M) is True where seen."""
    width = query.shape[-1] // attention.heads
    q, k, v = attention.query(query), attention.key(key), attention.value(value)
    heads = []
    for h in range(attention.heads):
        part = slice(h * width, (h + 1) * width)
        scores = q[..., part] @ k[..., part].transpose(1, 2) / width**0.5
        heads.append(scores.masked_fill(~mask, -torch.inf).softmax(-1) @ v[..., part])
    out: Tensor = attention.out(torch.cat(heads, dim=-1))
    return out


@pytest.fixture
def attention() -> Attention:
    torch.manual_seed(0)
    return Attention(24, 3)


def test_full_attention_is_softmax_attention(attention: Attention) -> None:
    query, key, value = torch.randn(2, 5, 24), torch.randn(2, 7, 24), torch.randn(2, 7, 24)
    seen = torch.rand(2, 7) < 0.7
    seen[:, 0] = True
    found = attention(query, attention.project(key, value), seen)
    expected = naive(attention, query, key, value, seen[:, None, :].expand(2, 5, 7))
    assert torch.allclose(found, expected, atol=1e-5)


def test_hidden_keys_do_not_matter(attention: Attention) -> None:
    query, key = torch.randn(1, 4, 24), torch.randn(1, 6, 24)
    seen = torch.tensor([[True, True, True, True, False, False]])
    found = attention(query, attention.project(key, key), seen)
    other = key.clone()
    other[:, 4:] = 100
    assert torch.equal(found, attention(query, attention.project(other, other), seen))
    alone = attention.project(key[:, :4], key[:, :4])
    assert torch.allclose(found, attention(query, alone), atol=1e-6)


def test_anchored_attention_is_full_attention_under_its_mask(attention: Attention) -> None:
    anchors, points = torch.randn(2, 6, 24), torch.randn(2, 9, 24)
    found = attention.anchored(points, attention.project(points, points), attention.project(anchors, anchors))
    everything = torch.cat([anchors, points], dim=1)
    mask = torch.cat([torch.ones(9, 6, dtype=torch.bool), torch.eye(9, dtype=torch.bool)], dim=1)
    expected = naive(attention, points, everything, everything, mask.expand(2, 9, 15))
    assert torch.allclose(found, expected, atol=1e-5)


def test_keys_and_values_have_a_head_each(attention: Attention) -> None:
    memory = attention.project(torch.randn(2, 7, 24), torch.randn(2, 7, 24))
    assert isinstance(memory, KeysValues)
    assert memory.keys.shape == memory.values.shape == (2, 3, 7, 8)


def test_heads_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="split into 5 heads"):
        Attention(24, 5)


def test_positions_join_query_and_key_but_not_the_value() -> None:
    """With one token attention returns its value, whatever the position."""
    torch.manual_seed(0)
    layer = EncoderLayer(8, 2, 16)
    token = torch.randn(1, 1, 8)
    assert torch.allclose(layer(token, torch.zeros(1, 1, 8)), layer(token, torch.randn(1, 1, 8)), atol=1e-6)
    tokens = torch.randn(1, 3, 8)
    assert not torch.allclose(
        layer(tokens, torch.zeros(1, 3, 8)), layer(tokens, torch.randn(1, 3, 8)), atol=1e-3
    )
