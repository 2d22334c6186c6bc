"""What a side file says about an export is believed only while it is true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labelkit.project.side import SIDE, digests, face_name, read_side, side_path, standing
from labelkit.scheme import Scheme


def exported(out: Path, scheme: Scheme) -> Path:
    """A file and its side file, as an export leaves them."""
    out.write_text("labels")
    told = {"sha256": digests(out, out.name), "predicted": [face_name("sub/a, face 1.png", 1)]}
    side = side_path(out, whole=False)
    side.write_text(json.dumps({**told, "scheme": scheme.to_dict()}))
    return side


def test_a_file_and_a_folder(tmp_path: Path, ibug68: Scheme) -> None:
    side = exported(tmp_path / "a.txt", ibug68)
    assert side == tmp_path / f"a.txt.{SIDE}"
    told = read_side(tmp_path / "a.txt")
    assert told is not None
    assert (told.scheme, told.predicted) == (ibug68, {"sub/a, face 1.png"})
    side.rename(tmp_path / SIDE)
    assert read_side(tmp_path) == told
    assert read_side(tmp_path / "a.txt") == told, "a part of a split"
    (tmp_path / "b.txt").write_text("another file")
    assert read_side(tmp_path) is None
    assert read_side(tmp_path / "b.txt") is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"sha256": 1}', "[" * 100_000, '{"sha256": {"a.txt": "0"}}']
)
def test_a_damaged_side_file_says_nothing(tmp_path: Path, ibug68: Scheme, text: str) -> None:
    exported(tmp_path / "a.txt", ibug68).write_text(text)
    assert read_side(tmp_path / "a.txt") is None


@pytest.mark.parametrize("change", [{"scheme": {"name": "x"}}, {"predicted": 3}, {"sha256": {}}])
def test_a_side_file_with_a_wrong_entry_says_nothing(
    tmp_path: Path, ibug68: Scheme, change: dict[str, object]
) -> None:
    side = exported(tmp_path / "a.txt", ibug68)
    side.write_text(json.dumps(json.loads(side.read_text()) | change))
    assert read_side(tmp_path / "a.txt") is None


def test_a_folder_of_a_split(tmp_path: Path, ibug68: Scheme) -> None:
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.pts").write_text(part)
    told = {"sha256": digests(tmp_path, ""), "predicted": [], "scheme": ibug68.to_dict()}
    (tmp_path / SIDE).write_text(json.dumps(told))
    for place in (tmp_path, tmp_path / "train", tmp_path / "test"):
        side = read_side(place)
        assert side is not None
        assert side.scheme == ibug68
    (tmp_path / "train" / "b.pts").write_text("more")
    assert read_side(tmp_path / "train") is None
    assert read_side(tmp_path / "test") is not None


def test_changed_labels_are_no_longer_what_was_exported(tmp_path: Path, ibug68: Scheme) -> None:
    exported(tmp_path / "a.txt", ibug68)
    (tmp_path / "a.txt").write_text("corrected labels")
    assert read_side(tmp_path / "a.txt") is None


def test_while_a_file_is_replaced_its_side_file_speaks_of_both(tmp_path: Path, ibug68: Scheme) -> None:
    side = exported(tmp_path / "a.txt", ibug68)
    old = json.loads(side.read_text())
    (tmp_path / "new.txt").write_text("new labels")
    new = {"sha256": {"a.txt": digests(tmp_path / "new.txt", "n")["n"]}, "predicted": []}
    side.write_text(json.dumps({**new, "scheme": ibug68.to_dict(), "before": old}))
    told = read_side(tmp_path / "a.txt")
    assert told is not None
    assert told.predicted == {"sub/a, face 1.png"}, "the old labels are as they were told"
    assert standing(tmp_path / "a.txt") == old
    (tmp_path / "new.txt").replace(tmp_path / "a.txt")
    told = read_side(tmp_path / "a.txt")
    assert told is not None
    assert told.predicted == frozenset()
    (tmp_path / "a.txt").write_text("changed")
    assert standing(tmp_path / "a.txt") is None
    assert standing(tmp_path / "none.txt") is None
