import numpy as np
import pytest
import torch

from labelkit.detect.network import (
    STRIDES,
    FaceNet,
    FaceNetConfig,
    cells,
    decode,
    normalize,
    overlap,
    parameter_count,
)
from labelkit.errors import CheckpointError

TINY = FaceNetConfig(widths=(4, 8, 8, 8, 8), blocks=(0, 1, 0, 1), pyramid=8)


@pytest.fixture
def network():
    torch.manual_seed(0)
    net = FaceNet(TINY)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after some training
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.uniform_(-1, 1)
    return net.eval()


def test_a_cell_answers_for_every_place_of_every_map(network):
    answers = network(torch.zeros(2, 3, 64, 96))
    count = sum((64 // stride) * (96 // stride) for stride in STRIDES)
    assert answers.logits.shape == (2, count)
    assert answers.boxes.shape == (2, count, 4)
    assert answers.points.shape == (2, count, 5, 2)


def test_cells_have_their_centres_where_the_pixel_centre_rule_says():
    centres, strides = cells(32, 64, torch.device("cpu"))
    np.testing.assert_array_equal(centres[:2], [[3.5, 3.5], [11.5, 3.5]])
    np.testing.assert_array_equal(centres[-2:], [[15.5, 15.5], [47.5, 15.5]])
    assert strides.unique().tolist() == [8, 16, 32]
    # The mean of the pixels 0 to 7, and of the first column of a map: no half pixel is lost.
    assert centres[strides == 8][:, 0].mean() == np.arange(64).mean()


def test_after_finding_faces_a_network_can_learn(network):
    with torch.inference_mode():
        network(torch.zeros(1, 3, 32, 96))
    network(torch.zeros(1, 3, 32, 96)).boxes.sum().backward()
    assert network.out.weight.grad is not None


def test_boxes_and_points_are_placed_from_the_cell_in_its_strides():
    raw = torch.zeros(1, 1, 15)
    raw[..., 1:3] = torch.tensor([1.0, -0.5])
    raw[..., 3:5] = torch.tensor([2.0, 3.0]).log()
    raw[..., 5:7] = torch.tensor([0.25, 0.0])
    answers = decode(raw, torch.tensor([[7.5, 7.5]]), torch.tensor([16.0]))
    np.testing.assert_allclose(answers.boxes[0, 0], [23.5 - 32, -0.5 - 48, 23.5 + 32, -0.5 + 48])
    np.testing.assert_allclose(answers.points[0, 0, :2], [[11.5, 7.5], [7.5, 7.5]])


def test_folding_changes_no_answer(network):
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        before = network(images)
        after = network.fold()(images)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


def test_a_face_may_be_anywhere(network):
    """Moved by a whole coarse cell, an image has its answers moved: nothing knows where it is."""
    network.fold()
    image = torch.zeros(1, 3, 512, 512)
    image[:, :, 224:288, 224:288] = torch.randn(3, 64, 64)
    with torch.no_grad():
        first, second = network(image), network(image.roll((32, 32), (2, 3)))
    centres, strides = cells(512, 512, image.device)
    middle = ((centres - 256).abs().amax(1) < 32) & (strides == 8)
    there = ((centres - 288).abs().amax(1) < 32) & (strides == 8)
    torch.testing.assert_close(first.boxes[:, middle] + 32, second.boxes[:, there], atol=1e-2, rtol=1e-4)


def test_mid_grey_is_what_lies_outside():
    np.testing.assert_array_equal(normalize(torch.tensor([127, 127], dtype=torch.uint8)), [0, 0])


def test_overlap_by_hand():
    one = torch.tensor([[0.0, 0, 10, 10]] * 3)
    other = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]])
    np.testing.assert_allclose(overlap(one, other), [1, 1 / 3, 0], atol=1e-6)


def test_the_bundled_size_is_small():
    assert parameter_count() < 900_000


def test_a_configuration_comes_back_from_a_card():
    assert FaceNetConfig.from_dict({"widths": [4, 8, 8, 8, 8], "blocks": [0, 1, 0, 1], "pyramid": 8}) == TINY
    with pytest.raises(CheckpointError, match="cannot be built"):
        FaceNetConfig.from_dict({"depth": 3})
