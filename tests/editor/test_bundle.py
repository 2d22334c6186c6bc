from __future__ import annotations

from pathlib import Path

import pytest

from labelkit.editor.bundle import STATIC, bundle
from labelkit.errors import InputError


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_css", ".css").replace("_js", ".js")).write_text(text)
    return folder


def test_what_is_imported_stands_first_and_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_js='import { b } from "./b.js";\nimport { c } from "./c.js";\n\nexport const a = b + c;\n',
        b_js='import { c } from "./c.js";\n\nexport const b = c;\n',
        c_js="export const c = 1;\n",
    )
    assert bundle("a.js", tmp_path) == "const c = 1;\n\n\nconst b = c;\n\n\nexport const a = b + c;\n"


def test_imports_over_several_lines_are_joined(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_js='import {\n  b,\n  c,\n} from "./b.js";\nexport default { b, c };\n',
        b_js="export function b() {}\nexport class c {}\n",
    )
    assert bundle("a.js", tmp_path) == "function b() {}\nclass c {}\n\nexport default { b, c };\n"


def test_a_style_sheet_becomes_a_constant(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_js='import look from "./a.css";\nimport { b } from "./b.js";\nexport const a = [look, b];\n',
        b_js='import look from "./a.css";\nexport const b = look;\n',
        a_css='.x::after { content: "\\201c"; }\n',
    )
    text = bundle("a.js", tmp_path)
    assert text.count("const look = ") == 1
    assert r'const look = ".x::after { content: \"\\201c\"; }\n";' in text


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"a_js": 'import { b } from "./b.js";\n', "b_js": "const b = 1;\n"}, "a.js imports b of b.js"),
        (
            {"a_js": 'import { b } from "./b.js";\nconst x = 1;\n', "b_js": "export const b = 1;\nlet x;\n"},
            "x is declared by b.js and by a.js",
        ),
        ({"a_js": 'import { b } from "./b.js";\n'}, "b.js: No such file"),
        (
            {
                "a_js": 'import { b } from "./b.js";\nexport const a = 1;\n',
                "b_js": 'import { a } from "./a.js";\n',
            },
            "a.js imports itself: a.js -> b.js -> a.js",
        ),
        ({"a_js": 'import * as b from "./b.js";\n'}, "cannot join"),
        ({"a_js": 'import { b as c } from "./b.js";\n', "b_js": "export const b = 1;\n"}, "b as c"),
        ({"a_js": "const { b } = {};\n"}, "cannot join"),
        ({"a_js": 'import { b } from "./b.js";\n', "b_js": "export default 1;\n"}, "default export"),
    ],
)
def test_what_cannot_be_joined_is_named(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        bundle("a.js", write(tmp_path, **files))
    assert problem in str(caught.value)


def test_the_editor_itself_holds_together() -> None:
    text = bundle("core.js")
    assert "export function createEditor" in text
    assert "\nimport " not in text


def test_no_module_names_another_host() -> None:
    for path in STATIC.glob("*.*"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text, path
        assert "https:" not in text, path
