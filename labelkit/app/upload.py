"""Photos and label files from the browser onto the disk, a file per request.

Photos go into the folder ``added`` of the image root, labels into a new folder of the project's
``cache``. Names are cut down to what is harmless everywhere, and no file takes another's place. How
large files are, how many come, and how full they make the disk is limited.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from tornado.web import HTTPError, stream_request_body

from labelkit.app import quota
from labelkit.app.guard import Guarded
from labelkit.drafts import new_name, sweep_once
from labelkit.errors import ImageError
from labelkit.images import SUFFIXES, ImageFile

#: Where photos from the browser go, below the image root.
ADDED = "added"

#: Names that mean a device to Windows, whatever follows the first dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)

_ODD = re.compile(r"[^\w .+()-]", re.ASCII)
_BATCH = re.compile(r"[0-9a-f]{16}")


def batch_folder(project: Path, batch: str) -> Path:
    """Where the label files of an upload lie; raises ValueError for what is no upload's name."""
    if not _BATCH.fullmatch(batch):
        raise ValueError("no upload has this name")
    return project / "cache" / "uploads" / batch


def harmless(name: str) -> str:
    """The last part of a name, without characters that mean something to some system."""
    last = PurePosixPath(name.replace("\\", "/")).name
    plain = _ODD.sub("_", last)[-120:].lstrip(". ").rstrip(". ") or "file"
    return f"_{plain}" if _DEVICES.match(plain) else plain


@stream_request_body
class UploadHandler(Guarded):
    """``POST /media/upload/photo?name=NAME`` and ``.../labels?name=NAME&batch=BATCH``: the body is
    the file. Answers with its name, or with one line that says why it was not taken."""

    _counted = False
    _file: BinaryIO | None = None
    _failed: OSError | None = None

    def prepare(self) -> None:
        super().prepare()
        connection: Any = self.request.connection  # Tornado declares less than there is
        connection.set_max_body_size(quota.LARGEST)
        name = harmless(self.get_query_argument("name", ""))
        self._kind, self._size = self.path_args[0], 0
        if self._kind == "photo":
            if Path(name).suffix.lower() not in SUFFIXES:
                raise HTTPError(415, reason=f"No picture by its name ({', '.join(sorted(SUFFIXES))})")
            folder, home = self.shared.project.images / ADDED, self.shared.project.images
        else:
            try:
                home = self.shared.project.folder
                folder = batch_folder(home, self.get_query_argument("batch", ""))
            except ValueError as error:
                raise HTTPError(400, reason="No upload has this name") from error
        # A project may come from anybody, with links in it that lead anywhere.
        if not folder.resolve().is_relative_to(home.resolve()):
            raise HTTPError(403, reason="The folder for uploads leads out of the project")
        folder.mkdir(parents=True, exist_ok=True)
        length = self.request.headers.get("Content-Length", "")
        refused = self.shared.uploads.begin(folder, int(length) if length.isdecimal() else 0)
        if refused is not None:
            raise HTTPError(refused[0], reason=refused[1])
        self._counted = True
        self._target = folder / name
        sweep_once(folder)
        self._draft = folder / new_name(Path(name).suffix)
        self._file = self._draft.open("wb")

    def data_received(self, chunk: bytes) -> None:
        if self._file is not None and self._failed is None:  # else the browser has gone away meanwhile
            self._size += len(chunk)
            try:
                self._file.write(chunk)
            except OSError as error:  # told when all has come: nobody listens before
                self._failed = error

    def post(self, kind: str) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._failed = error
        if self._failed is not None:
            raise HTTPError(507, reason=f"The file cannot be kept here ({self._failed.strerror})")
        if kind == "photo":
            try:
                _ = ImageFile(self._draft).size
            except ImageError as error:
                raise HTTPError(415, reason=error.problem.encode("ascii", "replace").decode()) from error
        target = _free(self._target)
        self._draft.replace(target)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"name": target.name, "bytes": self._size}))

    def on_finish(self) -> None:
        self._tidy()

    def on_connection_close(self) -> None:
        self._tidy()

    def _tidy(self) -> None:
        if self._counted:
            self._counted = False
            self.shared.uploads.end()
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # what was still to be written found no room
                file.close()
            self._draft.unlink(missing_ok=True)


def _free(path: Path) -> Path:
    """The path, or the first of its kind that is not taken."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
