"""The cards of the page *Quality* about shapes: odd ones, and how people differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import panel as pn

from labelkit.app import parts
from labelkit.app.parts import esc
from labelkit.app.session import Session
from labelkit.app.thumbs import face_crop, face_source, square
from labelkit.app.widgets import OddFaces
from labelkit.geometry import Array, Crop
from labelkit.project.judging import JUDGED, agreement, fresh_oddities
from labelkit.quality import Agreement
from labelkit.quality.drawing import LONGER, agreement_svg
from labelkit.store import FINISHED, Store, StoredFace, StoredOddity

#: So many odd faces are shown, lines about habits told, and points listed.
_MOST, _LINES, _POINTS = 12, 8, 6


@dataclass(frozen=True)
class Judgement:
    """What the shapes say: the oddest faces as they are shown, how many are odd, and how people
    agree."""

    items: list[dict[str, Any]]
    odd: int
    agreements: list[Agreement]


def judge(store: Store) -> Judgement:
    """Look at all shapes: to be called from a thread."""
    odd = fresh_oddities(store, JUDGED, 1.0)
    return Judgement(_items(store, odd[:_MOST]), len(odd), agreement(store))


def cards(session: Session, found: Judgement) -> list[pn.viewable.Viewable]:
    """The cards, none about what there is nothing to say of."""
    made: list[pn.viewable.Viewable] = []
    if found.odd:
        made.append(_odd(session, found))
    return [*made, *(_differences(one) for one in found.agreements)]


def _items(store: Store, odd: list[StoredOddity]) -> list[dict[str, Any]]:
    faces = store.faces(one.face_id for one in odd)
    points = store.currents([face.id for face in faces], fill=True)
    return [
        {
            "face": face.id,
            "source": face_source(face, store.image(face.image_id)),
            "name": _name(face),
            "why": one.reason,
            "points": _inside(points[face.id].xy, face_crop(face, points[face.id])),
        }
        for face, one in zip(faces, odd, strict=True)
    ]


def _name(face: StoredFace) -> str:
    kind = "confirmed" if face.state in FINISHED else "not confirmed"
    return f"{face.face.image.rpartition('/')[2]} · {kind}"


def _inside(xy: Array, crop: Crop | None) -> list[list[float]]:
    """The points as shares of the picture's sides."""
    if crop is None:
        return []
    left, top, side = square(crop)
    known = xy[np.isfinite(xy).all(axis=1)]
    shares: list[list[float]] = np.round((known - (left, top)) / side, 4).tolist()
    return shares


def _odd(session: Session, found: Judgement) -> pn.Column:
    tiles = OddFaces(items=found.items, sizing_mode="stretch_width")

    def heard(data: dict[str, Any]) -> None:
        face = data.get("face")
        if data.get("type") == "open" and isinstance(face, int):
            session.go("review", face=face)

    tiles.heard = session.guarded(heard)
    shown = "" if found.odd <= len(found.items) else f", the oddest {len(found.items)} of {found.odd:,}"
    told = (
        "<p class='muted small'>Judged by what all the other faces look like; some are only unusual. "
        "Click one to look at it in the editor.</p>"
    )
    return parts.card(parts.html(told), tiles, title=f"Shapes that can hardly be right{shown}")


def _differences(one: Agreement) -> pn.Column:
    habits = one.in_words()
    seen = (
        f"<p class='muted small'>On {one.seen:,} of them one began with what the other had saved.</p>"
        if one.seen
        else ""
    )
    lines = parts.lines(habits[:_LINES]) if habits else "<p>Neither does anything otherwise always.</p>"
    lead = f"<p>{parts.count(one.faces, 'face')}, {one.mean:.2f} % of the eye distance apart on average.</p>"
    words = parts.html(f"{lead}{seen}{lines}{_table(one)}")
    return parts.card(
        pn.Row(words, parts.html(_map(one)), sizing_mode="stretch_width", margin=0),
        title=f"{one.first} and {one.second} on the same faces",
    )


def _table(one: Agreement) -> str:
    order = np.argsort(-np.nan_to_num(one.distance), kind="stable")[:_POINTS]
    rows = [
        (one.scheme.names[i], f"{one.distance[i]:.2f} %", _habit(one, int(i)), f"{one.scatter[i]:.2f} %")
        for i in order
        if np.isfinite(one.scatter[i])
    ]
    return (
        parts.table(("point", "apart", "always (x, y)", "scatter"), rows, numeric=(1, 2, 3)) if rows else ""
    )


def _habit(one: Agreement, point: int) -> str:
    if not one.sure[point]:
        return "—"
    (x, y), (dx, dy) = one.habit[point], one.interval[point]
    return f"{x:+.1f} ± {dx:.1f}, {y:+.1f} ± {dy:.1f} %"


def _map(one: Agreement) -> str:
    """The scheme with an arrow for each habit."""
    picture = agreement_svg(one)
    told = f"Lines: where {esc(one.second)} places a point as a habit, {LONGER} times as long as it is."
    return f"{picture}<p class='muted small'>{told}</p>"
