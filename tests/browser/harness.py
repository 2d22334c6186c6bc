"""A page with the editor alone, a made face and a made photo, served from memory: no host, no
network. Used by the browser tests and by benchmarks/editor_drag.py."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from labelkit.editor.bundle import bundle
from labelkit.geometry import Array, Similarity
from labelkit.scheme import Scheme, load_scheme

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>editor</title>
<link rel="icon" href="data:,">
<style>html, body { margin: 0; height: 100%; } #host { height: 100vh; }</style>
<div id="host"></div>
<script type="module">
  import { createEditor } from "/bundle/core.js";
  const options = new URLSearchParams(location.search);
  let root = document.getElementById("host");
  if (options.has("shadow")) {
    const inner = document.createElement("div");
    inner.style.height = "100%";
    root.attachShadow({ mode: "open" }).append(inner);
    root = inner;
  }
  window.root = root;
  window.edits = [];
  window.commands = [];
  window.photoOf = async (face) => (await fetch("/photo/" + face.image.path)).arrayBuffer();
  window.editor = createEditor(root, {
    onEdit: (entry) => window.edits.push(entry),
    onCommand: (command) => window.commands.push(command),
    settings: JSON.parse(options.get("settings") ?? "{}"),
  });
  const faces = await (await fetch("/faces.json")).json();
  window.faces = faces;
  for (const face of faces.slice(1)) window.editor.preload(face, await window.photoOf(face));
  await window.editor.load(faces[0], await window.photoOf(faces[0]));
</script>
</html>
"""


BLANK = '<!doctype html><title>blank</title><link rel="icon" href="data:,">'


@dataclass
class Harness:
    """What the page is given: faces as in the contract of the editor, and photos by their path."""

    faces: list[dict[str, Any]] = field(default_factory=list)
    photos: dict[str, bytes] = field(default_factory=dict)
    url: str = ""

    def add(self, face: dict[str, Any], photo: bytes) -> None:
        if self.faces:
            face["previous"] = self.faces[-1]["key"]
            self.faces[-1]["next"] = face["key"]
        self.faces.append(face)
        self.photos[face["image"]["path"]] = photo
        for number, one in enumerate(self.faces, 1):
            one["position"] = {"number": number, "total": len(self.faces)}

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """Content type and content of a path, None where there is nothing."""
        if path == "/":
            return "text/html; charset=utf-8", PAGE.encode()
        if path == "/blank":
            return "text/html; charset=utf-8", BLANK.encode()
        if path == "/faces.json":
            return "application/json", json.dumps(self.faces).encode()
        if path.startswith("/bundle/"):
            return "text/javascript; charset=utf-8", bundle(path.removeprefix("/bundle/")).encode()
        photo = self.photos.get(path.removeprefix("/photo/"))
        return None if photo is None else ("application/octet-stream", photo)


@contextmanager
def serving(harness: Harness) -> Iterator[Harness]:
    """Serve ``harness`` on a free local port; its ``url`` is set meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = harness.answer(self.path.partition("?")[0])
            self.send_response(404 if answer is None else 200)
            kind, content = answer or ("text/plain", b"")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    harness.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield harness
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def made_face(
    key: str = "a.png#0",
    *,
    scheme: Scheme | str = "ibug68",
    size: tuple[int, int] = (900, 700),
    seed: int = 0,
) -> tuple[dict[str, Any], bytes]:
    """A face whose points are the plane's under a similarity, with made covariances, and a picture
    of it: (payload, PNG)."""
    scheme = load_scheme(scheme) if isinstance(scheme, str) else scheme
    rng = np.random.default_rng(seed)
    scale = 0.3 * min(size)
    turn = Similarity(scale * np.cos(0.06), scale * np.sin(0.06), size[0] / 2, size[1] / 2)
    xy = turn(scheme.plane)
    path = key.partition("#")[0]
    return payload(scheme, xy, key, path, size, covariances(rng, len(scheme))), picture(size, xy)


def covariances(rng: np.random.Generator, count: int) -> list[list[float]]:
    """Made spreads, [xx, xy, yy] in px^2."""
    result = []
    for _ in range(count):
        major, angle = rng.uniform(2, 9), rng.uniform(0, np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        cov = turn @ np.diag([major**2, (major * rng.uniform(0.3, 0.9)) ** 2]) @ turn.T
        result.append([round(float(v), 3) for v in (cov[0, 0], cov[0, 1], cov[1, 1])])
    return result


def payload(
    scheme: Scheme,
    xy: Array,
    key: str,
    path: str,
    size: tuple[int, int],
    cov: list[list[float]] | None = None,
) -> dict[str, Any]:
    """A face as Python sends it to the editor, all its points predicted."""
    places = [[float(x), float(y)] for x, y in xy]
    low, high = np.min(xy, axis=0), np.max(xy, axis=0)
    return {
        "key": key,
        "image": {"path": path, "width": size[0], "height": size[1]},
        "index": 0,
        "scheme": {
            "name": scheme.name,
            "points": [
                {"name": p.name, "group": p.group, "definition": p.definition, "x": p.x, "y": p.y}
                for p in scheme.points
            ],
            "mirror": [list(pair) for pair in scheme.mirror],
            "curves": [{"name": c.name, "points": list(c.points), "closed": c.closed} for c in scheme.curves],
        },
        "xy": places,
        "state": [0] * len(places),
        "visibility": [0] * len(places),
        "predicted": places,
        "cov": cov,
        "box": [float(low[0]), float(low[1]), float(high[0]), float(high[1])],
        "face_state": "predicted",
        "reason": "",
        "note": "",
        "attributes": {},
        "comments": [],
        "others": [],
        "elastic": None,
        "revision": 0,
        "done": [],
        "undone": [],
        "next": None,
        "previous": None,
    }


def picture(size: tuple[int, int], xy: Array) -> bytes:
    """A grey gradient with a lighter oval under the points, as a PNG."""
    ramp = np.linspace(40, 120, size[0])[None, :] + np.linspace(0, 60, size[1])[:, None]
    image = Image.fromarray(np.repeat(ramp[:, :, None], 3, axis=2).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    (x0, y0), (x1, y1) = np.min(xy, axis=0), np.max(xy, axis=0)
    draw.ellipse((x0 - 10, y0 - 40, x1 + 10, y1 + 10), fill=(198, 160, 138))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
