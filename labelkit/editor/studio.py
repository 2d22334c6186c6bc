"""The scheme studio's Python side: values in, values out, for whatever host shows it.

The browser (``static/studio.js``) holds the scheme that is being drawn, and speaks with this
through values that both sides set, never through single messages, so that it does not matter which
of them a host leaves out:

===========  =========  ==============================================================================
value        direction  content
===========  =========  ==============================================================================
``setup``    to page    JSON: the scheme, the ghosts, what can be done
``gallery``  to page    bytes (`pack_gallery`): example faces and backdrops, once they are ready
``answer``   to page    bytes (`pack_answer`): where the points of a query are on every example face
``checked``  to page    JSON: ``{"seq", "problem"}``, what is wrong with a draft
``heat``     to page    JSON: the ambiguity map or how far it is
``replies``  to page    JSON: the newest replies to requests, ``[{"id", ...}]``
``query``    to Python  JSON: ``{"seq", "plane": [[x, y], ...]}``
``draft``    to Python  JSON: ``{"seq", "scheme", "renamed"}``
``requests`` to Python  JSON: ``[{"id", "name", ...}]``, every request that is not answered yet
===========  =========  ==============================================================================

Whatever comes from the browser is checked here. Questions about faces are worked on in a thread,
the newest first and the stale never (`latest`), so that no host's event loop waits for a network.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from labelkit.editor.latest import Latest, worker
from labelkit.errors import InputError, LabelkitError
from labelkit.geometry import Array
from labelkit.scheme import Scheme, scheme_from_dict
from labelkit.scheme.scheme import FARTHEST
from labelkit.scheme.symmetry import make_symmetric, mirror_half

_log = logging.getLogger("labelkit")

#: More points than any scheme has are refused: the browser may be anybody's.
MOST_POINTS = 3000

#: Characters of one value from the browser.
LONGEST = 4_000_000

#: Replies that stay readable, so that none is lost where a host shows only the newest value.
REPLIES = 20

Plan = Callable[[Scheme, Mapping[str, str]], Sequence[str]]
Save = Callable[[Scheme, Mapping[str, str]], str | None]
Send = Callable[[str, str | bytes], None]


@dataclass(frozen=True)
class Picture:
    """An encoded picture (JPEG) and what it is called."""

    label: str
    data: bytes


@dataclass(frozen=True)
class Gallery:
    """``faces``: square pictures of the example faces. ``backdrops``: the faces warped to the
    plane, square, the first one shown at first; they reach from -``reach`` to ``reach``."""

    faces: tuple[Picture, ...]
    backdrops: tuple[Picture, ...]
    reach: float


class HeatMap(Protocol):
    """How much plane points wander: ``wander`` (rows, columns), a share of IOD, between ``edges``
    x0, y0, x1, y1 on the plane."""

    @property
    def wander(self) -> Array: ...

    @property
    def edges(self) -> tuple[float, float, float, float]: ...


class Examples(Protocol):
    """The faces beside the plane. Every call may take its time and comes from a thread."""

    def gallery(self) -> Gallery: ...

    def place(self, plane: Array) -> Array:
        """Plane points (N, 2) on every face, (F, N, 2): from 0 to 1 over its picture."""
        ...

    def ambiguity(self, heard: Callable[[int, int], None]) -> HeatMap:
        """The ambiguity map; ``heard`` is told how many of how many faces are done, and what it
        raises ends the work."""
        ...


class ClosedError(Exception):
    """Nobody looks any more: raised to end work that has become useless."""


class StudioSession:
    """One open studio: what the page asks is answered through ``send(name, value)``.

    ``send`` is called from threads, too; a host brings the value where it belongs. ``plan`` says
    in lines what saving would change (None: saving asks nothing), ``save`` keeps the scheme and may
    return a sentence for the user; both are handed the scheme and the renamed points, old name to
    new, and may raise `LabelkitError`. ``scheme`` is the newest draft without a problem.
    """

    def __init__(
        self,
        scheme: Scheme,
        examples: Examples | None,
        send: Send,
        *,
        ghosts: Sequence[Scheme] = (),
        plan: Plan | None = None,
        save: Save | None = None,
    ) -> None:
        self.scheme, self.renamed = scheme, dict[str, str]()
        self._examples, self._send, self._plan, self._save = examples, send, plan, save
        self._ghosts = tuple(ghosts)
        self._closed = False
        self._answered: deque[str] = deque(maxlen=500)
        self._replies: deque[dict[str, Any]] = deque(maxlen=REPLIES)
        self._places = Latest[tuple[int, Array]](worker("preview"), self._place)
        self._mapping = self._preparing = False

    @property
    def setup(self) -> str:
        """What the page needs before anything else."""
        return json.dumps(
            {
                "scheme": self.scheme.to_dict(),
                "ghosts": [ghost.to_dict() for ghost in self._ghosts],
                "examples": self._examples is not None,
                "can_save": self._save is not None,
            }
        )

    def close(self) -> None:
        """Nobody looks any more: nothing is sent, and slow work ends early."""
        self._closed = True

    def hear(self, name: str, text: str) -> None:
        """The page has set one of its values; what is malformed is logged and not answered."""
        if not text:
            return
        try:
            match name:
                case "query":
                    self._on_query(_object(text))
                case "draft":
                    self._on_draft(_object(text))
                case "requests":
                    self._on_requests(_list(text))
        except InputError as error:
            _log.warning("scheme studio: %s", error)

    def _on_query(self, query: Mapping[str, Any]) -> None:
        if self._examples is not None:
            self._places.give((_whole(query.get("seq")), _places(query.get("plane"))))

    def _on_draft(self, draft: Mapping[str, Any]) -> None:
        number, problem = _whole(draft.get("seq")), None
        try:
            self.scheme, self.renamed = _scheme(draft), _renamed(draft)
        except InputError as error:
            problem = str(error)
        self._tell("checked", {"seq": number, "problem": problem})

    def _on_requests(self, requests: Sequence[Mapping[str, Any]]) -> None:
        """Every open request comes again until its reply was seen: those that are new are answered."""
        for request in requests:
            name = str(request.get("id", ""))[:100]
            if name not in self._answered:
                self._answered.append(name)
                self._replies.append({"id": name, **self._reply(request)})
        self._tell("replies", list(self._replies))

    def _reply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            match request.get("name"):
                case "symmetrise":
                    return {"scheme": make_symmetric(_scheme(request)).to_dict()}
                case "mirror":
                    keep = request.get("keep")
                    if keep not in ("left", "right"):
                        raise InputError("a half is called left or right")
                    return {"scheme": mirror_half(_scheme(request), keep).to_dict()}
                case "read":
                    return {"scheme": _scheme(request).to_dict()}
                case "examples":
                    return self._begin()
                case "ambiguity":
                    return self._map()
                case "plan":
                    scheme, renamed = _scheme(request), _renamed(request)
                    lines = self._plan(scheme, renamed) if self._plan else ()
                    return {"lines": [str(line) for line in lines]}
                case "save":
                    return self._keep(request)
            raise InputError("the studio knows no such request")
        except LabelkitError as error:
            return {"error": str(error)}

    def _keep(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self._save is None:
            raise InputError("nothing here keeps the scheme: export it instead")
        scheme = _scheme(request)
        message = self._save(scheme, _renamed(request))
        self.scheme, self.renamed = scheme, {}
        return {"saved": message or f"scheme {scheme.name} saved"}

    def _begin(self) -> dict[str, Any]:
        # Not before the page asks: while a page is being set up, hosts lose what they are given.
        if self._examples is None:
            raise InputError("there are no example faces here")
        if not self._preparing:
            self._preparing = True
            worker("slow").submit(self._prepare, self._examples)
        return {"started": True}

    def _map(self) -> dict[str, Any]:
        if self._examples is None:
            raise InputError("there are no example faces to measure")
        if not self._mapping:
            self._mapping = True
            worker("slow").submit(self._measure, self._examples)
        return {"started": True}

    # What follows runs in threads.

    def _prepare(self, examples: Examples) -> None:
        if self._closed:
            return
        try:
            gallery = examples.gallery()
        except LabelkitError as error:
            self._tell("heat", {"problem": f"no example faces: {error}"})
        except Exception as error:  # noqa: BLE001 - a thread has nobody above it who would say so
            _log.exception("the example faces of the scheme studio failed")
            self._tell("heat", {"problem": f"no example faces: {type(error).__name__}"})
        else:
            self._give("gallery", pack_gallery(gallery))

    def _place(self, asked: tuple[int, Array]) -> None:
        if self._examples is not None and not self._closed:
            number, plane = asked
            self._give("answer", pack_answer(number, self._examples.place(plane)))

    def _measure(self, examples: Examples) -> None:
        def heard(done: int, total: int) -> None:
            if self._closed:
                raise ClosedError
            self._tell("heat", {"done": done, "total": total})

        try:
            found = examples.ambiguity(heard)
            rows = np.round(found.wander, 5).tolist()
            self._tell("heat", {"edges": list(found.edges), "wander": rows})
        except ClosedError:
            pass
        except Exception as error:  # noqa: BLE001 - as above
            _log.exception("the ambiguity map failed")
            self._tell("heat", {"problem": f"the ambiguity map failed ({type(error).__name__})"})
        finally:
            self._mapping = False

    def _tell(self, name: str, value: Any) -> None:
        self._give(name, json.dumps(value))

    def _give(self, name: str, value: str | bytes) -> None:
        if not self._closed:
            self._send(name, value)


def pack_gallery(gallery: Gallery) -> bytes:
    """The length of a JSON text (4 bytes, little-endian), that text, and the pictures that it
    lists, one after the other: ``{"reach", "faces": [{"label", "bytes"}], "backdrops"}``."""
    pictures = (*gallery.faces, *gallery.backdrops)

    def listed(some: Sequence[Picture]) -> list[dict[str, Any]]:
        return [{"label": picture.label, "bytes": len(picture.data)} for picture in some]

    head = {"reach": gallery.reach, "faces": listed(gallery.faces), "backdrops": listed(gallery.backdrops)}
    text = json.dumps(head).encode()
    return b"".join([len(text).to_bytes(4, "little"), text, *(picture.data for picture in pictures)])


def pack_answer(number: int, places: Array) -> bytes:
    """Three uint32 (the query's number, F and N), then the places (F, N, 2) as float32, all
    little-endian."""
    head = np.array([number, *places.shape[:2]], "<u4")
    return head.tobytes() + np.ascontiguousarray(places, "<f4").tobytes()


def _json(text: str) -> Any:
    if len(text) > LONGEST:
        raise InputError("the browser sent too much at once")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the browser sent something that is not JSON ({error})") from error


def _object(text: str) -> dict[str, Any]:
    value = _json(text)
    if not isinstance(value, dict):
        raise InputError("the browser sent no JSON object")
    return value


def _list(text: str) -> list[dict[str, Any]]:
    value = _json(text)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InputError("the browser sent no list of JSON objects")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**32:
        raise InputError(f"{value!r} is no number of a query")
    return value


def _places(value: Any) -> Array:
    try:
        places = np.asarray(value, np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise InputError("places on the plane are a list of pairs of numbers") from error
    if len(places) > MOST_POINTS or not (np.abs(places) <= FARTHEST).all():
        raise InputError(f"places on the plane are numbers up to {FARTHEST:g}, and at most {MOST_POINTS}")
    return places


def _scheme(value: Mapping[str, Any]) -> Scheme:
    scheme = scheme_from_dict(value.get("scheme"))
    if len(scheme) > MOST_POINTS:
        raise InputError(f"a scheme has at most {MOST_POINTS} points")
    return scheme


def _renamed(value: Mapping[str, Any]) -> dict[str, str]:
    renamed = value.get("renamed", {})
    if not isinstance(renamed, dict) or not all(isinstance(name, str) for name in renamed.values()):
        raise InputError("renamed points are pairs of names")
    return renamed
