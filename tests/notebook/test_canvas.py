from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.errors import ImageError, InputError
from labelkit.geometry import Crop, Similarity
from labelkit.landmarks import Landmarks
from labelkit.notebook.canvas import FaceCanvas, draw
from labelkit.overlay import draw_over
from labelkit.prediction import Prediction
from labelkit.scheme import Scheme, load_scheme

SCHEME = load_scheme("ibug68")
XY = SCHEME.plane * 40 + (60, 50)
PHOTO = np.full((100, 120, 3), 90, np.uint8)


def prediction(scheme: str = "ibug68") -> Prediction:
    cov = np.broadcast_to(np.eye(2) * 9.0, (68, 2, 2))
    return Prediction(XY, "m", Crop(Similarity(40.0, 0.0, 60.0, 50.0)), scheme, cov=cov)


def sent(canvas: FaceCanvas, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the commands that go to the browser from now on."""
    from ipycanvas.canvas import _CMD_LIST

    names: list[str] = []
    manager = canvas.over._canvas_manager

    def heard(_: object, command: list[object], buffers: object = ()) -> None:
        assert isinstance(command[0], int)
        names.append(_CMD_LIST[command[0]])

    monkeypatch.setattr(type(manager), "send_command", lambda self, *told: heard(*told))
    return names


def test_the_picture_is_what_contact_sheets_draw_and_belongs_to_the_widgets_state() -> None:
    canvas = draw(PHOTO, prediction(), size=240)
    expected, _ = draw_over(PHOTO, [(prediction(), SCHEME)], 240, "photo", 0.95)
    assert (canvas.width, canvas.height) == (240, 200)
    assert np.array_equal(canvas.picture, expected)
    with Image.open(BytesIO(canvas[0].get_state()["image_data"])) as image:
        assert np.array_equal(np.asarray(image), expected)


def test_a_picture_stands_beside_the_widget_for_whatever_knows_no_widgets(tmp_path: Path) -> None:
    canvas = draw(PHOTO, XY, scheme="ibug68")
    bundle = canvas._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"}
    assert bundle["text/plain"] == "<FaceCanvas, 640 x 533 px>"
    canvas.write(tmp_path / "face.png")
    assert (tmp_path / "face.png").read_bytes() == bundle["image/png"] == canvas._repr_png_()
    with pytest.raises(InputError, match=r"written as \.png"):
        canvas.write(tmp_path / "face.jpg")


def test_the_layer_to_draw_on_counts_in_px_of_the_image() -> None:
    canvas = draw(PHOTO, XY, scheme=SCHEME, size=240)
    # The corner of the photo's first pixel is that of the canvas.
    assert canvas.to_canvas([-0.5, -0.5]) == pytest.approx([0, 0])
    assert canvas.to_canvas([119.5, 99.5]) == pytest.approx([240, 200])
    a, b, c, d, x, y = canvas.over._frame
    point = np.array([30.0, 70.0])
    assert np.array([[a, c], [b, d]]) @ point + (x, y) == pytest.approx(canvas.to_canvas(point))
    assert canvas.to_photo(canvas.to_canvas(XY)) == pytest.approx(XY)


def test_a_face_is_shown_large() -> None:
    canvas = draw(PHOTO, XY, scheme=SCHEME, view="face", size=200)
    assert (canvas.width, canvas.height) == (200, 200)
    x0, y0 = canvas.to_canvas(XY).min(axis=0)
    x1, y1 = canvas.to_canvas(XY).max(axis=0)
    assert max(x1 - x0, y1 - y0) == pytest.approx(200 / 1.5)


def test_drawing_and_clearing_leave_the_face_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    canvas = draw(PHOTO, XY, scheme=SCHEME)
    names = sent(canvas, monkeypatch)
    canvas.over.stroke_circle(10, 10, 3)
    canvas.clear()
    assert names == ["strokeCircle", "save", "resetTransform", "clear", "restore"]
    assert canvas[0].image_data == canvas._repr_png_()


def test_a_page_that_is_loaded_anew_draws_in_the_same_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    canvas = draw(PHOTO, XY, scheme=SCHEME)
    names = sent(canvas, monkeypatch)
    canvas.over._handle_frontend_event(None, {"event": "client_ready"}, [])
    assert names == ["setTransform"]
    assert canvas.over._canvas_manager._current_canvas is None  # and the next command names its canvas


def test_the_mouse_is_heard_on_the_layer_to_draw_on() -> None:
    canvas = draw(PHOTO, XY, scheme=SCHEME, size=240)
    places: list[tuple[float, float]] = []
    canvas.on_mouse_down(lambda x, y: places.append(tuple(canvas.to_photo([x, y]))))
    canvas._handle_custom_msg({"event": "mouse_down", "x": 120, "y": 100}, [])
    assert places == [pytest.approx((59.5, 49.5))]


def test_several_faces_may_have_a_colour_each() -> None:
    canvas = draw(PHOTO, XY, Landmarks(SCHEME, XY + 5), scheme=SCHEME, colours=["#ff0000", "#00ff00"])
    red, green, _ = np.moveaxis(canvas.picture.astype(int), 2, 0)
    assert (red - green > 100).any()
    assert (green - red > 100).any()
    with pytest.raises(InputError, match="1 colours are given for the points of 2 faces"):
        draw(PHOTO, XY, XY, scheme=SCHEME, colours=["red"])


def test_photos_are_taken_from_disk(tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    assert np.array_equal(draw(tmp_path / "a.png").picture, draw(PHOTO).picture)
    with pytest.raises(ImageError, match="no such file"):
        draw(tmp_path / "b.png")


def test_a_scheme_that_nobody_knows_is_asked_for() -> None:
    own = Scheme("own", SCHEME.points)
    with pytest.raises(InputError, match="give scheme="):
        draw(PHOTO, XY)
    with pytest.raises(InputError, match="'own' is not a built-in one"):
        draw(PHOTO, prediction("own"))
    assert draw(PHOTO, prediction("own"), scheme=own).picture.shape[1] == 640
    with pytest.raises(InputError, match="too small"):
        draw(PHOTO, size=8)
