"""Victims that change a project: imports, other schemes, faces that go and come back, photos that
move, projects in the making, and databases of older versions."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from kills import checks, made
from kills.processes import Line
from kills.victim import Problem, Round, Victim
from PIL import Image

from labelkit.formats import write
from labelkit.geometry import Box
from labelkit.landmarks import Face
from labelkit.project import Project, importing
from labelkit.scheme import Scheme, load_scheme
from labelkit.scheme.edit import add_point, remove_points
from labelkit.scheme.scheme import Point
from labelkit.store import FaceState
from labelkit.store.database import Database
from labelkit.store.migrations import MIGRATIONS, create_tables

AUTHOR = "ann"

#: How many points the jaw has, the first ones of the scheme.
_JAW = 17


class Import(Victim):
    """One list after the other, each with corrections for every face, two faces a transaction."""

    name, share = "import", 90

    def prepare(self, home: Path) -> None:
        made.project(home)

    def work(self, home: Path, number: int, line: Line) -> None:
        importing._CHUNK = 2  # many small steps, so that a kill at any moment tells something
        with Project.open(home / "work") as project:
            while True:
                number += 1
                write(made.labels(home / "photos", number), home / "list.txt", "wflw", images=home / "photos")
                project.import_annotations(
                    home / "list.txt",
                    author="importer",
                    heard=lambda done, _, value=number: line.say(f"{value} {done}"),
                )

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        stored = [made.values(project, name) for name in made.names()]
        for line in said:
            value, done = map(int, line.split())
            lost = [number for number in range(done) if value not in stored[number]]
            if lost:
                yield "lost", f"import {line}: faces {lost}"

    def consistent(self, home: Path, project: Project) -> Iterator[Problem]:
        stored = [made.values(project, name) for name in made.names()]
        if project.status().faces > made.FACES:
            yield "unopenable", "an import has added faces twice"
        counts = Counter(value for values in stored for value in values)
        for value, count in counts.items():
            if value is None or count % 2:
                yield "unopenable", f"import {value}: {count} faces, which is a part of a transaction"


class Change(Victim):
    """The scheme forth and back: a point is added or two are taken away, a face is annotated, the
    change is undone, another is annotated. What was annotated follows the scheme, exactly."""

    name, share = "scheme", 80

    def prepare(self, home: Path) -> None:
        made.project(home, 0)

    def work(self, home: Path, number: int, line: Line) -> None:
        with Project.open(home / "work") as project:
            while True:
                number += 1
                if project.scheme.names == made.SCHEME.names:
                    project.change_scheme(project.plan_scheme_change(_other(project.scheme, number)), AUTHOR)
                else:
                    project.undo_scheme_change(AUTHOR)
                line.say(f"scheme {project.store.scheme_revision().revision}")
                name = made.names()[number % made.FACES]
                project.annotate(Face(name), _in(project.scheme, number), author=AUTHOR)
                line.say(f"{name} {number}")

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        revision = project.store.scheme_revision().revision
        copies = {int(path.name[:4]): path for path in (home / "work" / "schemes").glob("[0-9]*.json")}
        for number, path in copies.items():
            if load_scheme(path).names != project.store.scheme_revision(number).scheme.names:
                yield "half_written", f"{path.name} is another scheme than revision {number}"
        stored = {
            name: {_value(one.landmarks.xy) for one in project.history(Face(name))} for name in made.names()
        }
        for line in said:
            what, number = line.split()
            if what == "scheme" and int(number) > revision:
                yield "lost", f"revision {number} of the scheme"
            elif what == "scheme" and int(number) not in copies:
                yield "lost", f"the copy of revision {number} of the scheme"
            elif what != "scheme" and int(number) not in stored[what]:
                yield "lost", line

    def consistent(self, home: Path, project: Project) -> Iterator[Problem]:
        for face in project.faces():
            values = [_value(one.landmarks.xy) for one in project.history(face)]
            lengths = [len(one.landmarks) for one in project.history(face)]
            if None in values:
                yield "lost", f"{face.image}: a revision of mixed values"
                continue
            wanted = np.full((len(made.SCHEME), 2), np.nan)
            for value, length in zip(values, lengths, strict=True):
                said = _there(int(value or 0), length)
                wanted[said] = made.points(int(value or 0))[said]
            now = dict(zip(project.scheme.names, project.landmarks(face).xy, strict=True))
            rows = [row for row, name in enumerate(made.SCHEME.names) if name in now]
            if not np.allclose([now[made.SCHEME.names[row]] for row in rows], wanted[rows], atol=1e-6):
                yield "lost", f"{face.image}: its points in the scheme of now"


def _other(scheme: Scheme, number: int) -> Scheme:
    if number % 4 < 2:
        return add_point(scheme, Point(f"new-{number}", 0.0, 0.2))
    return remove_points(scheme, [scheme.names[number % _JAW]])


def _there(value: int, length: int) -> np.ndarray:
    """Which points the face of a value had when it was annotated with so many points, as a mask."""
    there = np.ones(len(made.SCHEME), bool)
    if length < len(made.SCHEME):
        there[[value % _JAW, _JAW - 1 - value % _JAW]] = False
    return there


def _in(scheme: Scheme, value: int) -> np.ndarray:
    """The face of a value in another scheme; its added points have a value of their own."""
    places = dict(zip(made.SCHEME.names, made.points(value), strict=True))
    return np.array([places.get(name, (float(value), 0.0)) for name in scheme.names])


def _value(xy: np.ndarray) -> int | None:
    """The value of a face in any of these schemes: only points of the jaw, which come first, are ever
    taken away, and points are added at the end."""
    rest = slice(_JAW, None)
    missing = max(0, len(made.SCHEME) - len(xy))
    return made.value_of(xy[_JAW - missing : len(made.SCHEME) - missing], rest)


class Faces(Victim):
    """Faces are rejected and brought back, and others are added; what is known about them stays."""

    name, share = "faces", 50

    def prepare(self, home: Path) -> None:
        made.project(home, 0)

    def work(self, home: Path, number: int, line: Line) -> None:
        with Project.open(home / "work") as project:
            while True:
                number += 1
                face = Face(made.names()[number % made.FACES])
                if project.find(face).state is FaceState.REJECTED:
                    project.restore_face(face, f"ann {number}")
                else:
                    project.reject(face, f"ann {number}", "blurred")
                line.say(f"{face.image} 0 {number}")
                if number % 5 == 0:
                    other = project.add_face(face.image, Box(5, 5, 50 + number % 100, 60, "user"), "ann")
                    line.say(f"{other.image} {other.index} box")

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        people = {
            name: {one.author for one in project.store.events(project.find(Face(name)).id)}
            for name in made.names()
        }
        for line in said:
            name, index, what = line.split()
            known = project.store.find_face(name, int(index))
            if known is None or known.face.box is None:
                yield "lost", f"a face that was drawn: {line}"
            elif what != "box" and f"ann {what}" not in people[name]:
                yield "lost", line

    def consistent(self, home: Path, project: Project) -> Iterator[Problem]:
        for name in made.names():
            face = Face(name)
            if made.values(project, name) != [0] or made.value_of(project.landmarks(face).xy) != 0:
                yield "lost", f"{name}: its annotation"
            if project.find(face).state not in (FaceState.DONE, FaceState.REJECTED):
                yield "lost", f"{name}: its state is {project.find(face).state}"


class Photos(Victim):
    """Photos are renamed and added and found by a scan, and their folder is moved to another place
    and found by ``relocate``; every label stays with its photo's content."""

    name, share, rounds = "photos", 60, 15

    def prepare(self, home: Path) -> None:
        made.project(home, 0)
        with Project.open(home / "work") as project:
            for number, name in enumerate(made.names()):
                project.annotate(Face(name), made.points(number), author=AUTHOR)

    def work(self, home: Path, number: int, line: Line) -> None:
        with Project.open(home / "work") as project:
            project.relocate(_place(home), author=AUTHOR)
            while True:
                number += 1
                place = _place(home)
                if number % 3 == 0:
                    other = place.with_name(f"photos-{number}")
                    place.rename(other)
                    project.relocate(other, author=AUTHOR)
                    line.say(f"at {other.name}")
                    continue
                old = sorted(place.iterdir())[number % made.FACES]
                old.rename(place / f"{old.stem[:3]}-{number}.png")
                draft = place / f".{number}"
                picture = Image.new("RGB", (8, 8), (number % 256, number // 256, 200))
                picture.save(draft, "png")
                draft.rename(place / f"new-{number}.png")
                project.scan()
                line.say(f"new-{number}")

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        place = _place(home)
        report = project.relocate(place, author=AUTHOR)
        if report.missing or report.problems:
            yield "lost", f"photos: {report.missing} {report.problems}"
        found = set()
        for face in project.faces():
            values = made.values(project, face.image)
            with Image.open(place / face.image) as photo:
                found.add(photo.getpixel((0, 0))[0])
                if values[-1] != photo.getpixel((0, 0))[0]:
                    yield "lost", f"{face}: has the labels of another photo"
        if found != set(range(made.FACES)):
            yield "lost", f"faces: of {found}"
        known = {Path(image.path).stem[:20] for image in project.store.images(0, 10_000)}
        for line in said:
            if line.startswith("new") and line not in known:
                yield "lost", line


def _place(home: Path) -> Path:
    return next(path for path in home.iterdir() if path.name.startswith("photos"))


class Create(Victim):
    """Projects in the making: each is there and opens, or can be made again in the same folder."""

    name, share = "create", 50

    def prepare(self, home: Path) -> None:
        made.photos(home / "photos")

    def openable(self, home: Path) -> bool:
        return False

    def work(self, home: Path, number: int, line: Line) -> None:
        while True:
            number += 1
            Project.create(home / f"made-{number}", home / "photos", made.SCHEME).close()
            line.say(str(number))

    def before(self, home: Path, round_: Round) -> None:
        for folder in home.glob("made-*"):
            shutil.rmtree(folder)
        round_.said.clear()

    def judge(self, home: Path, project: Project | None, said: list[str]) -> Iterator[Problem]:
        for line in said:
            if not (home / f"made-{line}" / "labelkit.db").exists():
                yield "lost", f"project {line}"
        for folder in sorted(home.glob("made-*")):
            finished = folder.name.removeprefix("made-") in said
            if (folder / "labelkit.db").exists():
                opened = Project.open(folder)
            else:
                opened = Project.create(folder, home / "photos", made.SCHEME)
                finished = True
            with opened:
                yield from checks.consistent(opened)
                if finished and opened.store.count_images().total != made.FACES:
                    yield "lost", f"{folder.name}: has {opened.store.count_images().total} photos"
                opened.scan()
                if opened.store.count_images().total != made.FACES:
                    yield "lost", f"{folder.name}: a scan finds {opened.store.count_images().total} photos"
            yield from checks.whole_database(folder / "labelkit.db")


class Migrate(Victim):
    """A database of any older version is opened, hence copied and brought up to date, then annotated.
    The steps are all there or none, a copy is whole, and no revision is lost."""

    name, share, span = "migrate", 72, 0.08

    def prepare(self, home: Path) -> None:
        made.project(home, 0)
        with Project.open(home / "work") as project:
            for value in range(1, 25):
                for name in made.names():
                    project.annotate(Face(name), made.points(value), author=AUTHOR)
        for steps in range(1, len(MIGRATIONS)):
            _older(home / "work" / "labelkit.db", home / f"old-{steps}.db", steps)

    def before(self, home: Path, round_: Round) -> None:
        self._steps = round_.moment.randrange(1, len(MIGRATIONS))
        for path in (home / "work").glob("labelkit*.db*"):
            path.unlink()
        shutil.copyfile(home / f"old-{self._steps}.db", home / "work" / "labelkit.db")
        round_.said.clear()

    def work(self, home: Path, number: int, line: Line) -> None:
        with Project.open(home / "work") as project:
            line.say("opened")
            while True:
                number += 1
                name = made.names()[number % made.FACES]
                project.annotate(Face(name), made.points(number), author=AUTHOR)
                line.say(f"{name} {number}")

    def first_look(self, home: Path, said: list[str]) -> Iterator[Problem]:
        taken = _steps(home / "work" / "labelkit.db")
        if taken not in (len(MIGRATIONS), self._steps) or (said and taken != len(MIGRATIONS)):
            yield "unopenable", f"{taken} steps of migration were taken, from {self._steps}"
        copies = list((home / "work").glob("labelkit-*.backup.db"))
        if taken != self._steps and not copies:
            yield "lost", "the copy that is made before a migration"
        for copy in copies:
            yield from checks.whole_database(copy)
            if _steps(copy) != self._steps:
                yield "half_written", f"{copy.name}: has {_steps(copy)} steps"

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        stored = {name: made.values(project, name) for name in made.names()}
        for name, values in stored.items():
            if values[:25] != list(range(25)):
                yield "lost", f"{name}: has the revisions {values}"
        for line in said:
            name, _, value = line.partition(" ")
            if value and int(value) not in stored[name]:
                yield "lost", line


def _older(newest: Path, path: Path, steps: int) -> None:
    """The content of a database in the layout of its first steps."""
    path.touch()
    database = Database(path)
    database.mark_as_ours()
    create_tables(database, MIGRATIONS[:steps])
    database.close()
    # The triggers count the states themselves.
    own = ("migrations", "state_counts", "sqlite_sequence")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ATTACH ? AS newest", (str(newest),))
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for (table,) in connection.execute(query).fetchall():
            if table not in own:
                connection.execute(f"INSERT INTO {table} SELECT * FROM newest.{table}")
        connection.commit()


def _steps(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM migrations").fetchone()[0])
