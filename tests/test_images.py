import hashlib
import io
import os
import shutil
import struct
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from labelkit import images
from labelkit.errors import ImageError, InputError, UnavailableError
from labelkit.images import (
    ImageFile,
    decode_ahead,
    example_faces,
    find_images,
    image_below,
    load_image,
    shrunk,
)

# Four flat quarters, no two alike, so that every orientation looks different; blocks of 16 px
# survive JPEG nearly unchanged.
RED, GREEN, BLUE, GREY = (200, 30, 40), (30, 180, 60), (40, 60, 210), (90, 90, 90)


def quarters(height=48, width=64):
    picture = np.empty((height, width, 3), np.uint8)
    half, middle = height // 2, width // 2
    picture[:half, :middle], picture[:half, middle:] = RED, GREEN
    picture[half:, :middle], picture[half:, middle:] = BLUE, GREY
    return picture


def noise(height=200, width=300):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def saved(path, picture, **options):
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, **options)
    return ImageFile(path)


def problem(file):
    """The message of the error, which has to be one line that begins with the path."""
    with pytest.raises(ImageError) as caught:
        file.load()
    assert caught.value.path == file.path
    assert str(caught.value) == f"{file.path}: {caught.value.problem}"
    assert "\n" not in str(caught.value)
    return caught.value.problem


def stored(picture, orientation):
    """The array that has to be stored so that EXIF ``orientation`` turns it into ``picture``."""
    return {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.transpose(1, 0, 2),
        6: np.rot90(picture, 1),
        7: picture[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(picture, -1),
    }[orientation]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"webp": {"lossless": True}, "jpg": {"quality": 95, "subsampling": 0}}.get(suffix, {})
    pixels = np.ascontiguousarray(stored(quarters(), orientation))
    file = saved(tmp_path / f"a.{suffix}", pixels, exif=exif, **options)
    assert file.size == (64, 48)
    loaded = file.load()
    assert loaded.shape == (48, 64, 3)
    assert loaded.flags.c_contiguous
    assert abs(loaded.astype(int) - quarters()).max() <= (12 if suffix == "jpg" else 0)
    assert file.thumbnail(16).shape == (12, 16, 3)


@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_impossible_orientation_does_not_count(tmp_path, value):
    exif = Image.Exif()
    exif[0x0112] = value
    assert saved(tmp_path / "a.jpg", quarters(), exif=exif).load().shape == (48, 64, 3)


def test_a_png_is_not_decoded_for_its_size(tmp_path):
    file = saved(tmp_path / "a.png", noise())
    file.path.write_bytes(file.path.read_bytes()[:2000])
    assert file.size == (300, 200)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_is_what_pillow_makes_of_it(tmp_path, mode):
    file = saved(tmp_path / "a.jpg", Image.fromarray(noise()).convert(mode), quality=90)
    with Image.open(file.path) as image:
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(file.load(), expected)


def test_a_jpeg_with_bytes_after_its_end_is_read(tmp_path):
    file = saved(tmp_path / "a.jpg", quarters())
    file.path.write_bytes(file.path.read_bytes() + b"\x00" * 40)
    assert file.load().shape == (48, 64, 3)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk(tmp_path, suffix):
    # Pillow stores CMYK inverted in a JPEG, as Adobe does, and plain in a TIFF.
    file = saved(tmp_path / f"a.{suffix}", Image.fromarray(quarters()).convert("CMYK"))
    assert abs(file.load().astype(int) - quarters()).max() <= 12


def test_grey_and_bilevel(tmp_path):
    grey = saved(tmp_path / "a.png", quarters()[..., 0]).load()
    np.testing.assert_array_equal(grey, np.repeat(quarters()[..., :1], 3, axis=2))
    bilevel = saved(tmp_path / "b.png", Image.new("1", (3, 2), 1)).load()
    np.testing.assert_array_equal(bilevel, np.full((2, 3, 3), 255))


def test_transparent_parts_become_white(tmp_path):
    pixels = np.dstack([quarters(), np.full((48, 64), 255, np.uint8)])
    pixels[:24, :32, 3] = 0
    pixels[:24, 32:, 3] = 51  # a fifth of green on white
    loaded = saved(tmp_path / "a.png", pixels).load()
    assert loaded[0, 0].tolist() == [255, 255, 255]
    assert abs(loaded[0, -1].astype(int) - [210, 240, 216]).max() <= 1
    assert loaded[-1, -1].tolist() == list(GREY)


def test_transparent_grey_becomes_white(tmp_path):
    loaded = saved(tmp_path / "a.png", Image.new("LA", (4, 4), (10, 0))).load()
    np.testing.assert_array_equal(loaded, np.full((4, 4, 3), 255))


def test_palette_with_and_without_transparency(tmp_path):
    palette = Image.fromarray(quarters()).quantize(4)
    np.testing.assert_array_equal(saved(tmp_path / "a.png", palette).load(), palette.convert("RGB"))
    loaded = saved(tmp_path / "b.png", palette, transparency=palette.getpixel((0, 0))).load()
    assert loaded[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(loaded[24:], np.asarray(palette.convert("RGB"))[24:])


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path, name):
    values = np.array([[0, 256, 25_700, 32_896, 65_535]], np.uint16)
    loaded = saved(tmp_path / name, values).load()
    np.testing.assert_array_equal(loaded[0], np.repeat([[0], [1], [100], [128], [255]], 3, axis=1))


def test_16_bit_colour_png(tmp_path):
    values = np.array([[[0, 25_700, 65_535], [65_535, 128, 32_896]]], ">u2")
    file = ImageFile(tmp_path / "a.png")
    file.path.write_bytes(png(2, 1, 16, 2, b"\x00" + values.tobytes()))
    np.testing.assert_array_equal(file.load(), [[[0, 100, 255], [255, 0, 128]]])


@pytest.mark.parametrize("values", [np.array([[70_000]], np.int32), np.array([[0.5]], np.float32)])
def test_32_bits_are_refused(tmp_path, values):
    assert problem(saved(tmp_path / "a.tif", values)) == "holds 32-bit values: convert it to 8 or 16 bits"


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_the_first_frame_of_an_animation(tmp_path, suffix):
    frames = [Image.new("RGB", (20, 10), colour) for colour in (RED, BLUE)]
    options = {"lossless": True} if suffix == "webp" else {}
    file = saved(tmp_path / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:], **options)
    with Image.open(file.path) as image:
        assert len(list(ImageSequence.Iterator(image))) == 2
    np.testing.assert_array_equal(file.load(), np.asarray(frames[0]))


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "bmp", "tif"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_an_error_and_not_half_a_picture(tmp_path, suffix, part):
    file = saved(tmp_path / f"a.{suffix}", noise())
    content = file.path.read_bytes()
    file.path.write_bytes(content[: int(len(content) * part)])
    problem(file)
    with pytest.raises(ImageError):
        file.thumbnail(32)


def test_a_jpeg_without_its_last_bytes(tmp_path):
    file = saved(tmp_path / "a.jpg", noise())
    file.path.write_bytes(file.path.read_bytes()[:-40])
    assert problem(file).startswith("is damaged or cut short")


def test_a_progressive_jpeg_without_its_last_scans(tmp_path):
    file = saved(tmp_path / "a.jpg", noise(), progressive=True)
    content = file.path.read_bytes()
    file.path.write_bytes(content[: len(content) // 2])
    problem(file)


def test_nothing_in_the_file(tmp_path):
    file = ImageFile(tmp_path / "a.jpg")
    file.path.touch()
    assert problem(file) == "is empty (0 bytes)"


def test_not_a_picture(tmp_path):
    file = ImageFile(tmp_path / "a.jpg")
    file.path.write_text("this is text\n" * 100)
    assert problem(file).startswith("is not a picture that can be read (JPEG, PNG")


def test_postscript_is_not_run(tmp_path):
    file = ImageFile(tmp_path / "a.jpg")
    file.path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")
    assert problem(file).startswith("is not a picture")


def test_the_content_decides_not_the_name(tmp_path):
    np.testing.assert_array_equal(saved(tmp_path / "a.jpg", quarters(), format="PNG").load(), quarters())


def test_no_file_and_a_folder(tmp_path):
    assert problem(ImageFile(tmp_path / "a.jpg")) == "there is no such file"
    assert problem(ImageFile(tmp_path)) == "is a folder, not a picture"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    assert problem(ImageFile(tmp_path / "a.jpg")) == "is not an ordinary file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path):
    file = saved(tmp_path / "a.png", quarters())
    file.path.chmod(0)
    assert problem(file).startswith("cannot be read (")


@pytest.mark.parametrize("side", [11_000, 60_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_by_its_header(tmp_path, side):
    file = ImageFile(tmp_path / "a.png")
    file.path.write_bytes(png(side, side, 8, 2, b"\x00" * 100))
    assert problem(file) == "is larger than 120 megapixels"
    with pytest.raises(ImageError, match="120 megapixels"):
        _ = file.size


def _bombs():
    """Files of a few bytes that say they hold 65,000 x 65,000 (WebP: 16,383 x 16,383) pixels."""
    side = 65_000
    gif = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x4c\x01\x00;"
    start = struct.pack(">HBHHB", 8 + 3 * 3, 8, side, side, 3) + b"\x01\x11\x00\x02\x11\x00\x03\x11\x00"
    webp = b"VP8L" + struct.pack("<I", 5) + b"\x2f" + struct.pack("<I", 16382 | 16382 << 14) + b"\0"
    entries = {256: side, 257: side, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: side, 279: 1}
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    return {
        "a.gif": gif + frame,
        "a.jpg": b"\xff\xd8\xff\xc0" + start + b"\xff\xd9",
        "a.webp": b"RIFF" + struct.pack("<I", 4 + len(webp)) + b"WEBP" + webp,
        "a.tif": b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + bytes(4),
        "a.bmp": b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0),
        "a.ppm": f"P6 {side} {side} 255\n".encode(),
    }


@pytest.mark.parametrize("name", sorted(_bombs()))
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_of_any_format_is_refused_by_its_header(tmp_path, name):
    file = ImageFile(tmp_path / name)
    file.path.write_bytes(_bombs()[name])
    for look in (lambda: file.size, file.load, lambda: file.thumbnail(64)):
        with pytest.raises(ImageError, match="is larger than 120 megapixels"):
            look()


def test_one_pixel(tmp_path):
    for name in ("a.png", "a.jpg", "a.gif"):
        file = saved(tmp_path / name, np.full((1, 1, 3), 255, np.uint8))
        assert file.size == (1, 1)
        assert file.load().tolist() == file.thumbnail(8).tolist() == [[[255, 255, 255]]]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damage_inside_a_file_is_an_image_error(tmp_path):
    """Whatever 300 random changes do, nothing but `ImageError` comes out."""
    random = np.random.default_rng(0)
    contents = []
    for suffix in ("png", "gif", "webp", "tif", "jpg", "bmp"):
        buffer = io.BytesIO()
        Image.fromarray(quarters()).save(buffer, {"tif": "TIFF", "jpg": "JPEG"}.get(suffix, suffix.upper()))
        contents.append(buffer.getvalue())
    file = ImageFile(tmp_path / "a.img")
    for number in range(300):
        content = bytearray(contents[number % len(contents)])
        for place in random.integers(0, min(len(content), 200), 4):
            content[place] = random.integers(0, 256)
        file.path.write_bytes(content)
        with suppress(ImageError):
            assert file.load().dtype == np.uint8


def test_thumbnail_keeps_the_shape_and_enlarges_nothing(tmp_path):
    file = saved(tmp_path / "a.jpg", quarters(960, 1280))
    small = file.thumbnail(64)
    assert small.shape == (48, 64, 3)
    assert abs(small.astype(int)[4:20, 4:28] - RED).max() <= 12
    assert file.thumbnail(5000).shape == (960, 1280, 3)


def test_shrunk_leaves_at_least_a_pixel():
    assert shrunk(np.zeros((1, 1000, 3), np.uint8), 10).shape == (1, 10, 3)


def test_content_hash(tmp_path):
    file = saved(tmp_path / "a.png", quarters())
    assert file.content_hash() == hashlib.sha256(file.path.read_bytes()).hexdigest()
    with pytest.raises(ImageError, match="no such file"):
        ImageFile(tmp_path / "b.png").content_hash()
    with pytest.raises(ImageError, match="is a folder"):
        ImageFile(tmp_path).content_hash()


def test_an_image_file_is_a_value():
    assert ImageFile("a/b.png") == ImageFile(ImageFile("a/b.png").path)
    assert len({ImageFile("a.png"), ImageFile("a.png")}) == 1


def test_find_images(tmp_path):
    for name in ("b.JPG", "a.png", "sub/c.tiff", "sub/.d.png", ".hidden/e.png", "notes.txt", "f.jpg.bak"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    found = find_images(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["a.png", "b.JPG", "sub/c.tiff"]
    assert [path.name for path in find_images(str(tmp_path), recursive=False)] == ["a.png", "b.JPG"]


def test_find_images_does_not_follow_links_to_folders(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.png").touch()
    (inside / "link").symlink_to(outside)
    (inside / "loop").symlink_to(inside)
    assert find_images(inside) == [inside / "a.png"]


def test_find_images_says_what_is_wrong(tmp_path):
    with pytest.raises(InputError, match="holds no pictures"):
        find_images(tmp_path)
    with pytest.raises(InputError, match="there is no such folder"):
        find_images(tmp_path / "none")
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match="is a file, not a folder"):
        find_images(tmp_path / "a.png")


def test_decode_ahead_keeps_the_order_and_goes_on_after_errors(tmp_path):
    files = [saved(tmp_path / f"{i}.png", np.full((2, 2, 3), i, np.uint8)) for i in range(30)]
    files[7].path.write_text("no picture")
    files[8].path.unlink()
    results = list(decode_ahead(iter(files), threads=4, ahead=5))
    assert [file for file, _ in results] == files
    for i, (_, loaded) in enumerate(results):
        if i in (7, 8):
            assert isinstance(loaded, ImageError)
            assert loaded.__traceback__ is None
        else:
            assert (loaded == i).all()


@pytest.mark.parametrize("ahead", [1, 3])
def test_decode_ahead_takes_no_more_than_it_may(tmp_path, ahead):
    taken = 0

    def files():
        nonlocal taken
        for _ in range(20):
            taken += 1
            yield file

    file = saved(tmp_path / "a.png", quarters())
    for handed_out, _ in enumerate(decode_ahead(files(), ahead=ahead), start=1):
        assert taken - handed_out <= ahead


def test_leaving_decode_ahead_early_ends_its_threads(tmp_path):
    file = saved(tmp_path / "a.png", quarters())
    loop = decode_ahead([file] * 1000)
    next(loop)
    assert any(thread.name.startswith("decode") for thread in threading.enumerate())
    loop.close()
    assert not any(thread.name.startswith("decode") for thread in threading.enumerate())


def test_decode_ahead_of_nothing(tmp_path):
    assert list(decode_ahead([])) == []
    with pytest.raises(InputError, match="at least one"):
        next(decode_ahead([ImageFile(tmp_path)], ahead=0))


def test_the_example_faces_are_there():
    astronaut, hopper = example_faces()
    assert astronaut.size == (512, 512)
    assert hopper.load().shape == (600, 512, 3)


def test_a_missing_example_is_said(monkeypatch):
    monkeypatch.setattr(images, "find_spec", lambda package: None)
    with pytest.raises(UnavailableError, match=r"astronaut\.png of skimage is missing"):
        example_faces()


def png(width, height, bits, colour, rows):
    """A PNG with any header, true or not."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_a_name_may_not_lead_out_of_the_folder(tmp_path):
    root = tmp_path / "photos"
    (root / "sub").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    Image.new("RGB", (4, 4)).save(root / "sub" / "a.png")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "inner.png").symlink_to(root / "sub" / "a.png")
    (root / "out").symlink_to(tmp_path)
    assert image_below(root, "sub/a.png").size == (4, 4)
    assert image_below(root, "inner.png").path == root / "sub" / "a.png"
    for name in ("../secret.png", "link.png", "out/secret.png", str(tmp_path / "secret.png")):
        with pytest.raises(ImageError, match="outside of the image root"):
            image_below(root, name)


def test_a_name_that_no_file_can_have_is_an_error_of_that_picture(tmp_path):
    (tmp_path / "ring.png").symlink_to(tmp_path / "ring.png")
    with pytest.raises(ImageError):
        image_below(tmp_path, "a\0b.png")
    with pytest.raises(ImageError):
        image_below(tmp_path, "ring.png").load()


def test_a_picture_is_loaded_by_its_path(tmp_path):
    file = saved(tmp_path / "a.png", quarters())
    np.testing.assert_array_equal(load_image(file.path), quarters())
    np.testing.assert_array_equal(load_image(str(file.path)), file.load())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows follows links that come later")
@pytest.mark.parametrize("what", ["the file", "a folder"])
def test_a_link_that_comes_after_the_look_is_not_followed(tmp_path: Path, what: str) -> None:
    """Whoever may write into the image root cannot make the server read elsewhere."""
    for folder in ("root/sub", "outside"):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / folder / "a.png")
    file = image_below(tmp_path / "root", "sub/a.png")
    assert file.size == (8, 8)
    if what == "the file":
        (tmp_path / "root/sub/a.png").unlink()
        (tmp_path / "root/sub/a.png").symlink_to(tmp_path / "outside/a.png")
    else:
        shutil.rmtree(tmp_path / "root/sub")
        (tmp_path / "root/sub").symlink_to(tmp_path / "outside")
    for read in (file.load, lambda: file.size, lambda: file.thumbnail(4), file.content_hash):
        with pytest.raises(ImageError, match="has become a link"):
            read()


def test_links_within_the_root_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "real" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert image_below(tmp_path, "link/a.png").size == (8, 8)
    assert image_below(tmp_path / "link", "a.png").size == (8, 8)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "CMYK", "I;16", "1"])
def test_large_pictures_are_put_together_from_strips(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    if mode == "I;16":
        picture = Image.fromarray(rng.integers(0, 65536, (13, 7)).astype(np.uint16))
    else:
        picture = Image.fromarray(rng.integers(0, 256, (13, 7, 4), np.uint8), "RGBA").convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    picture.save(path, **({"transparency": 3} if mode == "P" else {}))
    whole = ImageFile(path).load()
    monkeypatch.setattr(images, "_STRIP", 20)
    assert np.array_equal(ImageFile(path).load(), whole)


def test_huge_pictures_are_decoded_one_after_the_other() -> None:
    room, inside, most = images._Room(100), [0], [0]

    def decode(pixels: int) -> None:
        with room.taken(pixels):
            inside[0] += pixels
            most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            inside[0] -= pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [60, 60, 60, 30, 30, 30, 1000, 10]))
    assert 60 <= most[0] <= 1000
    assert room._free == 100


def test_few_huge_pictures_are_held_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for number in range(6):
        files.append(tmp_path / f"{number}.png")
        Image.new("RGB", (10, 10)).save(files[-1])
    asked: list[Path] = []
    plain = images._load_or_error
    monkeypatch.setattr(images, "_load_or_error", lambda file: (asked.append(file.path), plain(file))[1])
    monkeypatch.setattr(images, "MAX_PIXELS", 150)
    found = decode_ahead(map(ImageFile, files), ahead=5)
    next(found)
    assert len(asked) <= 2  # one is handed out, and one more is over the limit
    assert len(list(found)) == 5


def test_the_bytes_of_a_file_are_read_up_to_a_limit(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"12345")
    assert ImageFile(path).data(5) == b"12345"
    assert ImageFile(path).data(4) is None
    with pytest.raises(ImageError, match="no such file"):
        ImageFile(tmp_path / "b.bin").data(4)
