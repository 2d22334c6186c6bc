from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from labelkit.checkpoint import content_hash, load_checkpoint, read_card, save_checkpoint
from labelkit.errors import CheckpointError


def tensors() -> dict[str, Tensor]:
    return {
        "weight": torch.arange(12.0).view(3, 4),
        "half": torch.tensor([0.5, -1.5], dtype=torch.float16),
        "brain": torch.tensor([2.0], dtype=torch.bfloat16),
        "count": torch.tensor(7),
        "flags": torch.tensor([True, False]),
        "empty": torch.zeros(0, 2),
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, tensors(), {"name": "model", "nested": {"a": [1, 2.5, None]}})
    return path


def test_everything_comes_back(file: Path) -> None:
    found, card = load_checkpoint(file)
    assert set(found) == set(tensors())
    for name, tensor in tensors().items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name
    assert card == {"name": "model", "nested": {"a": [1, 2.5, None]}, "hash": content_hash(tensors())}
    assert read_card(file) == card


def test_tensors_may_lie_in_memory_as_they_like(tmp_path: Path) -> None:
    """Transposed, channels last, on the way through a gradient."""
    odd = {
        "t": torch.arange(6.0).view(2, 3).T,
        "c": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "g": torch.ones(2, requires_grad=True),
    }
    save_checkpoint(tmp_path / "odd.safetensors", odd, {})
    found, _ = load_checkpoint(tmp_path / "odd.safetensors")
    assert all(torch.equal(found[name], odd[name]) for name in odd)


def test_the_hash_says_names_types_shapes_and_values() -> None:
    plain = {"a": torch.zeros(4), "b": torch.ones(2)}
    assert content_hash(plain) == content_hash(dict(reversed(plain.items())))
    others = [
        plain | {"a": torch.zeros(2, 2)},
        plain | {"a": torch.zeros(4, dtype=torch.int32)},
        plain | {"a": torch.tensor([0.0, 0.0, 0.0, 1.0])},
        {"A": torch.zeros(4), "b": torch.ones(2)},
    ]
    assert len({content_hash(entry) for entry in [plain, *others]}) == 5


def test_a_changed_value_is_noticed(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match="does not match the hash") as caught:
        load_checkpoint(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("keep", [0, 5, 60, -1])
def test_a_truncated_file_is_refused(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="is not a safetensors file"):
        load_checkpoint(file)


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        (None, "no labelkit card"),
        ({"format": "pt"}, "no labelkit card"),
        ({"labelkit": "{"}, "not JSON"),
        ({"labelkit": "[1]"}, "not a JSON object"),
        ({"labelkit": json.dumps({"name": "x"})}, "does not match the hash"),
    ],
)
def test_a_wrong_card_is_refused(tmp_path: Path, metadata: dict[str, str] | None, problem: str) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata)
    with pytest.raises(CheckpointError, match=problem):
        load_checkpoint(path)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".bin"])
def test_pickles_are_refused_unopened(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"unpickling .* could run code"):
        load_checkpoint(path)


def test_a_pickle_under_another_name_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="is not a safetensors file"):
        load_checkpoint(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        load_checkpoint(tmp_path / "nothing.safetensors")
    with pytest.raises(CheckpointError, match="is not a safetensors file"):
        load_checkpoint(tmp_path)


def test_nothing_half_written_is_left(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def fail(self: Path, data: bytes) -> int:
        with self.open("wb") as handle:
            handle.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(file, tensors(), {"name": "newer"})
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_card_that_is_no_json_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        save_checkpoint(tmp_path / "new" / "model.safetensors", tensors(), {"x": object()})
    assert not list(tmp_path.rglob("*.*"))


def _file(path: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    """A safetensors file with any header, whose length may be a lie."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def _tensor(shape: list[int], begin: int, end: int, kind: str = "F32") -> dict[str, object]:
    return {"a": {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}}


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"{}", 2**63),
        (b"{}", 2**40),
        (b"{}", 100_000_001),
        (b"", 0),
        (b"[" * 100_000, None),
        (b'{"a":' * 50_000, None),
        (_tensor([2**62, 4], 0, 8), None),
        (_tensor([2], 0, 2**60), None),
        (_tensor([2], 8, 0), None),
        (_tensor([2], -8, 0), None),
        (_tensor([3], 0, 8), None),
        (_tensor([2], 0, 8, "EVIL"), None),
        ({"a": _tensor([2], 0, 8)["a"], "b": _tensor([2], 4, 12)["a"]}, None),
        ({"__metadata__": {"labelkit": {"not": "text"}}}, None),
    ],
)
def test_hostile_headers_are_refused_in_one_line(tmp_path: Path, header: object, length: int | None) -> None:
    path = _file(tmp_path / "evil.safetensors", header, bytes(8), length)
    with pytest.raises(CheckpointError, match=r"evil\.safetensors: ") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_card_nested_without_end_is_refused(tmp_path: Path) -> None:
    header = {"__metadata__": {"labelkit": "[" * 200_000}, **_tensor([2], 0, 8)}
    with pytest.raises(CheckpointError, match="the card is not JSON"):
        read_card(_file(tmp_path / "evil.safetensors", header, bytes(8)))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"head.weight": torch.tensor([1.0, value])}, {"kind": "tufa"})
    with pytest.raises(CheckpointError, match=r"head\.weight holds NaN or infinity"):
        load_checkpoint(path)
    save_checkpoint(path, {"moments": torch.tensor([1.0, value])}, {"kind": "training state"})
    assert len(load_checkpoint(path)[0]) == 1
