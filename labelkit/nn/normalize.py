"""Pixels to network input."""

from __future__ import annotations

import torch
from torch import Tensor

#: Mean and standard deviation of ImageNet, red, green and blue in 0..1.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def normalize(images: Tensor, valid: Tensor) -> Tensor:
    """Pixels (B, 3, H, W) in 0..1 to zero mean and unit spread; zero where ``valid``
    (B, 1, H, W) says padding."""
    mean = torch.tensor(MEAN, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=images.device).view(1, 3, 1, 1)
    return (images - mean) / std * valid
