"""``labelkit.toml``: what a project is called, where its photos are, and what labellers may say.

The file is small, and people edit it: it is read strictly, so that a slip of the pen is named
instead of being passed over, and written as a whole.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelkit.atomic import write_text
from labelkit.errors import InputError

FILE = "labelkit.toml"

#: What this version of labelkit reads and writes.
VERSION = 1

#: What a labeller may say about a face, unless the project says otherwise: those of WFLW.
ATTRIBUTES = ("pose", "expression", "illumination", "make_up", "occlusion", "blur")

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Settings:
    """A project's choices.

    ``images`` is the image root as it stands in the file: absolute, or relative to the project's
    folder; `image_root` resolves it. ``model`` is what `prelabel` takes unless it is told
    otherwise, ``attributes`` what is offered to labellers as flags of a face. Raises `InputError`
    when a value cannot be meant.
    """

    name: str
    images: str
    model: str = "base"
    attributes: tuple[str, ...] = ATTRIBUTES

    def __post_init__(self) -> None:
        for key in ("name", "images", "model"):
            if not isinstance(getattr(self, key), str) or not getattr(self, key).strip():
                raise InputError(f"{key!r} must be a text that is not empty")
        object.__setattr__(self, "attributes", _checked_attributes(self.attributes))

    def image_root(self, folder: Path) -> Path:
        """The image root of the project in ``folder``, absolute; nothing is looked up on the disk."""
        return Path(os.path.normpath(folder.absolute() / self.images))


def read_settings(folder: Path) -> Settings:
    """The settings of the project in ``folder``; raises `InputError` in one line that names the file."""
    path = folder / FILE
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        return _settings(data)
    except FileNotFoundError:
        raise InputError(
            f"{folder}: is no labelkit project ({FILE} is missing); make one with labelkit new"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: is not TOML ({error})") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def write_settings(folder: Path, settings: Settings) -> None:
    """Write ``labelkit.toml``, as a whole or not at all; raises `InputError` for what it cannot hold."""
    attributes = ", ".join(_quoted(name) for name in settings.attributes)
    lines = (
        "# A labelkit project. You may edit this file; the labels themselves are in labelkit.db.",
        f"version = {VERSION}",
        f"name = {_quoted(settings.name)}",
        "# Where the photos are, relative to this folder unless absolute. After a move: labelkit relocate.",
        f"images = {_quoted(settings.images)}",
        "# What labelkit prelabel takes: a model's name or file.",
        f"model = {_quoted(settings.model)}",
        "# What labellers may tick for a face.",
        f"attributes = [{attributes}]",
    )
    write_text(folder / FILE, "\n".join(lines) + "\n")


def images_setting(folder: Path, images: Path) -> str:
    """How to name the image root in the file: relative where project and photos lie together, so
    that they can be moved as one, else absolute."""
    root, home = images.absolute(), folder.absolute()
    near = root.is_relative_to(home.parent) and home.parent != Path(home.anchor)
    return Path(os.path.relpath(root, home)).as_posix() if near else str(root)


def _settings(data: dict[str, Any]) -> Settings:
    version = data.pop("version", None)
    if version != VERSION or isinstance(version, bool):
        raise InputError(f"'version' is {version!r}; this labelkit reads version {VERSION}")
    known = ("name", "images", "model", "attributes")
    unknown = [key for key in data if key not in known]
    if unknown:
        raise InputError(f"{unknown[0]!r} is no setting; there are version, {', '.join(known)}")
    missing = [key for key in ("name", "images") if key not in data]
    if missing:
        raise InputError(f"the setting {missing[0]!r} is missing")
    return Settings(**data)


def _checked_attributes(names: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(names, (list, tuple)):
        raise InputError("'attributes' must be a list of names")
    for number, name in enumerate(names):
        if not isinstance(name, str) or not _ATTRIBUTE.fullmatch(name):
            raise InputError(f"'attributes' has {name!r}: letters, digits, '.', '_' and '-' make a name")
        if name in names[:number]:
            raise InputError(f"'attributes' has {name!r} twice")
    return tuple(names)


def _quoted(text: str) -> str:
    """A TOML string. JSON's are the same, but for the delete sign and halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{text!r}: the name is not Unicode, and {FILE} is") from error
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
