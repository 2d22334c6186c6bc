"""Small pieces of which the pages are made. Whatever comes from outside goes through `esc`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import panel as pn

_EMPTY = {
    "photo": '<rect x="3" y="5" width="18" height="14" rx="2"/><circle cx="9" cy="10" r="1.6"/>'
    '<path d="m4 17 5-4 4 3 3-2 4 3"/>',
    "face": '<circle cx="12" cy="12" r="8.5"/><circle cx="9" cy="10" r="1"/><circle cx="15" cy="10" r="1"/>'
    '<path d="M8.5 15c2 1.6 5 1.6 7 0"/>',
    "chart": '<path d="M4 20V10M10 20V4M16 20v-7M21 20H3"/>',
    "file": '<path d="M6 3h8l4 4v14H6z"/><path d="M14 3v4h4M9 12h6M9 16h6"/>',
    "done": '<circle cx="12" cy="12" r="9"/><path d="m8 12.5 3 3 5.5-6.5"/>',
}


def esc(text: object) -> str:
    """Text for HTML."""
    return escape(str(text))


def html(text: str, **options: Any) -> pn.pane.HTML:
    """A piece of HTML as wide as there is room."""
    options.setdefault("sizing_mode", "stretch_width")
    return pn.pane.HTML(text, margin=0, **options)


def fill(pane: pn.pane.HTML, text: str) -> None:
    """Show a piece of HTML; an empty one takes no room."""
    pane.param.update(object=text, visible=bool(text))


def page(title: str, lead: str, *parts: Any) -> pn.Column:
    """A page: what it is, one sentence on what is done here, and its parts."""
    head = html(f"<h1>{esc(title)}</h1><p class='lead'>{esc(lead)}</p>")
    return pn.Column(head, *parts, css_classes=["lk-page"], sizing_mode="stretch_width", margin=0)


def card(*parts: Any, title: str = "", **options: Any) -> pn.Column:
    """A sheet of paper on the desk."""
    head = [html(f"<h2>{esc(title)}</h2>")] if title else []
    options.setdefault("sizing_mode", "stretch_width" if "width" not in options else None)
    classes = ["lk-card", *options.pop("css_classes", [])]
    return pn.Column(*head, *parts, css_classes=classes, margin=0, **options)


def stack(*parts: Any, **options: Any) -> pn.Column:
    """Parts below one another."""
    options.setdefault("sizing_mode", "stretch_width")
    return pn.Column(*parts, css_classes=["lk-stack"], margin=0, **options)


def row(*parts: Any, **options: Any) -> pn.Row:
    """Parts beside one another, on a new line where there is no room."""
    options.setdefault("sizing_mode", "stretch_width")
    classes = ["lk-row", *options.pop("css_classes", [])]
    return pn.Row(*parts, css_classes=classes, margin=0, **options)


def note(text: str, kind: str = "") -> str:
    """A remark that stands out; ``text`` is HTML, ``kind`` good, warn, bad or nothing."""
    role = ' role="alert"' if kind == "bad" else ""
    return f'<div class="note {kind}"{role}><div>{text}</div></div>'


def empty(picture: str, title: str, text: str) -> str:
    """What stands where nothing is yet: why, and what to do about it. ``text`` is HTML."""
    drawing = (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.4" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{_EMPTY[picture]}</svg>'
    )
    return f'<div class="empty">{drawing}<h2>{esc(title)}</h2><p>{text}</p></div>'


def numbers(entries: Sequence[tuple[object, str]]) -> str:
    """Large figures with what they count below."""
    cells = "".join(f"<div><b>{esc(value)}</b><span>{esc(what)}</span></div>" for value, what in entries)
    return f'<div class="numbers">{cells}</div>'


def lines(entries: Sequence[str], most: int = 200) -> str:
    """A list of lines, the first of them where there are very many."""
    shown = "".join(f"<li>{esc(entry)}</li>" for entry in entries[:most])
    rest = f"<li>and {len(entries) - most} more</li>" if len(entries) > most else ""
    return f'<ul class="lines small">{shown}{rest}</ul>'


def table(head: Sequence[str], rows: Sequence[Sequence[object]], numeric: Sequence[int] = ()) -> str:
    """A table; the columns ``numeric`` are set to the right."""

    def cells(entries: Sequence[object], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=num' if number in numeric else ''}>{esc(entry)}</{tag}>"
            for number, entry in enumerate(entries)
        )

    body = "".join(f"<tr>{cells(entries, 'td')}</tr>" for entries in rows)
    return f'<table class="plain"><thead><tr>{cells(head, "th")}</tr></thead><tbody>{body}</tbody></table>'


def count(number: int, what: str) -> str:
    """``1 face``, ``1,200 faces``."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def choice(
    options: Mapping[str, Any] | Sequence[str], value: Any, **more: Any
) -> pn.widgets.RadioButtonGroup:
    """One of a few things, all of them in sight."""
    return pn.widgets.RadioButtonGroup(
        options=options, value=value, margin=0, css_classes=["lk-choice"], sizing_mode="fixed", **more
    )


def columns(*cards: Any) -> pn.Row:
    """Cards beside one another."""
    return pn.Row(*cards, css_classes=["lk-columns"], sizing_mode="stretch_width", margin=0)


def label(text: str, **options: Any) -> pn.pane.HTML:
    """What a choice below or beside it is about, as the fields that name themselves look."""
    return html(f"<span class='about'>{esc(text)}</span>", **options)


def button(label: str, kind: str = "default", **options: Any) -> pn.widgets.Button:
    """A button; ``kind`` primary for what one comes to this place for."""
    return pn.widgets.Button(name=label, button_type=kind, margin=0, **options)
