"""`draw`: a face on a canvas of ipycanvas, over which the user's own Python keeps drawing.

The photo with its points is a picture that Python draws. It belongs to the widget's state, so that
it is there again after a reload of the page, and the same picture stands beside the widget for
whatever knows no widgets. What the user draws over it goes to the browser as commands, and lasts as
long as the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from ipycanvas import Canvas, MultiCanvas
from numpy.typing import ArrayLike
from PIL import Image
from traitlets import default

from labelkit.atomic import replacing
from labelkit.errors import InputError
from labelkit.geometry import Array, Similarity
from labelkit.notebook.shapes import Photo, as_photo, as_shape
from labelkit.overlay import Picture, Points, View, draw_over
from labelkit.scheme import Scheme


def draw(
    image: Photo,
    *points: Points,
    scheme: str | Path | Scheme | None = None,
    colours: Sequence[str] = (),
    level: float | None = 0.95,
    view: View = "photo",
    size: int = 640,
) -> FaceCanvas:
    """A canvas with the photo, the points, the curves of their scheme and the ellipses of predictions.

        canvas = lk.draw(image, *model.predict([image] * len(boxes), boxes, "ibug68"))
        canvas.over.stroke_style = "white"
        canvas.over.stroke_circle(120, 80, 10)      # in px of the image

    ``image`` is RGB uint8 (H, W, 3) or a path; ``points`` are `Landmarks`, `Prediction` or arrays
    (N, 2) in image px, one for each face, or several for one face to be compared. ``scheme`` is
    needed for arrays and for schemes that are not built in. ``colours`` gives each of ``points`` a
    colour; without, each group of points has its own. Ellipses hold ``level`` of the cases,
    r² = -2 ln(1 - level); None leaves them out. ``view`` shows the whole ``photo``, its longer side
    at ``size`` px, or a square around the points (``face``). Raises `InputError`.
    """
    if colours and len(colours) != len(points):
        raise InputError(f"{len(colours)} colours are given for the points of {len(points)} faces")
    if size < 16:
        raise InputError(f"a canvas of {size} px is too small to see anything on it")
    given: Sequence[str | None] = colours or [None] * len(points)
    shapes = [as_shape(one, scheme, colour) for one, colour in zip(points, given, strict=True)]
    return FaceCanvas(*draw_over(as_photo(image), shapes, size, view, level))


class PictureLayer(Canvas):  # type: ignore[misc]  # ipycanvas has no types
    """A canvas that begins with a picture (PNG), in every page that shows it."""

    def __init__(self, png: bytes, **traits: Any) -> None:
        self._png = png
        super().__init__(**traits)

    # As a default, since the browser draws it only when it is there from the first message on.
    @default("image_data")
    def _picture(self) -> bytes:
        return self._png


class Layer(Canvas):  # type: ignore[misc]  # ipycanvas has no types
    """A canvas whose coordinates are px of the photo, also after `clear`."""

    def __init__(self, frame: tuple[float, ...], **traits: Any) -> None:
        super().__init__(**traits)
        self._frame = frame
        self.set_transform(*frame)

    def clear(self) -> None:
        """Take everything away, whatever part of the photo the canvas shows."""
        self.save()
        self.reset_transform()
        super().clear()
        self.restore()

    def begin(self) -> None:
        """Bring an empty canvas of a page that was loaded anew into the photo's frame."""
        # ipycanvas names a canvas only when it is another than the last, of which this page knows nothing.
        self._canvas_manager._current_canvas = None
        self.set_transform(*self._frame)


class FaceCanvas(MultiCanvas):  # type: ignore[misc]  # ipycanvas has no types
    """A photo with its points (layer 0) and a layer to draw on (``over``, layer 1) in image px.

    Widths of lines are image px, too. Callbacks of the mouse get px of the canvas, which
    `to_photo` takes to image px; `to_canvas` leads back.
    """

    def __init__(self, picture: Picture, to_picture: Similarity) -> None:
        height, width = picture.shape[:2]
        super().__init__(1, width=width, height=height)
        self.picture = picture
        # A canvas counts from the corner of its first pixel, an image from its centre.
        self._to_canvas = Similarity(1.0, 0.0, 0.5, 0.5).after(to_picture)
        a, b, x, y = (getattr(self._to_canvas, name) for name in ("a", "b", "tx", "ty"))
        self.over = Layer((a, b, -b, a, x, y), width=width, height=height)
        self._png = _png(picture)
        self._canvases = [PictureLayer(self._png, width=width, height=height), self.over]
        self.on_msg(self.over._handle_frontend_event)
        self.on_client_ready(self.over.begin)

    def to_canvas(self, points: ArrayLike) -> Array:
        """Image px (..., 2) to px of the canvas."""
        return self._to_canvas(points)

    def to_photo(self, points: ArrayLike) -> Array:
        """Px of the canvas (..., 2), as the mouse's callbacks have them, to image px."""
        return self._to_canvas.inverse()(points)

    def clear(self) -> None:
        """Take away what was drawn over the face."""
        self.over.clear()

    def write(self, path: str | Path) -> None:
        """Write the photo with its points, without what was drawn over it, as PNG.

        Raises `InputError` for another suffix.
        """
        if Path(path).suffix.lower() != ".png":
            raise InputError(f"{path}: pictures are written as .png")
        with replacing(path) as draft:
            draft.write_bytes(self._png)

    def _repr_png_(self) -> bytes:
        return self._png

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        height, width = self.picture.shape[:2]
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options) or {}
        return {**bundle, "image/png": self._png, "text/plain": f"<FaceCanvas, {width} x {height} px>"}


def _png(picture: Picture) -> bytes:
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, format="PNG")
    return file.getvalue()
