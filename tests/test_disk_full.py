"""No room on the disk, at every moment at which something is written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from labelkit import atomic
from labelkit.app.thumbs import Thumbnails
from labelkit.editor.session import EditSession
from labelkit.errors import LabelkitError, StoreError
from labelkit.formats import read
from labelkit.geometry import Box, Crop, Similarity
from labelkit.landmarks import Face
from labelkit.prediction import Prediction
from labelkit.prelabel.child import Loaded, work
from labelkit.project import Project
from labelkit.project.backup import restore
from labelkit.project.editing import open_desk
from labelkit.project.judging import fresh_oddities
from labelkit.scheme import Scheme, load_scheme
from labelkit.scheme.edit import remove_points
from labelkit.store import FaceState, JobState, database
from labelkit.store.process import give_up

SCHEME = load_scheme("celeba5")
PHOTOS = 4


@pytest.fixture
def project(tmp_path: Path) -> Any:
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(PHOTOS):
        Image.new("RGB", (80, 80), (number, 0, 0)).save(root / f"{number}.png")
    with Project.create(tmp_path / "work", root, SCHEME, read=False) as made:
        for number in range(PHOTOS):
            face = made.add_face(f"{number}.png", Box(20, 20, 60, 60, "user"), "ann")
            made.annotate(face, SCHEME.plane * 30 + 40, author="ann")
        yield made


class FullDisk:
    """Writing, bringing to the disk and making folders fail from the ``n``-th time on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, n: int) -> None:
        self.left, self.hit = n, False
        for place, name in ((os, "fsync"), (Path, "mkdir"), (Path, "touch"), (Path, "write_text")):
            monkeypatch.setattr(place, name, self.failing(getattr(place, name)))

    def failing(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                self.hit = True
                named = arguments[:1] if isinstance(arguments[0], Path) else ()
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *map(str, named))
            return call(*arguments, **options)

        return called


def contents(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, without what SQLite writes at any time."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.startswith(("labelkit.db", "turn.db"))
    }


def moments(work: Callable[[], object], folder: Path, problem: str = "No space left|disk is full") -> int:
    """Let the disk be full from each moment of ``work`` on, and see that nothing has changed in
    ``folder`` then; how many moments there were, before ``work`` got through or could do without."""
    before = contents(folder)
    for n in range(200):
        with pytest.MonkeyPatch.context() as monkeypatch:
            disk = FullDisk(monkeypatch, n)
            try:
                work()
            except (OSError, LabelkitError) as error:
                assert disk.hit
                told = error
            else:
                return n
        assert contents(folder) == before
        named = told.filename if isinstance(told, OSError) else str(told)
        assert named
        with pytest.raises(type(told), match=problem):
            raise told
    raise AssertionError("it never got through")


@pytest.mark.parametrize("kind", ["wflw", "300w", "coco", "csv", "dlib"])
def test_an_export_is_as_before_whenever_the_disk_is_full(project: Project, kind: str) -> None:
    scheme = load_scheme("ibug68") if kind == "300w" else SCHEME
    if kind == "300w":
        project.change_scheme(project.plan_scheme_change(scheme, {}), "ann")
        for face in list(project.faces()):
            project.annotate(face, scheme.plane * 30 + 40, author="ann")
    out = project.folder / "exports" / kind
    # Where nothing was there before, and where an export of before is to stay.
    for _ in range(2):
        assert moments(lambda: project.export(kind, out), project.folder / "exports") > 2
        assert len(read(out, kind, scheme, images=project.images)) == PHOTOS
        project.annotate(Face("0.png"), scheme.plane * 31 + 40, author="ann")


def test_a_backup_is_as_before_whenever_the_disk_is_full(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "out" / "backup.zip"
    out.parent.mkdir()
    assert moments(lambda: project.backup(out), out.parent) >= 2
    restored = tmp_path / "again"
    restored.mkdir()
    assert moments(lambda: restore(out, restored / "work"), restored) > 3
    with Project.open(restored / "work") as again:
        assert again.status().states["done"] == PHOTOS


def test_a_change_of_the_scheme_that_is_stored_is_told_as_done(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plan = project.plan_scheme_change(remove_points(SCHEME, ["nose_bridge_3"]))
    FullDisk(monkeypatch, 0)
    project.change_scheme(plan, "ann")
    assert project.scheme == plan.new
    assert "No space left" in caplog.text


def test_folders_and_files_with_a_full_disk_at_the_end(tmp_path: Path) -> None:
    def both() -> None:
        atomic.write_text(tmp_path / "a.txt", "new")
        atomic.write_files(tmp_path / "b", {"c": "c", "d/e": "e"})
        with atomic.replacing_folder(tmp_path / "f") as draft:
            (draft / "g").write_bytes(b"g")

    (tmp_path / "a.txt").write_text("old")
    for n in range(50):
        named: object = "nothing went wrong"
        with pytest.MonkeyPatch.context() as monkeypatch:
            disk = FullDisk(monkeypatch, n)
            try:
                both()
            except OSError as error:
                named = error.filename
        assert named
        found = contents(tmp_path)
        assert found.pop("a.txt") in (b"old", b"new")
        assert found in ({}, {"b/c": b"c", "b/d/e": b"e"}, {"b/c": b"c", "b/d/e": b"e", "f/g": b"g"})
        if not disk.hit:
            return
        for name in ("b", "f"):
            shutil.rmtree(tmp_path / name, ignore_errors=True)
    raise AssertionError("it never got through")


class Browser:
    """An outbox that sends everything until it is acknowledged, as the editor's does."""

    def __init__(self, project: Project) -> None:
        self.traits: dict[str, Any] = {}
        self.session = EditSession(open_desk(project, "ann", project.faces()), self.traits.update)
        self.session.start()
        self.entries: list[dict[str, Any]] = []
        self.seq = 0

    def add(self, kind: str, **more: Any) -> None:
        self.seq += 1
        about = {"seq": self.seq, "id": f"e{self.seq}", "type": kind, "key": self.session.current}
        self.entries.append({**about, "scheme": 1, **more})

    def drag(self, x: float) -> None:
        before, after = {"xy": {"1": [0, 0]}}, {"xy": {"1": [x, 7]}, "state": {"1": 1}}
        self.add("edit", edit={"id": f"d{self.seq}", "label": "drag", "before": before, "after": after})

    def send(self) -> int:
        """How many wait afterwards."""
        self.session.receive(json.dumps({"client": "tab", "entries": self.entries}))
        done = self.traits.get("acknowledged", {}).get("tab", 0)
        self.entries = [entry for entry in self.entries if entry["seq"] > done]
        return len(self.entries)


def limit_pages(project: Project, pages: int) -> None:
    """No more than so many pages for every connection of the project, 0 for as many as there are."""
    with project.store._database.read() as connection:
        now = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages or now}")


def test_an_editor_keeps_what_found_no_room_and_saves_it_by_itself(project: Project) -> None:
    page = Browser(project)
    first = page.session.current
    limit_pages(project, 0)
    page.drag(1.0)
    while not page.send():
        page.drag(float(page.seq))
        assert page.seq < 2000
    assert page.traits["status"]["problem"] == "the disk is full"
    waiting = page.entries[0]["edit"]["after"]["xy"]["1"][0]
    page.add("command", command={"name": "accept"})
    assert page.send() == 2
    assert project.store.face(int(first)).revision == 1
    # The labeller may look at other faces all the while.
    page.session.go_to(str(int(first) + 1))
    assert page.session.current == str(int(first) + 1)
    limit_pages(project, 1_000_000)
    assert page.send() == 0
    assert page.traits["status"]["problem"] == ""
    assert project.store.face(int(first)).revision == 2
    assert project.store.current(int(first)).xy[1].tolist() == [waiting, 7]


def test_an_editor_whose_project_another_program_keeps_busy_saves_when_it_can(project: Project) -> None:
    page = Browser(project)
    with closing(sqlite3.connect(project.store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        page.drag(3.0)
        # Each try holds up everybody's page: together they take less than one patient writer waits.
        assert [page.send() for _ in range(20)] == [1] * 20
        assert page.traits["status"]["problem"] == "another program keeps the database busy"
        page.session.go_to("2")
        assert page.session.current == "2"
        other.execute("ROLLBACK")
    assert page.send() == 0
    assert page.traits["status"]["problem"] == ""
    (unsaved,) = project.store.journal.unfinished()
    assert unsaved.author == "ann"


def test_a_page_opens_on_a_full_disk(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project.store.leases, "take", refuse)
    monkeypatch.setattr(project.store.leases, "release", refuse)
    page = Browser(project)
    assert page.session.current
    page.add("hello")
    page.add("here")
    assert page.send() == 0
    assert len(page.traits["faces"]) >= 2
    page.session.desk.leave()


def test_odd_shapes_are_looked_at_without_room_to_keep_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise StoreError(project.store.path, "the disk is full")

    monkeypatch.setattr(project.store, "set_oddities", refuse)
    assert fresh_oddities(project.store) == []
    monkeypatch.undo()
    assert len(fresh_oddities(project.store)) == PHOTOS


def test_a_transaction_that_the_disk_undid_is_not_gone_on_with(project: Project) -> None:
    """What came after that would be stored alone, and acknowledged together with what is lost."""
    limit_pages(project, 0)
    before = project.store.position()
    with pytest.raises(StoreError, match="nothing has been changed"), project.store.together():
        project.comment(Face("1.png"), "first", "ann")
        with suppress(StoreError):
            for _ in range(500):
                project.comment(Face("0.png"), "x" * 5000, "ann")
        limit_pages(project, 1_000_000)
        project.comment(Face("2.png"), "last", "ann")
    assert project.store.position() == before
    project.comment(Face("1.png"), "again", "ann")


def test_small_pictures_are_shown_without_room_to_keep_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = project.store.find_image("0.png")
    assert image is not None
    thumbnails = Thumbnails(project)
    FullDisk(monkeypatch, 0)
    shown = thumbnails.photo(image, 320)
    assert isinstance(shown, bytes)
    assert shown.startswith(b"\xff\xd8")
    monkeypatch.undo()
    kept = thumbnails.photo(image, 320)
    assert isinstance(kept, Path)
    assert kept.read_bytes() == shown


def test_what_cannot_be_opened_on_a_full_disk_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match="cannot be opened"), database.in_one_line(tmp_path / "no"):
        database.connect(tmp_path / "no")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 100))
    with pytest.raises(StoreError, match="the disk is full"), database.in_one_line(tmp_path / "no"):
        database.connect(tmp_path / "no")


class Fake:
    """A model that needs no photo."""

    def __call__(self, photos: Any, scheme: Scheme) -> Iterator[Any]:
        for _, boxes in photos:
            crop = Crop(Similarity(20.0, 0.0, 40.0, 40.0))
            made = [Prediction(crop.points_to_image(scheme.plane), "fake@1", crop, scheme.name)]
            yield SimpleNamespace(boxes=boxes, predictions=made, looks=[bytes(64)], problem=None)


def test_a_job_that_finds_no_room_says_so_whenever_that_is(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.add_face("0.png", Box(10, 10, 50, 50, "user"), "ann")
    for n in range(50):
        job = project.store.jobs.add("prelabel", {"images": str(project.images)})
        with pytest.MonkeyPatch.context() as monkeypatch:
            FullDisk(monkeypatch, n)
            fine = work(project.folder, job.id, lambda _: Loaded("fake@1", Fake(), {"name": "fake"}))
        ended = project.store.jobs.get(job.id)
        assert ended.state is (JobState.DONE if fine else JobState.FAILED)
        if fine:
            break
        assert ended.message.endswith(": No space left on device")
        assert ended.message.startswith(str(project.folder))
    assert n > 1
    # Where not even that can be written down, the job's log has it.
    job = project.store.jobs.start(project.store.jobs.add("prelabel", {}).id)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(project.store.jobs, "fail", refuse)
        give_up(project.store, job, StoreError(project.folder, "the disk is full"))
    assert "the disk is full" in caplog.text


def refuse(*_: object) -> None:
    raise StoreError("labelkit.db", "the disk is full")


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
from labelkit.cli import main
sys.argv[0] = "labelkit"
main()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system limits no sizes of files")
@pytest.mark.parametrize(
    "command",
    [
        ["export", "WORK", "--format", "wflw", "-o", "OUT/list.txt"],
        ["mark", "WORK", "0.png", "--as", "returned", "--comment", "chin"],
    ],
    ids=lambda command: command[0],
)
def test_commands_say_in_one_line_that_files_may_not_grow(
    project: Project, tmp_path: Path, command: list[str]
) -> None:
    project.close()
    (tmp_path / "out").mkdir()
    words = [
        word.replace("WORK", str(project.folder)).replace("OUT", str(tmp_path / "out")) for word in command
    ]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "16", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("labelkit: ")
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == []
    with Project.open(project.folder) as again:
        assert again.store.count_by_state()[FaceState.DONE] == PHOTOS
