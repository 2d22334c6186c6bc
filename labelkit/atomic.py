"""Writing files so that nobody ever sees half of one.

A file is written under another name in the same folder, brought to the disk (fsync), renamed over
the old one, and the folder is brought to the disk as well. Whatever goes wrong before the rename,
the old file stays as it was and nothing new is left behind. What a killed process leaves behind, the
next one that writes there deletes (`labelkit.drafts`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from labelkit.drafts import BEFORE, new_name, sweep_once

#: How many files are brought to the disk at the same time.
_SYNCS = 16


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path to write to, which becomes ``path`` when the block ends without an exception.

    It lies in the same folder (made if need be) and has the same suffix, from which some
    writers take the kind of file. A link is followed, as by ``open``.
    """
    with replacing_all(path) as (draft,):
        yield draft


@contextmanager
def replacing_all(*paths: str | Path) -> Iterator[tuple[Path, ...]]:
    """As `replacing`, for files that belong together: all are on the disk before the first gets its
    name, which they get in the given order. So a full disk leaves all of them as they were."""
    targets = [Path(path).resolve() for path in paths]
    drafts = [target.parent / new_name(target.suffix) for target in targets]
    try:
        with ExitStack() as names:
            for path, target, draft in zip(paths, targets, drafts, strict=True):
                target.parent.mkdir(parents=True, exist_ok=True)
                sweep_once(target.parent)
                names.enter_context(_called(path, draft))
            yield tuple(drafts)
            for target, draft in zip(targets, drafts, strict=True):
                if target.exists():
                    shutil.copymode(target, draft)
                _sync_file(draft)
            for target, draft in zip(targets, drafts, strict=True):
                draft.replace(target)
    finally:
        for draft in drafts:
            with suppress(OSError):  # a read-only disk refuses to delete what could not be written
                draft.unlink(missing_ok=True)
    for folder in dict.fromkeys(target.parent for target in targets):
        _sync_folder(folder)


def write_text(path: str | Path, text: str) -> None:
    """``text`` as the file ``path``, in UTF-8 with its line ends as they are."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="")


def write_files(folder: str | Path, texts: Mapping[str, str], remove: Iterable[str] = ()) -> None:
    """Many text files at once: ``texts`` by their path relative to ``folder``, in UTF-8.

    All are on the disk before the first gets its name. A folder that is not there yet appears
    as a whole; in one that is there the files are renamed one by one in the given order, each of
    them old or new at any time, and then those named by ``remove`` are deleted.
    """
    target = Path(folder).resolve()
    whole = not target.exists()
    home = target.parent if whole else target
    home.mkdir(parents=True, exist_ok=True)
    sweep_once(home)
    draft = home / new_name()
    try:
        with _called(folder, draft):
            draft.mkdir()
            _write_all(draft, texts)
            if whole:
                draft.rename(target)
            else:
                _move_all(draft, target, texts)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    for name in remove:
        (target / name).unlink(missing_ok=True)
    _sync_folder(home)


def _write_all(folder: Path, texts: Mapping[str, str]) -> None:
    for parent in {(folder / name).parent for name in texts}:
        parent.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    # At the same time, because a disk brings many waiting files down in one go.
    with ThreadPoolExecutor(_SYNCS) as pool:
        list(pool.map(lambda name: _sync_file(folder / name), texts))
    for place, _, _ in os.walk(folder):
        _sync_folder(Path(place))


def _move_all(source: Path, target: Path, names: Collection[str]) -> None:
    parents = {(target / name).parent for name in names}
    for parent in parents:
        parent.mkdir(parents=True, exist_ok=True)
    for name in names:
        (source / name).replace(target / name)
    for parent in parents:
        _sync_folder(parent)


@contextmanager
def _called(path: str | Path, draft: Path) -> Iterator[None]:
    """Let the system's errors name what was to be written: nobody knows the draft's name, and a full
    disk gives none."""
    try:
        yield
    except OSError as error:
        named = error.filename is not None and not str(error.filename).startswith(str(draft))
        if named or error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def _sync_file(file: Path) -> None:
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk, where the system can: Windows opens no
    folders, and some network file systems have no fsync for them."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """A new folder to fill, which becomes ``path`` when the block ends without an exception.

    Everything in it is on the disk before. A folder that stands there already is replaced as a
    whole; when the process dies between the two renames, neither is there, never a mixture, and who
    writes there next brings the old one back.
    """
    target = Path(path).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep_once(target.parent)
    draft = target.parent / new_name()
    before = draft.with_name(f"{draft.name}{BEFORE}")
    try:
        with _called(path, draft):
            draft.mkdir()
            yield draft
            _sync_tree(draft)
            old = before / target.name
            if target.exists():
                before.mkdir()
                target.rename(old)
            try:
                draft.rename(target)
            except OSError:
                if old.exists():
                    old.rename(target)
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        with suppress(OSError):  # none was in the way, or it holds the old folder
            before.rmdir()
    shutil.rmtree(before, ignore_errors=True)
    _sync_folder(target.parent)


def _sync_tree(folder: Path) -> None:
    """Bring a folder with everything in it to the disk."""
    places = [(Path(place), files) for place, _, files in os.walk(folder)]
    with ThreadPoolExecutor(_SYNCS) as pool:
        list(pool.map(_sync_file, (place / name for place, files in places for name in files)))
    for place, _ in places:
        _sync_folder(place)
