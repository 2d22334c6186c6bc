from __future__ import annotations

import pytest
import torch

from labelkit.nn.encoders import ConvEncoder, ViTEncoder
from labelkit.nn.prompts import StructurePrompt


@pytest.mark.parametrize(("fine", "side"), [(True, 8), (False, 4)])
def test_convolutions_give_tokens_of_stride_8_or_16(fine: bool, side: int) -> None:
    torch.manual_seed(0)
    encoder = ConvEncoder("resnet10t", 16, 1, 2, 6.0, 100.0, fine).eval()
    tokens = encoder(torch.randn(2, 3, 64, 64))
    assert tokens.grid == (side, side)
    assert tokens.features.shape == (2, side * side, 16)
    assert tokens.position.shape == (1, side * side, 16)
    assert tokens.overview is not None
    assert tokens.overview.shape == (2, 16, 4, 4)


def test_tokens_go_row_by_row_and_their_positions_are_prompts_of_their_centres() -> None:
    """Half a cell from the edge -1, by the pixel-centre rule; x runs first."""
    encoder = ConvEncoder("resnet10t", 16, 0, 2, 6.0, 100.0, fine=False).eval()
    tokens = encoder(torch.zeros(1, 3, 32, 64))
    assert tokens.grid == (2, 4)
    centres = [[x, y] for y in (-0.5, 0.5) for x in (-0.75, -0.25, 0.25, 0.75)]
    expected = StructurePrompt(16, 6.0, 100.0)(torch.tensor(centres))
    assert torch.allclose(tokens.position[0], expected, atol=1e-6)


def test_a_vit_drops_its_class_token_and_keeps_positions_of_patches() -> None:
    encoder = ViTEncoder("vit_tiny_patch16_224", 64).eval()
    tokens = encoder(torch.zeros(1, 3, 64, 64))
    assert tokens.grid == (4, 4)
    assert tokens.features.shape == (1, 16, 192)
    assert torch.equal(tokens.position, encoder.vit.pos_embed[:, 1:])
    assert tokens.overview is None


def test_slow_depthwise_products_are_trained_in_fp32_and_give_the_same() -> None:
    """Only strides and 5 x 5 kernels are slow; inference stays in bf16."""
    torch.manual_seed(0)
    encoder = ConvEncoder("tf_efficientnet_lite0", 16, 0, 2, 6.0, 100.0)
    seen: dict[str, torch.dtype] = {}
    for name, layer in encoder.backbone.named_modules():
        if name.endswith("conv_dw"):
            layer.register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, out.dtype))
    images = torch.randn(1, 3, 64, 64, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        encoder(images)
    assert seen["blocks.1.0.conv_dw"] == torch.float32  # stride 2
    assert seen["blocks.2.1.conv_dw"] == torch.float32  # 5 x 5
    assert seen["blocks.1.1.conv_dw"] == torch.bfloat16  # 3 x 3
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        encoder(images)
    assert set(seen.values()) == {torch.bfloat16}
