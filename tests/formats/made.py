"""Schemes and files that the tests of all formats make."""

from __future__ import annotations

from pathlib import Path

from labelkit.scheme import Point, Scheme


def scheme_of(count: int) -> Scheme:
    """Points p0, p1, ... on a line of the plane."""
    return Scheme(f"drawn{count}", tuple(Point(f"p{i}", i / 10, i / 7) for i in range(count)))


def write(folder: Path, name: str, content: str | bytes = b"") -> Path:
    """A file in a folder that need not be there; returns its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def photos(folder: Path, *names: str) -> None:
    """Empty files in the place of photos, which are looked for and not opened."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
