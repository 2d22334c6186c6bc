"""The studio as Python code sees it: in a notebook, in a Panel page, over a project or alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelkit.atomic import write_text
from labelkit.errors import InputError
from labelkit.images import RGBImage, find_images
from labelkit.models.registry import load_model
from labelkit.scheme import Scheme, builtin_schemes, load_scheme
from labelkit.studio.faces import ROW, Example, ExampleRow, found_faces, portraits, project_faces

if TYPE_CHECKING:
    from labelkit.editor.studio import Plan, Save, StudioSession
    from labelkit.editor.studio_jupyter import StudioWidget
    from labelkit.editor.studio_panel import StudioPane
    from labelkit.models.predictor import LandmarkModel
    from labelkit.project import Project

Photos = str | Path | Iterable[str | Path | RGBImage]


class SchemeStudio:
    """Draws a landmark scheme on the plane while example faces show where its points land.

        studio = lk.SchemeStudio("ibug68", "photos/")    # shows itself as a notebook cell's result
        studio.scheme                                    # what is drawn, as a Scheme
        studio.write("mine.json")

    ``scheme`` is what to begin with, a built-in name, a file or a `Scheme`; None takes the
    project's, else ``ibug68``. ``photos`` (a folder, files, or RGB uint8 arrays (H, W, 3)) give the
    example faces, else the project's photos do; a row that they do not fill is filled with two
    portraits in the public domain and changes of what is there. ``model`` is a name, a file or a
    loaded model, which needs anchored attention to be quick. ``examples`` is a row of faces that
    several studios share.

    With a ``project`` its scheme is what is saved: the page first shows what the change means
    for annotations. ``plan`` (scheme, old names to new) -> lines and ``save`` (the same) -> sentence
    replace that, or give it to a studio without a project.
    """

    def __init__(
        self,
        scheme: str | Path | Scheme | None = None,
        photos: Photos | None = None,
        *,
        project: Project | None = None,
        author: str = "",
        model: str | Path | LandmarkModel = "base",
        device: str = "auto",
        faces: int = ROW,
        examples: ExampleRow | None = None,
        plan: Plan | None = None,
        save: Save | None = None,
    ) -> None:
        if faces < 1:
            raise InputError(f"a row of {faces} example faces shows nothing: at least 1 is needed")
        given = scheme if scheme is not None or project is None else project.scheme
        self._begin = load_scheme("ibug68" if given is None else given)
        if project is not None and author:
            plan = plan or partial(change_lines, project)
            save = save or partial(change_scheme, project, author)
        self._plan, self._save = plan, save
        self.examples = examples or example_row(photos, project, model=model, device=device, faces=faces)
        self._sessions: list[StudioSession] = []

    @property
    def scheme(self) -> Scheme:
        """The newest drawing without a problem, of the view that was opened last."""
        return self._sessions[-1].scheme if self._sessions else self._begin

    def write(self, path: str | Path) -> None:
        """Write what is drawn as a scheme file."""
        write_text(path, self.scheme.to_json())

    @cached_property
    def widget(self) -> StudioWidget:
        """The studio as a Jupyter widget."""
        from labelkit.editor.studio_jupyter import StudioWidget

        widget = StudioWidget(self.scheme, self.examples, **self._options())
        self._sessions.append(widget.session)
        return widget

    def panel(self, **params: Any) -> StudioPane:
        """A new view of the studio for a Panel page, one for each page; ``params`` are Panel's own."""
        from labelkit.editor.studio_panel import StudioPane

        pane = StudioPane(self.scheme, self.examples, **self._options(), **params)
        self._sessions.append(pane.session)
        return pane

    def __panel__(self) -> StudioPane:
        return self.panel()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def _options(self) -> dict[str, Any]:
        return {"ghosts": _ghosts(), "plan": self._plan, "save": self._save}


def example_row(
    photos: Photos | None = None,
    project: Project | None = None,
    *,
    model: str | Path | LandmarkModel = "base",
    device: str = "auto",
    faces: int = ROW,
) -> ExampleRow:
    """The example faces of a studio; nothing is loaded before they are looked at.

    To be made once and given to every `SchemeStudio` over the same photos, which then open at once.
    """

    def loaded() -> LandmarkModel:
        return load_model(model, device) if isinstance(model, str | Path) else model

    return ExampleRow(loaded, lambda: _examples(photos, project), faces)


def change_lines(project: Project, scheme: Scheme, renamed: Mapping[str, str]) -> list[str]:
    """What it would mean for the project to go on with this scheme, in lines."""
    change = project.plan_scheme_change(scheme, renamed)
    if change.old == change.new:
        return []
    lines = change.describe()
    done = sum(1 for state in ("done", "reviewed") for _ in project.faces(state))
    if change.added and done:
        lines.append(f"{done} finished face{'s' * (done != 1)} will wait for the new points")
    return [*lines, "no annotation is lost, and the change can be taken back"]


def change_scheme(project: Project, author: str, scheme: Scheme, renamed: Mapping[str, str]) -> str:
    """Make it the project's scheme; returns a sentence about it."""
    change = project.plan_scheme_change(scheme, renamed)
    if change.old == change.new:
        return "nothing has changed since the scheme was saved"
    switch = project.change_scheme(change, author)
    faces = "1 face waits" if switch.waiting == 1 else f"{switch.waiting} faces wait"
    waiting = f"; {faces} for the new points" if switch.waiting else ""
    return f"saved as revision {switch.revision.revision} of the project's scheme{waiting}"


def _examples(photos: Photos | None, project: Project | None) -> Iterator[Example]:
    """The given photos' faces, else the project's, else the portraits."""
    found = False
    if photos is not None:
        files = find_images(photos) if isinstance(photos, str | Path) and Path(photos).is_dir() else photos
        some = [files] if isinstance(files, str | Path) else files
        sources = found_faces(some)
    else:
        sources = project_faces(project) if project is not None else iter(())
    for example in sources:
        found = True
        yield example
    if not found:
        yield from portraits()


@lru_cache(maxsize=1)
def _ghosts() -> tuple[Scheme, ...]:
    return tuple(load_scheme(name) for name in builtin_schemes())
