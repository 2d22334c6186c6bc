"""Pictures on disk: finding, decoding, EXIF orientation, content hash, thumbnails.

Whatever a file holds, a loaded picture is an array (H, W, 3) of uint8 in RGB, turned as its
EXIF orientation says:

- the content decides what a file is, not its name; only the formats in `FORMATS` are tried,
  because others of Pillow's readers start programs (EPS) or were hardly ever attacked;
- transparent parts are laid on white, as on a page;
- 16 bits are scaled by their full range (65535 is white); 32-bit pictures are refused,
  because nothing in the file says which value is white;
- of an animation or a file of several pages, the first;
- colour profiles are ignored.

Everything that is wrong with a file is an `ImageError` that names it. A picture with more than
`MAX_PIXELS` is refused by its header, before memory is taken for it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import BufferedReader
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from labelkit.errors import ImageError, InputError, UnavailableError

#: (H, W, 3) uint8.
RGBImage = NDArray[np.uint8]

#: What Pillow may take a file for.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "TIFF", "WEBP")

#: By which names pictures are found in a folder.
SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp"]
)

#: The largest picture that is decoded: that of the largest phone cameras and a little more.
MAX_PIXELS = 120_000_000

_END_OF_JPEG = b"\xff\xd9"

_Waiting = deque[tuple["ImageFile", Future[RGBImage | ImageError], int]]

#: So many pixels of a picture are put into RGB at a time.
_STRIP = 4_000_000


class _Room:
    """Memory for so many ``pixels`` that are being decoded, in all threads together."""

    def __init__(self, pixels: int) -> None:
        self._free, self._all = pixels, pixels
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait until there is room, and take it: a few huge pictures wait for one another, while small
        ones are decoded side by side."""
        wanted = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()


_ROOM = _Room(MAX_PIXELS)


@dataclass(frozen=True)
class ImageFile:
    """A picture on disk; nothing is read before it is asked for."""

    path: Path

    #: The folder out of which no link may lead at the moment in which the file is opened.
    root: Path | None = field(default=None, compare=False, repr=False)

    def __init__(self, path: str | Path, root: Path | None = None) -> None:
        object.__setattr__(self, "path", Path(path))
        object.__setattr__(self, "root", root)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px, after orientation; reads the header only.

        Raises `ImageError`.
        """
        with _opened(self) as (image, _):
            width, height = image.size
            return (height, width) if _orientation(image) >= 5 else (width, height)

    def load(self) -> RGBImage:
        """The picture, (H, W, 3) uint8 RGB; raises `ImageError`."""
        with _opened(self) as (image, file), _ROOM.taken(image.width * image.height):
            # Asked before decoding, as `size` does: a PNG may carry a second answer at its end.
            orientation = _orientation(image)
            pixels = _plain_jpeg(image, file)
            if pixels is None:
                pixels = _rgb(image, self.path)
        return _turned(pixels, orientation)  # what Pillow held of it is free by now

    def thumbnail(self, side: int) -> RGBImage:
        """The picture with its longer side at ``side`` px, (h, w, 3) uint8 RGB; a smaller one
        is not enlarged. Raises `ImageError`."""
        with _opened(self) as (image, _):
            orientation = _orientation(image)
            image.draft("RGB", (side, side))  # a JPEG is decoded at an eighth, a quarter or a half
            with _ROOM.taken(image.width * image.height):
                return _turned(shrunk(_rgb(image, self.path), side), orientation)

    def data(self, most: int) -> bytes | None:
        """The file's bytes, None where it has more than ``most``; raises `ImageError`."""
        try:
            with _open(self) as file:
                return file.read() if os.fstat(file.fileno()).st_size <= most else None
        except OSError as error:
            raise ImageError(self.path, _reason(error)) from error

    def content_hash(self) -> str:
        """SHA-256 of the file's bytes, in hexadecimal; raises `ImageError`."""
        try:
            with _open(self) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ImageError(self.path, _reason(error)) from error


def load_image(path: str | Path) -> RGBImage:
    """The picture at ``path``, (H, W, 3) uint8 RGB, turned as its EXIF orientation says; raises
    `ImageError`."""
    return ImageFile(path).load()


def shrunk(image: RGBImage, side: int) -> RGBImage:
    """``image`` with its longer side at ``side`` px; a smaller one is returned as it is."""
    height, width = image.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cast(RGBImage, cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def find_images(folder: str | Path, recursive: bool = True) -> list[Path]:
    """The pictures in ``folder`` by their suffix, sorted by path.

    Hidden files and folders are left out, links to folders are not followed. Raises
    `InputError` when there is no such folder, it cannot be read or holds no picture.
    """
    root = Path(folder)
    if not root.is_dir():
        problem = "is a file, not a folder" if root.exists() else "there is no such folder"
        raise InputError(f"{root}: {problem}")
    found: list[Path] = []
    for place, folders, files in os.walk(root, onerror=_unreadable_folder):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        found += [Path(place, name) for name in files if _looks_like_image(name)]
    if not found:
        raise InputError(f"{root}: holds no pictures ({', '.join(sorted(SUFFIXES))})")
    return sorted(found)


def image_below(root: str | Path, name: str) -> ImageFile:
    """The picture called ``name`` (relative, "/" between folders) in the folder ``root``.

    Links are followed first, so that neither ".." nor a link leads out of the folder: such a name
    raises `ImageError`. Nothing is opened, and the file need not be there. A link that is put there
    later is not followed when the file is opened (on Windows it is).
    """
    home = Path(root).resolve()
    try:
        place = (home / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a ring of links, a zero byte
        raise ImageError(home / name, "cannot be looked up") from error
    if not place.is_relative_to(home):
        raise ImageError(home / name, "lies outside of the image root")
    return ImageFile(place, home)


def decode_ahead(
    files: Iterable[ImageFile], threads: int = 2, ahead: int = 8
) -> Iterator[tuple[ImageFile, RGBImage | ImageError]]:
    """Every file with its picture, or with what is wrong with it, in order.

    ``threads`` threads decode while the caller works; besides the picture that was handed out
    at most ``ahead`` are held, however long the list is, and fewer where they are huge: no more than
    just exceed `MAX_PIXELS` together. Leaving the loop early ends the threads. Raises `InputError` for
    ``ahead`` below 1.
    """
    if ahead < 1:
        raise InputError(f"at least one picture has to be decoded ahead, not {ahead}")
    source = iter(files)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    waiting: _Waiting = deque()
    try:
        while True:
            while len(waiting) < ahead and sum(pixels for *_, pixels in waiting) <= MAX_PIXELS:
                file = next(source, None)
                if file is None:
                    break
                waiting.append((file, pool.submit(_load_or_error, file), _pixels(file)))
            if not waiting:
                return
            yield _first(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def example_faces() -> list[ImageFile]:
    """Two portraits in the public domain that scikit-image and matplotlib ship (NASA's of
    Eileen Collins, the US Navy's of Grace Hopper); raises `UnavailableError` where they are not there."""
    return [
        _shipped("skimage", "data/astronaut.png"),
        _shipped("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    ]


def _shipped(package: str, name: str) -> ImageFile:
    spec = find_spec(package)  # the package is not imported: matplotlib takes its time
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder, name)).is_file():
            return ImageFile(path)
    raise UnavailableError(f"the example portrait {name} of {package} is missing; install {package} again")


def _first(waiting: _Waiting) -> tuple[ImageFile, RGBImage | ImageError]:
    # In a function of its own: a local variable of the generator would hold the picture on.
    file, future, _ = waiting.popleft()
    return file, future.result()


def _pixels(file: ImageFile) -> int:
    """How many it has by its header; 0 for what is no picture."""
    try:
        width, height = file.size
    except ImageError:
        return 0
    return width * height


def _load_or_error(file: ImageFile) -> RGBImage | ImageError:
    try:
        return file.load()
    except ImageError as error:
        # The traceback holds the decoder's buffers, and the caller may keep the error for a report.
        return error.with_traceback(None)


def _looks_like_image(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def _unreadable_folder(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error


@contextmanager
def _opened(picture: ImageFile) -> Iterator[tuple[Image.Image, BufferedReader]]:
    """The picture with its header read, and its file; whatever goes wrong is an `ImageError`."""
    try:
        with _open(picture) as file, Image.open(file, formats=FORMATS) as image:
            _check_size(image)
            yield image, file
    except ImageError:
        raise
    except Exception as error:  # a damaged file makes Pillow's readers raise nearly anything
        raise ImageError(picture.path, _reason(error)) from error


def _open(picture: ImageFile) -> BufferedReader:
    """The file itself, which was looked at after it had been opened: what its path means may change."""
    path = picture.path
    # Without O_NONBLOCK opening a pipe would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        number = os.open(path, flags) if picture.root is None else _open_below(picture.root, path, flags)
    except PermissionError:
        if path.is_dir():  # on Windows
            raise ImageError(path, "is a folder, not a picture") from None
        raise
    file = os.fdopen(number, "rb") if not stat.S_ISDIR(os.fstat(number).st_mode) else None
    if file is None:
        os.close(number)
        raise ImageError(path, "is a folder, not a picture")
    known = os.fstat(number)
    if stat.S_ISREG(known.st_mode) and known.st_size:
        return file
    file.close()
    ordinary = stat.S_ISREG(known.st_mode)
    raise ImageError(path, "is empty (0 bytes)" if ordinary else "is not an ordinary file")


def _open_below(root: Path, path: Path, flags: int) -> int:
    """Open a path below ``root`` from folder to folder and through no link."""
    if os.open not in os.supports_dir_fd or not hasattr(os, "O_NOFOLLOW"):
        return os.open(path, flags)
    *folders, name = path.relative_to(root).parts or (".",)
    through = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
    place = os.open(root, through)
    try:
        for folder in folders:
            inside = os.open(folder, through | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = inside
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=place)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and path.exists():
            raise ImageError(path, "has become a link, which is not followed") from error
        raise
    finally:
        os.close(place)


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise Image.DecompressionBombError(f"{width} x {height} pixels")


def _reason(error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case UnidentifiedImageError():
            return f"is not a picture that can be read ({', '.join(FORMATS)})"
        case Image.DecompressionBombError():
            return f"is larger than {MAX_PIXELS // 1_000_000} megapixels"
        case MemoryError():
            return "is too large for the memory that is left"
        case OSError(errno=int()):
            return f"cannot be read ({error.strerror})"
    return f"is damaged or cut short ({' '.join(str(error).split()) or type(error).__name__})"


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8, by which a decoded picture still has to be turned."""
    if image.format == "TIFF":
        return 1  # Pillow turns these itself
    # Not image.getexif(): that of a PNG may decode the whole picture to find it.
    value = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turned(pixels: RGBImage, orientation: int) -> RGBImage:
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    # What is left after the transposition: 2 and 6 mirror columns, 4 and 8 rows, 3 and 7 both.
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return np.ascontiguousarray(pixels[rows, columns])


def _plain_jpeg(image: Image.Image, file: BufferedReader) -> RGBImage | None:
    """The pixels of a whole 8-bit colour JPEG, else None.

    OpenCV decodes these to the same values twice as fast as Pillow (1.5 against 2.9 ms for
    640 px), but some of its versions fill what is missing with grey: so only files that end as
    a JPEG ends are given to it.
    """
    if image.format not in ("JPEG", "MPO") or image.mode != "RGB":
        return None
    file.seek(-2, os.SEEK_END)
    if file.read() != _END_OF_JPEG:
        return None
    file.seek(0)
    data = np.frombuffer(file.read(), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None or pixels.shape[1::-1] != image.size:
        return None  # Pillow says what is wrong with it
    return cast(RGBImage, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels))


def _rgb(image: Image.Image, path: Path) -> RGBImage:
    """The decoded picture as Pillow has it, (H, W, 3), not yet turned. Large ones are converted in
    strips, else they would lie in memory three or four times."""
    image.load()
    width, height = image.size
    rows = max(1, _STRIP // width)
    if rows >= height:
        return _plain(image, path)
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        pixels[top:bottom] = _plain(image.crop((0, top, width, bottom)), path)
    return pixels


def _plain(image: Image.Image, path: Path) -> RGBImage:
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _from_16_bits(np.asarray(image), path)
    if image.mode == "F":
        raise ImageError(path, "holds 32-bit values: convert it to 8 or 16 bits")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.array(image.convert("RGB"))


def _from_16_bits(values: NDArray[np.generic], path: Path) -> RGBImage:
    # Some versions of Pillow hand out 16-bit grey as 32-bit integers (mode "I").
    wide = values.astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise ImageError(path, "holds 32-bit values: convert it to 8 or 16 bits")
    grey = ((wide + 128) // 257).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
