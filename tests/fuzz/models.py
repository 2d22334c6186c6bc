"""Checkpoints: the file, the card in its header, and the network that the card describes."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse

from labelkit.calibration import Calibration, Readout
from labelkit.checkpoint import content_hash, load_checkpoint, read_card, save_checkpoint
from labelkit.detect.network import FaceNet, FaceNetConfig
from labelkit.errors import CheckpointError
from labelkit.models.build import DSLPTConfig, TUFAConfig, base, build_dslpt, build_tufa, refinement
from labelkit.models.card import as_markdown, as_text
from labelkit.models.heads import made_for
from labelkit.models.refiner import blend_of
from labelkit.nn.loading import filled
from labelkit.scheme import load_scheme

from .mutate import json_values, tree
from .rules import Emptied, Target

CARD = {
    "kind": "tufa",
    "name": "made",
    "labelkit": "0.1.0",
    "date": "2026-01-01",
    "terms": "for research",
    "uses": {"for": ["a"], "not_for": ["b"], "unknown": ["c"]},
    "training": {"data": [{"name": "d", "scheme": "ibug68", "faces": 10, "source": "s"}], "passes": 5},
    "metrics": {"dev_nme_io": 4.5, "dev_calibration": {"p39": 40.0, "p68": 69.0}},
    "measured": {
        "date": "2026-01-02",
        "sets": {
            "val": {
                "annotations": {
                    "faces": 9,
                    "found": 9,
                    "nme_io": 3.5,
                    "nme_io_interval": [3.1, 3.9],
                    "fr10": 0.5,
                },
                "kinds": {"yaw": {"0 to 30": {"faces": 3, "nme_io": 2.0}}},
            }
        },
        "robustness": {"given": {"nme_io": 3.0, "worst": {"moved": 1.0}}},
        "few_shot": {"val": {"model": "m", "date": "d", "curve": [{"faces": 1, "zero_shot": {"mean": 5.0}}]}},
    },
}


def _checkpoint(data: bytes, folder: Path) -> None:
    with Emptied(folder):
        place = folder / "model.safetensors"
        place.write_bytes(data)
        card = read_card(place)
        list(as_text(card))
        tensors, card = load_checkpoint(place)
        assert save_checkpoint(folder / "again.safetensors", tensors, card) == card["hash"]


def _checkpoint_seeds(folder: Path) -> Iterable[bytes]:
    kinds = (torch.float32, torch.float16, torch.int64, torch.bfloat16)
    tensors = {f"t{i}": torch.ones((2, i), dtype=kind) for i, kind in enumerate(kinds)}
    place = folder / "seed.safetensors"
    for some, card in ((tensors, CARD), ({"a": torch.zeros(3)}, {"kind": "x"})):
        with Emptied(folder):
            save_checkpoint(place, some, card)
            yield place.read_bytes()


def _header(data: bytes, random: Random, other: Callable[[bytes], bytes]) -> bytes:
    """Changes to the header, its length made right again; and a card whose hash is that of the content."""
    if random.random() < 0.3 or len(data) < 9:
        return other(data)
    (length,) = struct.unpack("<Q", data[:8])
    try:
        header = json.loads(data[8 : 8 + length])
        about = header.get("__metadata__", {})
        if random.random() < 0.5:
            about["labelkit"] = json.dumps(tree(json.loads(about["labelkit"]), random))
        else:
            header = tree(
                header, random, ("F32", "F16", "BOOL", "F8_E4M3", [2, 1], [0, 16], [0, 1 << 40], [1 << 40])
            )
        content = data[8 + length :]
        if random.random() < 0.7:
            _rehash(header, content)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return other(data)
    return _packed(header, content)


def _packed(header: dict[str, Any], content: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


def _rehash(header: dict[str, Any], content: bytes) -> None:
    try:
        digest = content_hash(parse(_packed(header, content)))
    except (SafetensorError, RuntimeError):
        return
    card = json.loads(header["__metadata__"]["labelkit"])
    header["__metadata__"]["labelkit"] = json.dumps({**card, "hash": digest})


def _card(data: bytes, folder: Path) -> None:
    """A card as ``labelkit models show`` and the documentation print it, and all that is asked of it."""
    try:
        card = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(card, dict):
        return
    for line in as_text(card):
        assert "\n" not in line, f"not one line: {line!r}"
    as_markdown(card)
    made_for(card, card)
    blend_of(card)
    if "readout" in card:
        Readout.from_dict(card["readout"])
    if "calibration" in card:
        known = Calibration.from_dict(card["calibration"])
        assert json.dumps(known.to_dict())


def _network(data: bytes, folder: Path) -> None:
    """A network that a card describes, of which the file holds no tensor: it must never be built."""
    try:
        card = json.loads(data)
    except (ValueError, RecursionError):
        return
    told = card.get("architecture") if isinstance(card, dict) else None
    if not isinstance(told, dict):
        return  # asked before
    build: Callable[[], torch.nn.Module]
    match card.get("kind"):
        case "tufa":
            network = TUFAConfig.from_dict(told)
            build = lambda: build_tufa(network)  # noqa: E731 - three names would say less
        case "dslpt":
            head = DSLPTConfig.from_dict(told)
            build = lambda: build_dslpt(head)  # noqa: E731
        case _:
            detector = FaceNetConfig.from_dict(told)
            build = lambda: FaceNet(detector).fold()  # noqa: E731
    try:
        filled(build, {})
    except CheckpointError:
        return
    raise AssertionError("a network without a tensor")


def _network_seeds(folder: Path) -> Iterable[bytes]:
    plane = load_scheme("ibug68").plane.tolist()
    small: dict[str, Any] = dict(backbone="resnet10t", dim=16, layers=1, heads=2, hidden=32)
    tufa = replace(base(plane, size=32), **small, anchors=((0.0, 0.0), (0.5, 0.25)))
    dslpt = replace(refinement(plane, size=32), channels=8, strides=(4, 8), **small, anchors=tufa.anchors)
    for kind, config in (("tufa", tufa), ("dslpt", dslpt)):
        yield json.dumps({"kind": kind, "architecture": config.to_dict()}).encode()
    yield json.dumps({"kind": "detector", "architecture": asdict(FaceNetConfig())}).encode()


_SIZES = (
    10**6,
    10**4,
    4096,
    48,
    "vit_giant_patch14_dinov2",
    "hrnet_w18",
    "hf-hub:a/b",
    "test_vit",
    "resnet10t",
)


TARGETS = (
    Target(
        "checkpoint",
        _checkpoint,
        _checkpoint_seeds,
        mutate=_header,
        share=1.5,
        longest=6000,
        names_file="model.safetensors",
    ),
    Target(
        "card",
        _card,
        lambda folder: [json.dumps(CARD).encode()],
        mutate=json_values([1, 2], {"mean": 1.0}),
        share=2.0,
        longest=6000,
    ),
    Target("network", _network, _network_seeds, mutate=json_values(*_SIZES), share=0.3, longest=3000),
)
