"""The XML of dlib's imglab, before it is faces: see `labelkit.formats.dlib` for its layout.

A file is read as it comes in, so that only its boxes are held. Files with a document type are
refused, since what that declares could fill any memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from labelkit.errors import FormatError
from labelkit.formats.plaintext import brief
from labelkit.formats.reading import FacesRead


@dataclass
class ImglabBox:
    """A box as it stands in the file: its line, its photo's name, its XML attributes, label and parts."""

    line: int
    image: str | None
    given: Mapping[str, str]
    label: str = ""
    parts: dict[str, tuple[str, str]] = field(default_factory=dict)
    problem: str = ""

    def add_part(self, given: Mapping[str, str]) -> None:
        missing = [key for key in ("name", "x", "y") if key not in given]
        if missing:
            self.problem = self.problem or f"has a part without {missing[0]}"
        elif given["name"] in self.parts:
            self.problem = self.problem or f"has the part {brief(given['name'])} twice"
        else:
            self.parts[given["name"]] = (given["x"], given["y"])


class ImglabFile:
    """The boxes of a file, in its order, and the name that it gives itself."""

    def __init__(self, path: Path, faces: FacesRead) -> None:
        self.boxes: list[ImglabBox] = []
        self.name = ""
        self._path = path
        self._open: list[str] = []
        self._image: str | None = None
        self._box: ImglabBox | None = None
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        self._parse(faces)

    def _parse(self, faces: FacesRead) -> None:
        if self._path.is_dir():
            raise FormatError(self._path, "is a folder, not a file")
        try:
            with self._path.open("rb") as file:
                self._parser.ParseFile(file)
        except FormatError:
            raise
        except OSError as error:
            raise FormatError(self._path, f"cannot be read ({error.strerror})") from error
        except (expat.ExpatError, ValueError, LookupError) as error:
            broken = self._problem(f"is no XML from here on ({_in_one_line(error)}); is it cut off?")
            if not self.boxes:
                raise broken from error
            faces.leave_out(broken)

    def _problem(self, problem: str) -> FormatError:
        return FormatError(self._path, problem, self._parser.CurrentLineNumber)

    def _refuse(self, *_: object) -> None:
        raise self._problem("has a document type, which imglab files do not have")

    def _start(self, tag: str, given: dict[str, str]) -> None:
        if not self._open and tag != "dataset":
            raise self._problem(f"is no imglab file: it holds <{tag[:40]}>, not <dataset>")
        if tag == "image":
            self._image = given.get("file")
        elif tag == "box":
            self._box = ImglabBox(self._parser.CurrentLineNumber, self._image, given)
        elif tag == "part" and self._box is not None and self._open[-1] == "box":
            self._box.add_part(given)
        self._open.append(tag)

    def _end(self, tag: str) -> None:
        self._open.pop()
        if tag == "image":
            self._image = None
        elif tag == "box" and self._box is not None:
            self.boxes.append(self._box)
            self._box = None

    def _text(self, text: str) -> None:
        if self._open == ["dataset", "name"]:
            self.name += text.strip()
        elif self._box is not None and self._open[-2:] == ["box", "label"]:
            self._box.label += text


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
