from __future__ import annotations

import json
from pathlib import Path

import pytest

from labelkit.app.discreet import Discreet

HIDDEN = Discreet(
    {Path("/srv/data/work"): "project", Path("/srv/data/work/phötos"): "photos", Path("/home/ann"): "~"}
)


@pytest.mark.parametrize(
    ("told", "heard"),
    [
        ("/srv/data/work/labelkit.db: is damaged", "project/labelkit.db: is damaged"),
        ("'/srv/data/work/phötos/a.png'", "'photos/a.png'"),
        (json.dumps("/srv/data/work/phötos/a.png"), '"photos/a.png"'),
        ("in /srv/data/work, and /home/ann/x", "in project, and ~/x"),
        (
            "/srv/data/workshop /old/srv/data/work /home/anna",
            "/srv/data/workshop /old/srv/data/work /home/anna",
        ),
        ("a plain sentence", "a plain sentence"),
    ],
)
def test_folders_are_named_by_what_they_are(told: str, heard: str) -> None:
    assert HIDDEN(told) == heard


def test_the_whole_disk_is_no_place_to_hide() -> None:
    assert Discreet({Path("/"): "project"})("/etc and /srv") == "/etc and /srv"
    assert Discreet({})("/srv/data") == "/srv/data"
