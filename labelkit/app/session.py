"""One browser's session: the frame with the navigation, the page in it, and what keeps it current."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from getpass import getuser
from html import escape
from importlib import import_module
from typing import Any, Protocol, TypeVar

import panel as pn
import param
from panel.custom import Child  # type: ignore[attr-defined]  # it is, but not declared

from labelkit.app.guard import WHO
from labelkit.app.parts import html, note, page
from labelkit.app.shared import Pulse, Shared
from labelkit.app.widgets import Talking, source
from labelkit.errors import InputError, LabelkitError
from labelkit.store import FaceState, JobState

_log = logging.getLogger("labelkit.app")
_Result = TypeVar("_Result")

#: The pages in the order of the work: by name the title and what is done there.
PAGES = {
    "images": ("Images", "Photos and labels into the project"),
    "scheme": ("Scheme", "Which points are labelled"),
    "prelabel": ("Prelabel", "Let a model place the points"),
    "review": ("Review", "Correct and accept faces"),
    "train": ("Train", "Teach the model your scheme"),
    "quality": ("Quality", "How good the labels are"),
    "export": ("Export", "Labels as files"),
    "log": ("Log", "Who did what, and when"),
}

#: The states in which a face waits for a person.
WAITING = (FaceState.RETURNED, FaceState.PREDICTED, FaceState.IN_PROGRESS, FaceState.TODO)

#: How long what somebody clicks waits for other writers, in seconds: everybody's page waits with it.
_HURRY = 1.0

_LOOK = 2000  # milliseconds between two looks at the project


class Page(Protocol):
    """A page of a session. Its module is called as the page is, and has a class ``View``."""

    def __init__(self, session: Session) -> None: ...

    def show(self) -> pn.viewable.Viewable:
        """The page, built anew."""

    def refresh(self, before: Pulse, now: Pulse) -> None:
        """Something has happened in the project, by whoever's hand."""


class Shell(Talking):
    """The frame, see ``static/shell.js``."""

    pages = param.List(doc="Name, title, hint, badge and its kind of every page.")
    current = param.String()
    project = param.Dict()
    author = param.String()
    busy = param.Boolean(False)
    body = Child()

    _esm = source("shell.js")


class Session:
    """What the pages of one browser share: the project, who is there, and how to tell them things."""

    def __init__(self, shared: Shared, author: str, first: str = "") -> None:
        self.shared, self.project, self._author = shared, shared.project, author
        self.pulse = shared.pulse()
        self.query: dict[str, Any] = {}
        self._pages: dict[str, Page] = {}
        self._body = pn.Column(sizing_mode="stretch_both", margin=0)
        current = first or _first_page(self.pulse)
        self.shell = Shell(
            pages=_badges(self.pulse),
            current=current,
            project={
                "name": self.project.settings.name,
                "scheme": self._scheme_line(),
                "local": shared.local,
            },
            author=author,
            body=self._body,
            sizing_mode="stretch_both",
        )
        self.shell.heard = self.guarded(self._hear)
        self._show(current)

    @property
    def author(self) -> str:
        """Whose name stands with what is labelled here. (The shell's is the browser's to change.)"""
        return self._author

    def go(self, name: str, **query: Any) -> None:
        """Turn to a page; ``query`` says what to look at there."""
        self.query = query
        self.shell.say({"type": "push", "page": name})
        self._show(name)

    def tell(self, text: str, kind: str = "") -> None:
        """A short message at the edge; ``kind`` bad for what went wrong, which stays until it is closed."""
        line = " ".join(text.split())
        self.shell.say({"type": "toast", "text": line, "kind": kind, "seconds": 0 if kind == "bad" else 6})

    def guarded(self, call: Callable[..., None]) -> Callable[..., None]:
        """The same call, which tells the person in one line what went wrong."""

        def safe(*arguments: Any, **options: Any) -> None:
            try:
                with self.project.store.patience(_HURRY):
                    call(*arguments, **options)
            except Exception as error:  # noqa: BLE001 - the person is told, and `problem` logs it
                self.tell(problem(error), "bad")

        return safe

    def working(
        self, call: Callable[..., Coroutine[Any, Any, None]]
    ) -> Callable[..., Coroutine[Any, Any, None]]:
        """As `guarded` for work that takes its time, with a sign that something is going on."""

        async def safe(*arguments: Any, **options: Any) -> None:
            self.shell.busy = True
            try:
                await call(*arguments, **options)
            except Exception as error:  # noqa: BLE001 - the person is told, and `problem` logs it
                self.tell(problem(error), "bad")
            finally:
                self.shell.busy = False
                self.look()

        return safe

    async def aside(self, call: Callable[[], _Result]) -> _Result:
        """The result of a call that would hold up everybody else, made in a thread."""
        return await asyncio.to_thread(call)

    def look(self) -> None:
        """See whether something has happened, and show it."""
        before, now = self.pulse, self.shared.pulse(fresh=True)
        self._renew(before, now)

    def poll(self) -> None:
        """As `look`, content with what another browser has just seen."""
        self._renew(self.pulse, self.shared.pulse())

    def _renew(self, before: Pulse, now: Pulse) -> None:
        if before == now:
            return
        self.pulse = now
        self.shell.pages = _badges(now)
        if before.scheme != now.scheme:
            self.shell.project = {**self.shell.project, "scheme": self._scheme_line()}
        shown = self._pages.get(self.shell.current)
        if shown is not None:
            shown.refresh(before, now)

    def _hear(self, data: dict[str, Any]) -> None:
        if data.get("type") == "go":
            name = str(data.get("page", ""))
            self.query = {}
            self._show(name if name in PAGES else _first_page(self.pulse))
        elif data.get("type") == "author" and self.shared.local:
            name = str(data.get("name", "")).strip()[:64]
            if name:
                self._author = self.shell.author = name

    def _show(self, name: str) -> None:
        try:
            if name not in self._pages:
                view = import_module(f"labelkit.app.{name}").View
                self._pages[name] = view(self)
            self._body.objects = [self._pages[name].show()]
        except Exception as error:  # noqa: BLE001 - as above
            title = PAGES[name][0]
            self._body.objects = [page(title, "", html(note(escape(problem(error)), "bad")))]
        self.shell.current = name

    def _scheme_line(self) -> str:
        scheme = self.project.scheme
        return f"{scheme.name}, {len(scheme)} points"


def problem(error: Exception) -> str:
    """What went wrong, in one line; what nobody expected is told in full in the log."""
    if isinstance(error, LabelkitError):
        return str(error)
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"  # a full disk, say
    _log.error("in the app: %s", error, exc_info=error)
    return f"Something went wrong ({type(error).__name__}: {error}); more on it in the terminal"


def open_session(shared: Shared, first: str) -> pn.viewable.Viewable:
    """The app for a browser that has just come, at the page ``first``."""
    cookies = pn.state.cookies
    theme = cookies.get("labelkit-theme", "")
    if theme in ("light", "dark") and pn.state.curdoc is not None:
        pn.state.curdoc.template_variables["html_attrs"] = f'data-theme="{theme}"'
    session = Session(shared, _who(shared), first)
    pn.state.add_periodic_callback(session.guarded(session.poll), period=_LOOK)
    return session.shell


def _who(shared: Shared) -> str:
    """Who sits at the browser. Not what its cookies say here, which Bokeh takes from the browser's own
    word where a connection is made again, but who came in by the door."""
    if shared.users is None:
        return _system_user()
    context = pn.state.curdoc.session_context if pn.state.curdoc is not None else None
    request = getattr(context, "request", None)  # which only the context of a server has
    name = getattr(request, WHO, None)
    if not isinstance(name, str):
        raise InputError("log in first")
    return name


def _system_user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def _first_page(pulse: Pulse) -> str:
    """Where the work is."""
    if pulse.prelabelling is not None and pulse.prelabelling.state is JobState.RUNNING:
        return "prelabel"
    return "review" if pulse.count(*WAITING) else "images"


def _badges(pulse: Pulse) -> list[dict[str, str]]:
    """The navigation: where there is something to do, and how much."""
    waiting, done = pulse.count(*WAITING), pulse.count(FaceState.DONE, FaceState.REVIEWED)
    job, badges = pulse.prelabelling, {"images": (f"{pulse.photos.total:,}", "")}
    if job is not None and job.state is JobState.RUNNING:
        share = f"{100 * job.done // job.total} %" if job.total else "…"
        badges["prelabel"] = (share, "accent")
    elif job is not None and job.state in (JobState.FAILED, JobState.INTERRUPTED):
        badges["prelabel"] = ("!", "bad")
    elif pulse.photos.unsearched:
        badges["prelabel"] = (f"{pulse.photos.unsearched:,}", "warn")
    if waiting:
        badges["review"] = (f"{waiting:,}", "accent")
    if done:
        badges["export"] = (f"{done:,}", "good")
    return [
        {
            "name": name,
            "title": title,
            "hint": hint,
            "badge": badges.get(name, ("", ""))[0],
            "kind": badges.get(name, ("", ""))[1],
        }
        for name, (title, hint) in PAGES.items()
    ]
