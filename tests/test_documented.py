"""Whatever a user can call is documented: docstrings, help texts, examples, and pages in docs/."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import labelkit
from labelkit.formats import FORMATS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MODULES = sorted((ROOT / "labelkit").rglob("*.py"))

#: Not for users: what they are made of may change without a word.
INTERNAL = {
    "app",
    "atomic",
    "cli",
    "demo",
    "doctor",
    "drafts",
    "editor",
    "nn",
    "prelabel",
    "store",
}


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    """Every command by its words, as the page of commands finds them."""
    sys.path.insert(0, str(DOCS / "making"))
    try:
        return import_module("commands_page").commands()
    finally:
        sys.path.pop(0)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def undocumented(body: list[ast.stmt], deep: bool, prefix: str = "") -> Iterator[str]:
    """Public functions and classes without a docstring; ``deep`` looks at methods too."""
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield f"{prefix}{node.name}"
        if deep and isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, deep, f"{prefix}{node.name}.")


def api() -> set[str]:
    """What the pages about Python document: dotted names of modules and of what is in them."""
    pages = sorted(DOCS.glob("api/*.md"))
    return {name for page in pages for name in re.findall(r"^::: (\S+)", page.read_text("utf-8"), re.M)}


def home(name: str) -> tuple[Path, str]:
    """The file in which a name of an API page is defined, and the name there; "" for a module."""
    try:
        module = import_module(name)
    except ModuleNotFoundError:
        parent, _, last = name.rpartition(".")
        found = getattr(import_module(parent), last)
        return Path(sys.modules[found.__module__].__file__ or ""), found.__name__
    return Path(module.__file__ or ""), ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_and_what_it_makes_public_has_a_docstring(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module)
    assert list(undocumented(module.body, deep=False)) == []


@pytest.mark.parametrize("name", sorted(api()))
def test_what_the_pages_about_python_name_is_documented_down_to_its_methods(name: str) -> None:
    path, inside = home(name)
    module = tree(path)
    body = [node for node in module.body if not inside or getattr(node, "name", "") == inside]
    assert body
    assert list(undocumented(body, deep=True)) == []


def test_every_public_name_is_on_a_page_about_python() -> None:
    pages = api()
    missing = [
        name
        for name, where in labelkit._HOMES.items()
        if not {f"labelkit.{where}", f"labelkit.{where}.{name}"} & pages
    ]
    assert missing == []
    index = (DOCS / "api" / "index.md").read_text("utf-8")
    assert [name for name in labelkit.__all__ if f"`{name}`" not in index] == []


def test_every_part_of_the_package_is_on_a_page_or_said_to_be_internal() -> None:
    inside = (ROOT / "labelkit").iterdir()
    parts = {path.stem for path in inside if path.suffix == ".py" or (path / "__init__.py").is_file()}
    parts.remove("__init__")
    documented = {name.split(".")[1] for name in api()}
    assert documented | INTERNAL == parts
    # The store is for labelkit; of its values a project's calls return a few.
    assert documented & INTERNAL == {"store"}


def test_every_public_name_of_a_documented_package_is_on_a_page() -> None:
    pages = api()
    for package in ("scheme", "dataset", "detect", "formats", "project", "quality", "studio"):
        module = import_module(f"labelkit.{package}")
        for name in module.__all__:
            value = getattr(module, name)
            if not callable(value):
                continue  # constants are explained where they stand
            where = value.__module__
            assert {f"labelkit.{package}.{name}", f"{where}.{name}", where} & pages, name


def test_every_command_says_what_it_does_and_shows_an_example(commands: dict[str, Any]) -> None:
    assert len(commands) > 20
    for words, command in commands.items():
        assert command.help, words
        assert (command.epilog or "").startswith(f"Example: labelkit {words}"), words


def test_every_option_and_argument_has_a_help_text(commands: dict[str, Any]) -> None:
    bare = [
        f"{words} {param.name}"
        for words, command in commands.items()
        for param in command.params
        if not param.help
    ]
    assert bare == []


def test_every_example_can_be_typed(commands: dict[str, Any]) -> None:
    """Its options and the number of its arguments are those that the command takes."""
    for words, command in commands.items():
        line = shlex.split(command.epilog.removeprefix("Example: "))
        rest = line[1 + len(words.split()) :]
        context = command.context_class(command, info_name=words)
        command.parse_args(context, rest)
        assert not context.args, words


def test_every_command_is_used_on_a_page_that_somebody_wrote(commands: dict[str, Any]) -> None:
    pages = [DOCS / "index.md", *DOCS.glob("tutorials/*.md"), *DOCS.glob("guide/*.md")]
    pages += DOCS.glob("extend/*.md")
    text = " ".join(" ".join(page.read_text("utf-8").split()) for page in pages)
    assert [words for words in commands if f"labelkit {words}" not in text] == []


def test_commands_on_pages_are_commands_and_take_these_options(commands: dict[str, Any]) -> None:
    """What a reader copies from README and docs/ is not refused for a word that is no longer there."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
    lines = [(page.relative_to(ROOT), line) for page in pages for line in _shell_lines(page)]
    assert len(lines) > 60
    problems = [(where, line, _wrong(line, commands)) for where, line in lines]
    assert [problem for problem in problems if problem[2]] == []


def _shell_lines(page: Path) -> Iterator[str]:
    """What stands after ``labelkit`` in a page's blocks of shell commands."""
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        yield from re.findall(r"^(?:\w+=\S+ )*labelkit (.+)", block.replace("\\\n", " "), re.M)


def _wrong(line: str, commands: dict[str, Any]) -> str:
    words = shlex.split(line.partition("  #")[0])
    name = next((known for known in (" ".join(words[:2]), words[0]) if known in commands), None)
    if name is None:
        return "is no command"
    known = {option for param in commands[name].params for option in (*param.opts, *param.secondary_opts)}
    given = [word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)]
    return ", ".join(option for option in given if option not in {*known, "--help"})


def test_python_on_pages_can_be_read_and_names_what_there_is() -> None:
    pages = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    blocks = [
        (page.relative_to(ROOT), block)
        for page in pages
        for block in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    ]
    assert len(blocks) > 10
    wrong = [(page, name) for page, block in blocks for name in _unknown_names(block)]
    assert wrong == []


def _unknown_names(block: str) -> Iterator[str]:
    """What a piece of Python takes of labelkit or of a project that is not there."""
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("labelkit"):
            module = import_module(node.module or "")
            for alias in node.names:
                if not hasattr(module, alias.name):
                    try:
                        import_module(f"{node.module}.{alias.name}")
                    except ModuleNotFoundError:
                        yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = {"lk": labelkit, "project": labelkit.Project}.get(node.value.id)
            if owner is not None and not hasattr(owner, node.attr):
                yield f"{node.value.id}.{node.attr}"


def test_every_format_has_a_module_that_describes_it() -> None:
    for name, entry in FORMATS.items():
        text = import_module(entry.read.__module__).__doc__ or ""
        assert "based" in text or name in ("csv", "parquet"), f"{name}: which pixel is the first?"
        assert "cannot hold" in text or name in ("csv", "parquet"), f"{name}: what is lost?"
