"""Model files: safetensors with a JSON card in the header. Nothing is ever unpickled.

torch is loaded only where there are tensors, so that cards can be looked through without it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from labelkit.atomic import replacing
from labelkit.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

_CARD = "labelkit"

#: How the kinds of files end that a training left behind, whatever numbers it had come to.
_STATE = "training state"


def content_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and values, in the order of the names."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> str:
    """Write tensors and card at once or not at all; returns the content hash, which the
    card then holds as ``hash``."""
    from safetensors.torch import save as serialise

    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    digest = content_hash(kept)
    data = serialise(kept, metadata={_CARD: json.dumps({**card, "hash": digest})})
    with replacing(path) as draft:
        draft.write_bytes(data)
    return digest


def read_card(path: Path) -> dict[str, Any]:
    """The card alone; raises `CheckpointError` naming the file."""
    text = read_metadata(path).get(_CARD)
    if text is None:
        raise CheckpointError(f"{path}: is a safetensors file, but has no labelkit card")
    try:
        card = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: the card is not JSON ({error})") from error
    if not isinstance(card, dict):
        raise CheckpointError(f"{path}: the card is not a JSON object")
    return card


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and card; raises `CheckpointError` where the file is damaged, its content is not what the
    card's hash says, or a weight of a model is not a finite number."""
    card = read_card(path)
    tensors = load_tensors(path)
    if content_hash(tensors) != card.get("hash"):
        raise CheckpointError(f"{path}: the content does not match the hash in its card")
    if not str(card.get("kind", "")).endswith(_STATE):
        _check_finite(path, tensors)
    return tensors, card


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of any safetensors file, one of another program's included."""
    with _open(path, "pt") as file:
        try:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except (SafetensorError, RuntimeError, OSError) as error:  # a type or a size that torch refuses
            raise CheckpointError(f"{path}: a tensor cannot be read ({error})") from error


def _check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    import torch

    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"{path}: {name} holds NaN or infinity: the model is broken")


def read_metadata(path: Path) -> dict[str, str]:
    """What the header of any safetensors file says besides its tensors."""
    with _open(path, "np") as file:
        return dict(file.metadata() or {})


def _open(path: Path, framework: str) -> Any:
    if path.suffix in (".pt", ".pth", ".ckpt", ".bin"):
        raise CheckpointError(
            f"{path}: only .safetensors is loaded; unpickling a {path.suffix} could run code"
        )
    try:
        return safe_open(str(path), framework=framework)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: there is no such file") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: is not a safetensors file ({error})") from error
