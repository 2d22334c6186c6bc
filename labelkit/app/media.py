"""Pictures and exports over HTTP. A request names a number of the project, never a path."""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from labelkit.app.guard import Guarded
from labelkit.app.thumbs import SIDES, face_crop
from labelkit.errors import ImageError, LabelkitError

_CHUNK = 1 << 18

#: What an export may be called; no path, nothing hidden.
EXPORT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. +-]{0,99}")


class _File(Guarded):
    """Sends files, a piece at a time."""

    async def send(self, path: Path) -> None:
        with _opened(path) as file:
            self.set_header("Content-Length", os.fstat(file.fileno()).st_size)
            while chunk := file.read(_CHUNK):
                self.write(chunk)
                try:
                    await self.flush()
                except StreamClosedError:
                    return

    async def picture(self, make: Callable[[], Path | bytes]) -> None:
        """Send the JPEG file, or its content, that ``make`` gives; the browser may keep it, its address
        has a version."""
        try:
            picture = await IOLoop.current().run_in_executor(self.shared.decoders, make)
        except ImageError as error:
            raise HTTPError(404, reason=_line(error.problem)) from error
        except LabelkitError as error:
            raise HTTPError(404, reason=_line(self.shared.discreet(str(error)))) from error
        self.set_header("Content-Type", "image/jpeg")
        kept = "private, max-age=31536000, immutable" if self.get_query_argument("v", "") else "no-cache"
        self.set_header("Cache-Control", kept)
        if isinstance(picture, Path):
            await self.send(picture)
        else:
            self.finish(picture)

    def side(self, default: int) -> int:
        """How large a picture is wanted: one of a few sizes."""
        text = self.get_query_argument("side", str(default))
        if not text.isdigit() or int(text) not in SIDES:
            raise HTTPError(400, reason=f"side is one of {', '.join(map(str, SIDES))}")
        return int(text)


class PhotoHandler(_File):
    """``/media/photo/NUMBER?side=320&v=VERSION``: a photo of the project, made smaller."""

    async def get(self, number: str) -> None:
        side, shared = self.side(SIDES[0]), self.shared

        def make() -> Path | bytes:
            return shared.thumbnails.photo(shared.project.store.image(int(number)), side)

        await self.picture(make)


class FaceHandler(_File):
    """``/media/face/NUMBER?side=320&v=VERSION``: the square around a face of the project."""

    async def get(self, number: str) -> None:
        side, shared = self.side(SIDES[0]), self.shared

        def make() -> Path | bytes:
            store = shared.project.store
            face = store.face(int(number))
            crop = face_crop(face, store.current(face.id, fill=True))
            image = store.image(face.image_id)
            return (
                shared.thumbnails.photo(image, side)
                if crop is None
                else shared.thumbnails.face(image, crop, side)
            )

        await self.picture(make)


class ExportHandler(_File):
    """``/media/export/NAME``: a file of the project's ``exports`` folder, or a folder there as ZIP."""

    async def get(self, name: str) -> None:
        path = self.shared.project.folder / "exports" / name
        if not EXPORT_NAME.fullmatch(name) or not path.exists() or leads_out(path):
            raise HTTPError(404, reason="There is no such export")
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Cache-Control", "no-store")
        if path.is_file():
            self.set_header("Content-Disposition", f'attachment; filename="{name}"')
            await self.send(path)
            return
        with tempfile.TemporaryDirectory() as folder:
            packed = Path(folder, f"{name}.zip")
            await IOLoop.current().run_in_executor(None, _pack, path, packed)
            self.set_header("Content-Disposition", f'attachment; filename="{name}.zip"')
            await self.send(packed)


def leads_out(export: Path) -> bool:
    """Whether the path of an export is a link, or that of its folder: a project may come from anybody,
    with links in it that lead anywhere."""
    return export.is_symlink() or export.parent.is_symlink()


def _opened(path: Path) -> BinaryIO:
    """The file itself, not what a link leads to."""
    through = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, os.O_RDONLY | through), "rb")


def _pack(folder: Path, packed: Path) -> None:
    """The files of a folder as ZIP, links left out: they may lead anywhere."""
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink() and file.resolve().is_relative_to(folder.resolve()):
                archive.write(file, file.relative_to(folder))


def _line(text: str) -> str:
    """A reason for a status line, which may hold little beside ASCII."""
    return " ".join(text.encode("ascii", "replace").decode().split())[:200]
