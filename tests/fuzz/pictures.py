"""The image loader: every kind of picture that it takes, and what hides in their headers."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import numpy as np
from PIL import ExifTags, Image

from labelkit import images
from labelkit.images import ImageFile, image_below

from .rules import Emptied, Target

#: So that a picture at the limit takes as little time as any other; the rule is the same.
PIXELS = 250_000


def _picture(data: bytes, folder: Path) -> None:
    limit, images.MAX_PIXELS = images.MAX_PIXELS, PIXELS
    try:
        with Emptied(folder):
            place = folder / "photo.jpg"
            place.write_bytes(data)
            file = ImageFile(place)
            width, height = file.size
            assert 0 < width * height <= PIXELS
            small = file.thumbnail(32)
            assert max(small.shape[:2]) <= 32
            pixels = file.load()
            assert pixels.shape == (height, width, 3), f"{pixels.shape} of a picture of {width} x {height}"
            assert pixels.dtype == np.uint8
    finally:
        images.MAX_PIXELS = limit


def saved(mode: str, kind: str, side: int = 9, **options: object) -> bytes:
    """A small picture with something in it."""
    out = io.BytesIO()
    values = (np.arange(side * (side + 2) * 3) * 7 % 256).astype(np.uint8).reshape(side, side + 2, 3)
    image = Image.fromarray(values)
    if mode in ("I;16", "F", "I"):
        image = Image.fromarray(values[..., 0].astype(np.uint16) * 256)
        image = image if mode == "I;16" else image.convert(mode)
    elif mode != "RGB":
        image = image.convert(mode)
    if options.pop("turned", False):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        options["exif"] = exif
    if options.pop("pages", False):
        options |= {"save_all": True, "append_images": [image.copy(), image.copy()]}
    image.save(out, kind, **options)
    return out.getvalue()


_PROFILE = b"\0\0\2\0abcd\2\x10\0\0mntrRGB XYZ " + bytes(100)


def _seeds(*kinds: tuple[str, str, dict[str, object]]) -> Callable[[Path], Iterable[bytes]]:
    def seeds(folder: Path) -> Iterable[bytes]:
        for mode, kind, options in kinds:
            yield saved(mode, kind, **options)

    return seeds


def interlaced(data: bytes) -> bytes:
    """A grey PNG of 8 x 8 with Adam7: its rows hold nothing but zeros, filters included."""
    rows = zlib.compress(bytes(8 * 8 + 8 + 15))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", data)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _png(data: bytes, random: Random, other: Callable[[bytes], bytes]) -> bytes:
    """Changes to a chunk, with its checksum made right again; what is packed is unpacked before."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks or random.random() < 0.3:
        return other(data)
    number = random.randrange(len(chunks))
    kind, content = chunks[number]
    match random.randrange(6):
        case 0:
            del chunks[number]
        case 1:
            chunks.insert(random.randrange(len(chunks)), chunks[number])
        case 2:
            chunks[number] = (random.choice((b"iCCP", b"tRNS", b"eXIf", b"acTL", b"PLTE", b"zTXt")), content)
        case 3 if kind == b"IDAT":
            with_luck = zlib.decompressobj()
            try:
                rows = with_luck.decompress(content, 1 << 20)
            except zlib.error:
                rows = content
            chunks[number] = (kind, zlib.compress(other(rows)))
        case _:
            chunks[number] = (kind, other(content))
    return data[:8] + b"".join(_chunk(*chunk) for chunk in chunks)


def _names(data: bytes, folder: Path) -> None:
    """Names of photos, as an annotation file, an upload or the database may hold them."""
    text = data.decode("utf-8", "surrogateescape")
    file = image_below(folder, text)
    assert file.path.is_relative_to(folder), f"leads out: {file.path}"


def _links(folder: Path) -> None:
    (folder / "out").symlink_to(folder.parent)
    (folder / "ring").symlink_to(folder / "ring")


def _target(name: str, *kinds: tuple[str, str, dict[str, object]], share: float = 0.6) -> Target:
    png = _png if name == "png" else None
    return Target(
        f"image-{name}",
        _picture,
        _seeds(*kinds),
        mutate=png,
        share=share,
        names_file="photo.jpg",
        longest=4096,
    )


TARGETS = (
    _target(
        "jpeg",
        ("RGB", "JPEG", {"quality": 20, "turned": True}),
        ("CMYK", "JPEG", {"quality": 20}),
        ("L", "JPEG", {"progressive": True, "icc_profile": _PROFILE}),
        ("RGB", "MPO", {"pages": True, "quality": 20}),
        share=1.0,
    ),
    _target(
        "png",
        ("RGB", "PNG", {"turned": True}),
        ("I;16", "PNG", {}),
        ("P", "PNG", {"transparency": 3}),
        ("RGBA", "PNG", {"icc_profile": _PROFILE}),
        ("L", "PNG", {"pages": True}),
        share=1.0,
    ),
    _target("webp", ("RGB", "WEBP", {"quality": 20}), ("RGBA", "WEBP", {"lossless": True, "turned": True})),
    _target("gif", ("P", "GIF", {"pages": True}), ("L", "GIF", {"transparency": 0})),
    _target(
        "tiff",
        ("RGB", "TIFF", {"turned": True}),
        ("L", "TIFF", {"compression": "tiff_lzw"}),
        ("1", "TIFF", {"compression": "group4"}),
        ("RGB", "TIFF", {"compression": "jpeg"}),
        ("I;16", "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("P", "TIFF", {"compression": "packbits", "pages": True}),
        ("F", "TIFF", {}),
    ),
    _target(
        "bmp", ("RGB", "BMP", {}), ("P", "BMP", {}), ("1", "BMP", {}), ("RGB", "PPM", {}), ("L", "PPM", {})
    ),
    Target(
        "photo-name",
        _names,
        lambda folder: [b"a.jpg", b"sub/b.jpg", b"out/x", b"ring", b"../x", b"/etc/passwd", b"a\0b"],
        _links,
        share=2.0,
        longest=600,
    ),
)
