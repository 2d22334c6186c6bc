"""Serving: what is refused before anything is served, and what is not worth a word."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import warnings
from pathlib import Path

import pytest
from bokeh.server.util import check_allowlist
from PIL import Image
from tornado.websocket import WebSocketClosedError

from labelkit.app import serve
from labelkit.app.guard import own_hosts, page_origins
from labelkit.app.server import without_closed_pages
from labelkit.errors import InputError
from labelkit.project import Project


def test_a_port_in_use_is_refused_and_nothing_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (30, 30)).save(tmp_path / "photos" / "a.png")
    Project.create(tmp_path / "work", tmp_path / "photos", "ibug68").close()
    with socket.create_server(("127.0.0.1", 0)) as taken, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} of 127.0.0.1 is in use"):
            serve(tmp_path / "work", port=port)
        gc.collect()
    assert [one for one in told if one.category is ResourceWarning] == []


def test_a_page_that_was_closed_is_no_fault_and_others_are(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(without_closed_pages)
    with caplog.at_level(logging.ERROR, "asyncio"):
        loop.call_exception_handler({"message": "never retrieved", "exception": WebSocketClosedError()})
        assert caplog.records == []
        loop.call_exception_handler({"message": "never retrieved", "exception": ValueError("a fault")})
        assert len(caplog.records) == 1
    loop.close()


@pytest.mark.parametrize(
    ("page", "let_in"),
    [
        ("127.0.0.1:5006", True),
        ("labels.example.org:5006", True),
        ("labels.example.org", True),  # what a browser says of http and https at their usual ports
        ("127.0.0.1", False),
        ("labels.example.org:8000", False),
        ("other.example.org", False),
    ],
)
def test_pages_behind_a_proxy_are_let_in_by_further_names(page: str, let_in: bool) -> None:
    names = ("Labels.example.org",)
    origins = page_origins(own_hosts("127.0.0.1", names), names, 5006)
    assert check_allowlist(page, origins) is let_in
