"""Joins the editor's small ES modules into the one text that a host loads.

Sources lie in ``static/``: modules with named exports, imported by relative paths, without
dependencies. Both hosts want a single module, so `bundle` writes an entry module after everything
that it imports, each module once, and takes the import lines and the word ``export`` away; what
the entry exports stays exported. All modules then share one scope, hence two of them that declare
the same name at the top level are an error, found here and not in somebody's browser.

A style sheet is imported like a module, ``import editorStyles from "./editor.css";``, and becomes
a string constant. A widget puts it into a ``<style>`` element in its own root, which works in a
page and in a shadow root alike and needs nothing of the host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from labelkit.errors import InputError

#: Where the modules and style sheets of labelkit's own widgets lie.
STATIC = Path(__file__).parent / "static"

_IMPORT = re.compile(
    r'^import\s+(?:(?P<sheet>[\w$]+)|\{(?P<names>[^}]*)\})\s+from\s+"\./(?P<file>[\w.-]+)";\n', re.M
)
_DECLARED = re.compile(
    r"^(?P<export>export\s+)?(?:async\s+)?(?:function\*?|class|const|let)\s+(?P<name>[\w$]+)", re.M
)
_EXPORT = re.compile(r"^export\s+(?=(?:async\s+)?(?:function|class|const|let)\b)", re.M)
_UNREAD = re.compile(r"^(?:import\b|export\s*[{*]|(?:const|let|var)\s*[{\[]|var\b).*$", re.M)
_DEFAULT = re.compile(r"^export\s+default\b", re.M)


def bundle(entry: str, folder: Path = STATIC) -> str:
    """The ES module ``entry`` of ``folder`` with everything that it imports, as one text.

    Modules stand in the order in which they are first imported, what they import before them.
    Raises `InputError`, naming the module, for a file that is not there, an import or a
    declaration of another form than ours, a name that the imported module does not export, a
    circle of imports, and two modules that declare one name.
    """
    joined = _Joined(folder)
    joined.add(entry, ())
    return "\n".join([*joined.sheets.values(), *joined.texts.values()])


@dataclass
class _Joined:
    """What has been read so far; ``texts`` by file name in the order of the result."""

    folder: Path
    texts: dict[str, str] = field(default_factory=dict)
    sheets: dict[str, str] = field(default_factory=dict)
    exports: dict[str, set[str]] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise InputError(f"{name} imports itself: {' -> '.join([*above, name])}")
        if name in self.texts:
            return
        source = self._read(name)
        for line in _IMPORT.finditer(source):
            if line["sheet"]:
                self._add_sheet(line["sheet"], line["file"])
            else:
                self.add(line["file"], (*above, name))
                self._check_names(name, line["file"], line["names"])
        body = _IMPORT.sub("", source)
        self._check_form(name, body, inner=bool(above))
        self._declare(name, body)
        self.texts[name] = _EXPORT.sub("", body) if above else body

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{self.folder / name}: {error.strerror or error}") from error

    def _add_sheet(self, constant: str, file: str) -> None:
        text = f"const {constant} = {json.dumps(self._read(file))};\n"
        if constant in self.owner and self.sheets.get(constant) != text:
            raise InputError(f"{constant} is declared by {self.owner[constant]} and by {file}")
        self.owner[constant] = file
        self.sheets[constant] = text

    def _check_names(self, name: str, file: str, names: str) -> None:
        for wanted in (part.strip() for part in names.split(",")):
            if wanted and wanted not in self.exports[file]:
                raise InputError(f"{name} imports {wanted} of {file}, which does not export it")

    def _check_form(self, name: str, body: str, *, inner: bool) -> None:
        if unread := _UNREAD.search(body):
            raise InputError(f"{name}: the bundle cannot join {unread[0]!r}")
        if inner and _DEFAULT.search(body):
            raise InputError(f"{name} has a default export and is imported")

    def _declare(self, name: str, body: str) -> None:
        self.exports[name] = set()
        for declared, exported in _declarations(body):
            if declared in self.owner:
                raise InputError(f"{declared} is declared by {self.owner[declared]} and by {name}")
            self.owner[declared] = name
            if exported:
                self.exports[name].add(declared)


def _declarations(body: str) -> Iterator[tuple[str, bool]]:
    """What a module declares at the top level, and whether it exports it."""
    for match in _DECLARED.finditer(body):
        yield match["name"], match["export"] is not None
