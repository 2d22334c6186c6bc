"""What all browsers of one server share: the project, its pulse, and the work that was started here."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from labelkit.app.attempts import Attempts
from labelkit.app.discreet import Discreet
from labelkit.app.logins import Logins
from labelkit.app.quota import Uploads
from labelkit.app.thumbs import Thumbnails
from labelkit.app.users import FILE, Users, read_users
from labelkit.errors import LabelkitError
from labelkit.prelabel.runner import Prelabelling, PrelabelReport
from labelkit.project import Project
from labelkit.project.editing import placer
from labelkit.project.tuning import TuneReport, Tuning
from labelkit.store import FaceState, ImageCounts, Job

if TYPE_CHECKING:
    from labelkit.studio.faces import ExampleRow

_log = logging.getLogger("labelkit.app")
_Report = TypeVar("_Report", covariant=True)

#: For how long a look at the project is good enough, in seconds.
_FRESH = 1.0


@dataclass(frozen=True)
class Pulse:
    """How the project stands: two of these are equal when nothing has happened in between.

    ``states`` counts faces, ``jobs`` are the newest ones, ``position`` the newest event and
    annotation, ``scheme`` the scheme's revision.
    """

    states: tuple[tuple[FaceState, int], ...]
    photos: ImageCounts
    jobs: tuple[Job, ...]
    position: tuple[int, int]
    scheme: int

    def count(self, *states: FaceState) -> int:
        """How many faces are in one of these states."""
        return sum(count for state, count in self.states if state in states)

    @property
    def prelabelling(self) -> Job | None:
        """The newest prelabelling."""
        return self._newest(Prelabelling.kind)

    @property
    def training(self) -> Job | None:
        """The newest fine-tuning."""
        return self._newest(Tuning.kind)

    def _newest(self, kind: str) -> Job | None:
        return next((job for job in self.jobs if job.kind == kind), None)


class Shared:
    """The project of a server, for any number of browsers. Threads may use it.

    Raises `StoreError` for a project that cannot be written: nothing that people do could be saved."""

    def __init__(self, project: Project, users: Users | None = None) -> None:
        if project.store.read_only:
            with project.store.together():  # raises, and says why
                pass
        self.project, self.users = project, users
        self.attempts, self.uploads = Attempts(), Uploads()
        self.logins = Logins(project.folder)
        # The longest folder that holds a path is the one that is named.
        places = {project.images: "photos", project.folder: "project", Path.home(): "~"}
        self.discreet = Discreet(places if users is not None else {})
        self._users_seen = self._users_file()
        self.thumbnails = Thumbnails(project)
        self.prelabelling: Work[PrelabelReport] = Work(project.start_prelabel)
        self.place = placer(project)
        self.training: Work[TuneReport] = Work(project.start_fine_tune)
        # Pictures are decoded by so many threads at once, and wait their turn beyond that.
        self.decoders = ThreadPoolExecutor(3, thread_name_prefix="labelkit-picture")
        self._lock = threading.Lock()
        self._pulse: tuple[float, Pulse] | None = None
        self._examples: ExampleRow | None = None

    def examples(self) -> ExampleRow:
        """The faces beside the scheme, which all studios share; loads torch, hence to be called from a
        thread."""
        from labelkit.studio.studio import example_row

        with self._lock:
            if self._examples is None:
                self._examples = example_row(None, self.project, model=self.project.settings.model)
            return self._examples

    @property
    def local(self) -> bool:
        """Whether whoever sits at the browser is the user who started the server."""
        return self.users is None

    def renew_users(self) -> None:
        """Notice who was added and who was removed; where logins are asked for, they always are."""
        seen = self._users_file()
        if self.users is None or seen == self._users_seen:
            return
        try:
            known = read_users(self.project.folder)
        except LabelkitError as error:
            _log.error("%s", error)
        else:
            # The secret that signs cookies stays that of the running server.
            self.users = replace(self.users, hashes=known.hashes if known is not None else {})
        self._users_seen = seen

    def _users_file(self) -> tuple[int, int] | None:
        try:
            known = (self.project.folder / FILE).stat()
        except OSError:
            return None
        return known.st_mtime_ns, known.st_size

    def pulse(self, fresh: bool = False) -> Pulse:
        """How the project stands, looked up at most once a second however many ask, or anew."""
        with self._lock:
            if fresh or self._pulse is None or time.monotonic() - self._pulse[0] > _FRESH:
                self._pulse = (time.monotonic(), self._look())
            return self._pulse[1]

    def _look(self) -> Pulse:
        store = self.project.store
        return Pulse(
            tuple(store.count_by_state().items()),
            store.count_images(),
            tuple(store.jobs.list(limit=5)),
            store.position(),
            store.scheme_revision().revision,
        )


class _Running(Protocol[_Report]):
    """Work in a process of its own."""

    job: Job

    def wait(self) -> _Report: ...


class Work(Generic[_Report]):
    """Long work that was started from the app, followed to its end in a thread; ``begin`` starts it."""

    def __init__(self, begin: Callable[..., _Running[_Report]]) -> None:
        self.report: _Report | None = None
        self.problem: str = ""
        self._begin = begin
        self._running: _Running[_Report] | None = None

    def start(self, **options: Any) -> Job:
        """Begin; raises `InputError` when such work runs already or an option is wrong."""
        running = self._begin(**options)
        self.report, self.problem, self._running = None, "", running
        threading.Thread(target=self._follow, args=(running,), daemon=True, name="labelkit-follow").start()
        return running.job

    def _follow(self, running: _Running[_Report]) -> None:
        report, problem = None, ""
        try:
            report = running.wait()
        except LabelkitError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - it is logged, and shown on the page
            _log.exception("the work could not be followed")
            problem = f"{type(error).__name__}: {error}"
        if self._running is running:
            self.report, self.problem = report, problem
