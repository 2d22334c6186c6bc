"""The photos of a project on disk: what is there, new, gone, moved or changed.

A photo's name is its path relative to the image root, with "/" between folders. Links to folders
are not followed, and a link to a file counts only if it ends inside of the root. Photos are
recognised by their content where they were moved or renamed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from labelkit.errors import ImageError
from labelkit.images import find_images, image_below
from labelkit.store import NewImage, Store, StoredImage

#: Told how many photos of how many have been read.
Heard = Callable[[int, int], None]

#: Photos that are read at the same time: a disk is quicker when it is asked for several.
_THREADS = 4

#: So many photos are written to the store at once; what was read before stays after Ctrl-C.
_CHUNK = 256

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class FileState:
    """A file's size in bytes and its mtime in seconds since 1970."""

    size: int
    mtime: float


@dataclass
class Comparison:
    """The photos that a store knows beside those on disk.

    ``moves`` takes ids of photos whose content has another name now to that name; ``changed`` are
    photos whose content is another than before; ``gone`` those that are nowhere, by name or by
    content; ``new`` the names that are not known. ``hashes`` has the contents that had to be read
    to know, ``outside`` the links that lead out of the image root, ``nameless`` files whose names
    are no text.
    """

    disk: dict[str, FileState]
    known: dict[str, StoredImage]
    moves: dict[int, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    gone: list[StoredImage] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)
    nameless: list[str] = field(default_factory=list)

    @property
    def found(self) -> int:
        """How many known photos are there, under their own name or another."""
        return len(self.known) - len(self.gone)


@dataclass(frozen=True)
class ScanReport:
    """What a scan found: photos below the image root, how many were ``added``; ``moved`` as pairs of
    old and new name; ``changed`` photos have other content than before; ``missing`` ones are not
    there; ``outside`` are links that lead out of the image root, which are left alone. ``unhashed``
    photos have not been read yet, ``problems`` names those that cannot be. ``repeated`` photos have
    the content of another."""

    photos: int
    added: int
    moved: tuple[tuple[str, str], ...]
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    outside: tuple[str, ...]
    unhashed: int
    repeated: int
    problems: tuple[str, ...]


class PhotoNames:
    """The names that files have in a project; ``names.of(path)`` is None for a file that does not
    lie below the image root, links followed."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._folders: dict[Path, Path] = {}

    def of(self, path: Path) -> str | None:
        folder = self._folders.get(path.parent)
        if folder is None:
            folder = self._folders[path.parent] = path.parent.resolve()
        place = folder / path.name
        if not place.is_relative_to(self._root):
            return None
        if place.is_symlink() and not place.resolve().is_relative_to(self._root):
            return None
        return place.relative_to(self._root).as_posix()


def compare(store: Store, root: Path, leave_out: Collection[Path] = ()) -> Comparison:
    """What has become of the photos of ``store`` in the folder ``root``, files below ``leave_out``
    not counted.

    Only what may have moved or changed is read: files of an unknown name that are as large as a
    photo that is gone, and known ones with another size or time than before. Raises `InputError`
    where there is no such folder or no picture in it.
    """
    disk, outside, nameless = _look(root, leave_out)
    known = {image.path: image for image in all_images(store)}
    found = Comparison(disk, known, outside=outside, nameless=nameless)
    found.new = [name for name in disk if name not in known]
    gone = [image for name, image in known.items() if name not in disk]
    suspects = [name for name, image in known.items() if name in disk and _differs(image, disk[name])]
    sizes = {image.size for image in [*gone, *(known[name] for name in suspects)]}
    readable = [*suspects, *(name for name in found.new if disk[name].size in sizes)]
    found.hashes = {
        name: value for name, value in _hashes(root, readable) if not isinstance(value, ImageError)
    }
    found.changed = [name for name in suspects if found.hashes.get(name) != known[name].hash]
    _find_moves(found, gone)
    return found


def scan(
    store: Store,
    root: Path,
    found: Comparison,
    *,
    read: bool = True,
    heard: Heard = lambda done, total: None,
) -> ScanReport:
    """Bring the store up to date with ``found``, and ``read`` photos whose content is not known.

    Reading may take long for many photos; it can be left out, and stopped at any time: the next
    scan goes on.
    """
    by_id = {image.id: image.path for image in found.known.values()}
    store.relocate(found.moves)
    arrived = set(found.moves.values())
    news = [name for name in found.disk if name in arrived or _is_news(found, name)]
    for chunk in chunks(news, _CHUNK):
        store.add_images(_new_image(name, found) for name in chunk)
    store.mark_missing([image.id for image in found.gone])
    problems = [f"{name}: left alone, its name is not in UTF-8; rename it" for name in found.nameless]
    problems += hash_photos(store, root, heard) if read else []
    counts = store.count_images()
    return ScanReport(
        photos=len(found.disk),
        added=len(set(found.new) - arrived),
        moved=tuple((by_id[id_], name) for id_, name in found.moves.items()),
        changed=tuple(found.changed),
        missing=tuple(image.path for image in found.gone),
        outside=tuple(found.outside),
        unhashed=0 if read else sum(1 for _ in all_images(store, unhashed=True)),
        repeated=counts.repeated,
        problems=tuple(problems),
    )


def hash_photos(store: Store, root: Path, heard: Heard = lambda done, total: None) -> list[str]:
    """Read the photos whose content hash is not known, several at a time; what is wrong with those
    that cannot be read, in a line each. Every few hundred are kept as they are read."""
    waiting = [image.path for image in all_images(store, unhashed=True) if not image.missing]
    problems, done = [], 0
    for chunk in chunks(waiting, _CHUNK):
        values = dict(_hashes(root, chunk))
        store.add_images(
            NewImage(name, hash=value) for name, value in values.items() if isinstance(value, str)
        )
        problems += [str(value) for value in values.values() if isinstance(value, ImageError)]
        done += len(chunk)
        heard(done, len(waiting))
    return problems


def all_images(store: Store, *, unhashed: bool = False) -> Iterator[StoredImage]:
    """Every photo of the store, by id."""
    last = 0
    while page := store.images(last, 5000, unhashed=unhashed):
        yield from page
        last = page[-1].id


def _look(root: Path, leave_out: Collection[Path]) -> tuple[dict[str, FileState], list[str], list[str]]:
    """The photos on disk by name, the links that lead out of the root, and files of which the name
    is no text, which neither a database nor a list can hold."""
    names = PhotoNames(root)
    ignored = [str(place.absolute()) + os.sep for place in leave_out]
    disk, outside, nameless = {}, [], []
    for path in find_images(root.absolute()):
        if any(str(path).startswith(place) for place in ignored):
            continue
        name = path.relative_to(root.absolute()).as_posix()
        if not _is_text(name):
            nameless.append(name)
            continue
        entry = path.lstat()
        if stat.S_ISLNK(entry.st_mode):
            if names.of(path) is None:
                outside.append(name)
                continue
            if not path.exists():
                continue  # it leads nowhere
            entry = path.stat()
        disk[name] = FileState(entry.st_size, entry.st_mtime)
    return disk, outside, nameless


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _differs(image: StoredImage, file: FileState) -> bool:
    """Whether a file may hold another content than the photo that is known by its name."""
    return image.hash is not None and (image.size, image.mtime) != (file.size, file.mtime)


def _find_moves(found: Comparison, gone: list[StoredImage]) -> None:
    """Look for the content of photos that are not where they were, among names that are free."""
    free: dict[str, list[str]] = {}
    for name in [*found.changed, *found.new]:
        if name in found.hashes:
            free.setdefault(found.hashes[name], []).append(name)
    lost = [*gone, *(found.known[name] for name in found.changed)]
    for image in sorted(lost, key=lambda image: image.path):
        places = free.get(image.hash or "")
        if places:
            found.moves[image.id] = places.pop(0)
    # A name is free only if its own photo goes elsewhere; where it stays, nobody can move in.
    while blocked := [
        id_
        for id_, name in found.moves.items()
        if name in found.known and found.known[name].id not in found.moves
    ]:
        for id_ in blocked:
            del found.moves[id_]
    found.gone = [image for image in gone if image.id not in found.moves]
    settled = set(found.moves.values())
    found.changed = [name for name in found.changed if name not in settled]


def _is_news(found: Comparison, name: str) -> bool:
    """Whether the store does not know a file as it is."""
    image, file = found.known.get(name), found.disk[name]
    return image is None or image.missing or (image.size, image.mtime) != (file.size, file.mtime)


def _new_image(name: str, found: Comparison) -> NewImage:
    file = found.disk[name]
    return NewImage(name, hash=found.hashes.get(name), size=file.size, mtime=file.mtime)


def _hashes(root: Path, names: Iterable[str]) -> Iterator[tuple[str, str | ImageError]]:
    """The content hash of each photo, or why it cannot be read, in order."""

    def read(name: str) -> tuple[str, str | ImageError]:
        try:
            return name, image_below(root, name).content_hash()
        except ImageError as error:
            return name, error

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="labelkit-hash") as pool:
        yield from pool.map(read, names)


def chunks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """The items in lists of ``size``, the last one maybe shorter."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
