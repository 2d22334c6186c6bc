"""Changes to inputs that leave them near to what is meant: words of a text, values of JSON.

Each takes the input, a `random.Random` and ``other``, what else may be done to bytes (libFuzzer's own way),
and gives bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

Bytes = Callable[[bytes], bytes]

NUMBERS = (
    "0",
    "1",
    "-1",
    "2",
    "3",
    "19",
    "29",
    "68",
    "98",
    "106",
    "1e308",
    "-1e308",
    "1e-320",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "99999999999999999999",
    "9" * 400,
    "2147483648",
    "9223372036854775808",
    "0x10",
    "1_0",
    "٣",
    "-0.0",
    "1e5",
    "1.5",
    "NaN",
    "18446744073709551616",
    "1e155",
    "65536",
    "0.5",
    "-2",
)
NAMES = (
    "a.jpg",
    "b c.jpg",
    "sub/d.jpg",
    "../a.jpg",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a.jpg\\",
    "é.jpg",
    "a" * 300,
    "sub/../../secret.jpg",
    "\u202egpj.a",
    "<b>",
    "\x1b[31m",
    "'",
    '"',
    "a\u2028b",
    "\ud7ff",
    "ibug68",
    "wflw98",
    "file:///etc/passwd",
    "\x7f",
    "%s",
    "{0}",
    "\x00",
    "a.pts",
    "images.tsv",
    "\x85",
)

_WORD = re.compile(r"[^\s,;:=<>\"'{}\[\]()/]+|\s+|.", re.DOTALL)


def words(*more: str) -> Callable[[bytes, Random, Bytes], bytes]:
    """Changes to the words and lines of a text, to some of which ``more`` are added."""

    def change(data: bytes, random: Random, other: Bytes) -> bytes:
        if random.random() < 0.4:
            return other(data)
        text = data.decode("utf-8", "surrogateescape")
        for _ in range(random.choice((1, 1, 2, 4))):
            text = _lines(text, random) if random.random() < 0.3 else _words(text, random, more)
        return text.encode("utf-8", "surrogateescape")

    return change


def _words(text: str, random: Random, more: tuple[str, ...]) -> str:
    parts = _WORD.findall(text)
    if not parts:
        return random.choice((*NUMBERS, *NAMES, *more))
    at = random.randrange(len(parts))
    match random.randrange(6):
        case 0:
            del parts[at]
        case 1:
            parts.insert(at, parts[random.randrange(len(parts))])
        case 2:
            parts[at] = random.choice(NAMES)
        case 3 if more:
            parts[at] = random.choice(more)
        case 4:
            other = random.randrange(len(parts))
            parts[at], parts[other] = parts[other], parts[at]
        case _:
            parts[at] = random.choice(NUMBERS)
    return "".join(parts)


def _lines(text: str, random: Random) -> str:
    lines = text.split("\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[other])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            del lines[at:]
    return "\n".join(lines)


#: What stands where something else is expected.
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    67,
    68,
    0.5,
    -0.0,
    1e308,
    -1e308,
    1e155,
    1e-320,
    10**20,
    2**31,
    2**53,
    2**63,
    float("nan"),
    float("inf"),
    "",
    "a",
    "0",
    "1",
    "é",
    "\ud800",
    "\x00",
    "\x1b[2J",
    "a\nb",
    "<script>",
    "x" * 3000,
    [],
    {},
    [[]],
    [None],
    [1, 2],
    [0.0, 1.0],
    ["a"],
    {"a": 1},
    {"": None},
    "ibug68",
    "a.jpg",
    "../../x",
)


def tree(value: Any, random: Random, more: tuple[Any, ...] = ()) -> Any:
    """A JSON value with one thing changed somewhere in it."""
    places = list(_places(value))
    if not places or random.random() < 0.02:
        return deepcopy(random.choice((*VALUES, *more)))
    holder, key = random.choice(places)
    match random.randrange(7):
        case 0:
            del holder[key]
        case 1:
            elsewhere, name = random.choice(places)
            holder[key] = deepcopy(elsewhere[name])
        case 2 if isinstance(holder, list):
            holder.insert(key, deepcopy(holder[key]))
        case 3:
            holder[key] = [holder[key]] if random.random() < 0.5 else {"a": holder[key]}
        case 4 if more:
            holder[key] = deepcopy(random.choice(more))
        case 5 if isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
            holder[key] = random.choice((-holder[key], holder[key] + 1, holder[key] * 1e6, str(holder[key])))
        case _:
            holder[key] = deepcopy(random.choice(VALUES))
    return value


def _places(value: Any) -> Any:
    """Every (holder, key) of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def json_values(*more: Any) -> Callable[[bytes, Random, Bytes], bytes]:
    """Changes to the values of a JSON text."""

    def change(data: bytes, random: Random, other: Bytes) -> bytes:
        if random.random() < 0.25:
            return other(data)
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return other(data)
        for _ in range(random.choice((1, 1, 2, 3))):
            value = tree(value, random, more)
        return json.dumps(value).encode()

    return change
