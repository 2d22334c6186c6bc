"""What somebody who means ill would try: every attack that we thought of, on a running server.

The attacker has an account, unless a test says otherwise. Nothing may come out but what the project
is meant to show, nothing may be written but where uploads go, and no answer may be a server's error.
"""

from __future__ import annotations

import base64
import json
import re
import select
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from tornado.web import create_signed_value

from labelkit.app import users
from labelkit.app.guard import cookie_name
from labelkit.app.logins import IDLE, LONGEST, Login
from labelkit.app.session import PAGES

from .target import PASSWORDS, Target, cookie, ends, hold, picture, tree, until

#: Ways to name the file ``labelkit.toml`` of the folder above, or one of the system's.
PATHS = (
    "../labelkit.toml",
    "../../work/labelkit.toml",
    "..%2flabelkit.toml",
    "%2e%2e%2flabelkit.toml",
    "%2e%2e/%2e%2e/labelkit.toml",
    "..%252flabelkit.toml",
    "%252e%252e%252flabelkit.toml",
    "..\\labelkit.toml",
    "..%5clabelkit.toml",
    "..%255clabelkit.toml",
    "....//labelkit.toml",
    "..;/labelkit.toml",
    "..%c0%aflabelkit.toml",
    "%c0%ae%c0%ae%c0%aflabelkit.toml",
    "%ef%bc%8e%ef%bc%8e%ef%bc%8flabelkit.toml",
    "%u002e%u002e%u2215labelkit.toml",
    "..%00/labelkit.toml",
    "labelkit.toml%00.jpg",
    "../users.json",
    "../labelkit.db",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "%2f%2fetc%2fpasswd",
    "../../../../../../../../etc/passwd",
    "..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "file:///etc/passwd",
    "C:%5cWindows%5cwin.ini",
    "%5c%5clocalhost%5cc$%5cwin.ini",
    "secret.jpg",
    "linked/secret.txt",
)

#: Everything under which files are answered.
PLACES = (
    "/media/photo/",
    "/media/face/",
    "/media/export/",
    "/static/",
    "/static/extensions/panel/",
    "/components/",
    "/",
)

#: Names under which a browser may send a file.
NAMES = (
    "../evil.png",
    "../../work/evil.png",
    "/tmp/evil.png",
    "..%2fevil.png",
    "..\\evil.png",
    "C:\\evil.png",
    "\\\\server\\share\\evil.png",
    "evil.png\0.png",
    "．．／evil.png",
    ".evil.png",
    "....png",
    "con.png",
    "NUL.png",
    "a" * 400 + ".png",
    "<img src=x onerror=alert(1)>.png",
    "evil\n.png",
    "evil\u202egnp.png",
    "-rf.png",
    "~root.png",
    " .png",
    ".png",
)


# Reading


@pytest.mark.parametrize("place", PLACES)
def test_no_path_leads_out(target: Target, place: str) -> None:
    assert target.ask("/media/export/good.txt").body == b"labels"
    for path in PATHS:
        assert target.ask(place + path).code in (0, 400, 401, 403, 404), place + path
        query = urlencode({"name": path, "path": path, "file": path, "v": path, "side": "320"})
        target.ask(f"{place}1?{query}")


def test_no_photo_of_the_database_leads_out(target: Target) -> None:
    codes = {number: target.ask(f"/media/photo/{number}").code for number in range(1, 9)}
    assert codes.pop(1) == 200
    assert set(codes.values()) == {404}, codes


@pytest.mark.parametrize(
    "number", ["-1", "1e3", "0x1", "1'--", "1%20OR%201=1", "9" * 13, "%D9%A1%00", "None", ""]
)
def test_only_numbers_are_faces(target: Target, number: str) -> None:
    assert target.ask(f"/media/face/{number}").code in (0, 400, 404)


def test_links_in_exports_lead_nowhere(target: Target) -> None:
    assert target.ask("/media/export/link").code == 404
    assert target.ask("/media/export/folder").code == 200  # and `ask` looks for what must not be in it


def test_links_among_thumbnails_are_not_followed(target: Target) -> None:
    """As they may lie in a project that comes from elsewhere."""
    assert target.ask("/media/photo/1").code == 200
    kept = list((target.folder / "cache" / "thumbs").rglob("p320-*.jpg"))
    assert kept
    for path in kept:
        path.unlink()
        path.symlink_to(target.folder.parent / "outside" / "secret.txt")
    answer = target.ask("/media/photo/1")
    assert answer.code == 200
    assert answer.body.startswith(b"\xff\xd8")


def test_a_folder_of_exports_that_leads_elsewhere_shows_nothing(target: Target) -> None:
    exports, aside = target.folder / "exports", target.folder / "aside"
    exports.rename(aside)
    exports.symlink_to(target.folder.parent / "outside")
    try:
        assert target.ask("/media/export/secret.txt").code == 404
    finally:
        exports.unlink()
        aside.rename(exports)


# Writing


@pytest.mark.parametrize("kind", ["photo", "labels"])
def test_uploads_follow_no_link(target: Target, kind: str) -> None:
    root = target.folder.parent
    place = root / "photos" / "added" if kind == "photo" else target.folder / "cache" / "uploads"
    aside = place.with_name("aside")
    if place.exists():
        place.rename(aside)
    place.symlink_to(root / "outside")
    try:
        assert target.upload("linked.png", picture(), kind).code == 403
    finally:
        place.unlink()
        if aside.exists():
            aside.rename(place)
    assert [path.name for path in (root / "outside").iterdir()] == ["secret.txt"]


def test_uploads_stay_where_uploads_go(target: Target) -> None:
    root = target.folder.parent
    before = tree(root)
    for name in NAMES:
        answer = target.upload(name, picture())
        assert answer.code in (200, 415), name
        if answer.code == 200:
            told = json.loads(answer.body)["name"]
            assert "/" not in told
            assert (root / "photos" / "added" / told).is_file()
            assert not re.search(r'[<>:"\\|?*\x00-\x1f]', told)
    new = tree(root) - before - {"photos/added"}
    assert new
    assert all(name.startswith("photos/added/") and not Path(name).name.startswith(".") for name in new)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.exe", b"MZ"),
        ("a.html", b"<script>alert(1)</script>"),
        ("a.svg", b"<svg onload='alert(1)'/>"),
        ("a.png", b"<script>alert(1)</script>"),
        ("a.png", b""),
        ("a.jpg", b"\xff\xd8\xff" + bytes(99)),
        ("a.png", picture()[:-40]),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(50)),
        ("a.gif", b"GIF89a\xff\xff\xff\xff" + bytes(50)),
    ],
)
def test_what_is_no_photo_is_not_kept(target: Target, name: str, body: bytes) -> None:
    before = tree(target.folder.parent)
    answer = target.upload(name, body)
    if body == picture()[:-40]:  # whose header is whole: what is wrong is told when it is looked at
        return
    assert answer.code in (411, 415)
    until(lambda: tree(target.folder.parent) <= before | {"photos/added"})


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_too_large_is_not_taken(target: Target, chunked: bool) -> None:
    before = tree(target.folder.parent)
    query = "/media/upload/labels?name=a.txt&batch=0123456789abcdef"
    body = b"x" * 1_000_000
    answer = target.ask(query, "POST", body=body, chunked=chunked, Origin=target.origin)
    assert answer.code in (0, 400, 413)
    until(lambda: tree(target.folder.parent) <= before | _BATCH)


_BATCH = {"work/cache/uploads", "work/cache/uploads/0123456789abcdef"}


def test_only_so_many_are_taken_at_a_time(target: Target) -> None:
    waiting = []
    for number in range(14):
        connection = HTTPConnection("127.0.0.1", target.port, timeout=30)
        connection.putrequest("POST", f"/media/upload/labels?name={number}&batch=0123456789abcdef")
        for name, value in {
            "Origin": target.origin,
            "Cookie": target.cookies["ann"],
            "Content-Length": "9",
        }.items():
            connection.putheader(name, value)
        connection.endheaders(b"1234")
        waiting.append(connection)
    # Which of them come too late is for the server to say.
    refused: set[HTTPConnection] = set()
    while len(refused) < 2:
        answered, _, _ = select.select([one.sock for one in waiting if one not in refused], [], [], 60)
        assert answered
        refused |= {one for one in waiting if one.sock in answered}
    assert [one.getresponse().status for one in refused] == [429, 429]
    for connection in waiting:
        connection.close()
    until(lambda: target.upload("late.txt", b"1", "labels").code == 200)


@pytest.mark.parametrize(
    "batch", ["", "..", "../../etc", "0123456789ABCDEF", "0123456789abcdef/..", "%00" * 16]
)
def test_labels_go_into_a_folder_of_their_own(target: Target, batch: str) -> None:
    query = urlencode({"name": "a.txt", "batch": batch})
    path = f"/media/upload/labels?{query}"
    assert target.ask(path, "POST", body=b"1 2", Origin=target.origin).code == 400


def test_a_form_that_is_too_long_is_not_read(target: Target) -> None:
    answer = target.login("ann", "x" * 1_000_000)
    assert answer.code in (0, 400, 413)


# Who asks


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "https://127.0.0.1:1", "http://127.0.0.1.evil.example"]
)
def test_pages_of_others_change_nothing(target: Target, origin: str) -> None:
    sent = {"Origin": origin} if origin else {}
    path = "/media/upload/photo?name=cross.png"
    assert target.ask(path, "POST", body=picture(), **sent).code == 403
    assert target.ask("/login", "POST", who=None, body=b"name=ann&password=x", **sent).code == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1.evil.example:{port}", "http://127.0.0.1:1", "file://"],
)
def test_pages_of_others_open_no_socket(target: Target, origin: str) -> None:
    assert target.knock(Origin=origin.format(port=target.port)) == "refused 403"


@pytest.mark.parametrize(
    "path", ["/", "/review", "/media/photo/1", "/static/js/bokeh.min.js", "/login", "/quality/ws"]
)
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:{port}", "", "[::1"]
)
def test_the_server_goes_by_its_own_names_only(target: Target, path: str, host: str) -> None:
    assert target.ask(path, Host=host.format(port=target.port)).code in (0, 400, 403)


def test_nothing_is_shown_without_a_login(target: Target) -> None:
    page = target.ask("/quality").body.decode()
    files = {path.split("?")[0] for path in re.findall(r'(?:src|href)="(?:\./)?/?(static/[^"]+)"', page)}
    assert files
    closed = [f"/{file}" for file in files]
    closed += ["/media/photo/1", "/media/face/1", "/media/export/good.txt", "/quality/ws", "/ws"]
    closed += [
        "/quality/metadata",
        "/quality/autoload.js?bokeh-autoload-element=1",
        "/components/x",
        "/nothing",
    ]
    closed += [
        "/login/",
        "/login/../media/photo/1",
        "/LOGIN",
        "//login",
        "/favicon.ico/../media/photo/1",
        "/login%2f",
    ]
    for path in closed:
        assert target.ask(path, who=None).code in (0, 400, 401, 403, 404), path
    for path in files:
        assert target.ask(f"/{path}").code == 200, path
    for name in ("", *PAGES):
        answer = target.ask(f"/{name}", who=None)
        assert answer.code == 302
        assert re.match(r"\.?/login\?next=", answer.headers["Location"])
    assert target.knock(Cookie="none=1") in ("refused 401", "refused 403")


def test_only_cookies_of_this_server_count(target: Target) -> None:
    known = users.read_users(target.folder)
    assert known is not None
    cookie, now = cookie_name(known, https=False), time.time()
    whole = Login("ann", known.stamp("ann"), "0" * 32, now, now)

    def signed(login: Login | str, secret: str = known.secret, name: str = cookie, ago: float = 0.0) -> bytes:
        text = login if isinstance(login, str) else login.to_text()
        return create_signed_value(secret, name, text, clock=lambda: now - ago)

    assert target.ask("/media/photo/1", who=None, Cookie=f"{cookie}={signed(whole).decode()}").code == 200
    forged = {
        "another secret": signed(whole, secret="another"),
        "another cookie": signed(whole, name=cookie_name(known, https=False, what="browser")),
        "signed long ago": signed(whole, ago=15 * 86400),
        "begun long ago": signed(replace(whole, begun=now - LONGEST - 60)),
        "silent for long": signed(replace(whole, ident="1" * 32, written=now - IDLE - 60)),
        "another password's": signed(replace(whole, stamp=known.stamp("ben"))),
        "nobody": signed(replace(whole, name="eve")),
        "no stamp": signed("ann"),
        "an earlier layout": signed(f"ann:{known.stamp('ann')}"),
        "no times": signed(f"ann:{known.stamp('ann')}:0:nan:inf"),
        "the first layout": b"YW5u|0|0",
        "nothing": b"",
        "plain": b"ann",
    }
    for what, value in forged.items():
        sent = f"{cookie}={value.decode()}"
        assert target.ask("/media/photo/1", who=None, Cookie=sent).code == 401, what
    assert target.ask("/media/photo/1", who=None, Cookie="is_guest=1; user=ann").code == 401


def test_whoever_is_removed_or_gets_another_password_is_out_at_once(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "_COST", {"n": 16, "r": 8, "p": 1})
    sockets = {name: hold(target, name) for name in ("gone", "old", "ben")}
    assert all(
        stays for _, stays in ((name, target.ask("/media/photo/1", who=name).code == 200) for name in sockets)
    )
    users.remove_user(target.folder, "gone")
    users.add_user(target.folder, "old", "summer coat")
    for name in ("gone", "old"):
        until(lambda name=name: target.ask("/media/photo/1", who=name).code == 401)
        assert ends(sockets[name])
    assert not ends(sockets["ben"], 0.3)
    assert target.ask("/media/photo/1", who="ben").code == 200


# Whose session


def test_nobody_joins_a_session_of_their_choice(target: Target) -> None:
    token = target.token("ben")
    for path in (
        "/review?bokeh-session-id=mine",
        f"/review?bokeh-token={quote(token)}",
        "/review/autoload.js?bokeh-autoload-element=1&bokeh-session-id=mine",
    ):
        assert target.ask(path).code in (403, 404), path
    assert target.ask("/review", Bokeh_Session_Id="mine").code == 403


def test_a_key_that_the_server_did_not_write_opens_nothing(target: Target) -> None:
    opened = target.knock()
    assert opened.startswith("open")
    assert "ann" in opened
    payload = {
        "session_id": "mine",
        "session_expiry": int(time.time()) + 300,
        "cookies": {"user": "ben", "is_guest": "1"},
    }
    plain = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    real = target.token("ann")
    for token in (plain, f"{plain}.{real.split('.')[-1]}", f"{plain}.x", real[:-4] + "AAAA", "x"):
        assert target.knock(token=token) == "refused 403", token


def test_labels_stand_under_the_name_that_logged_in(target: Target) -> None:
    cookie = f"{target.cookies['ann']}; is_guest=1; guest=1"
    told = target.knock(Cookie=cookie)
    assert '"ann"' in told.replace("\\", "")
    assert '"guest"' not in told.replace("\\", "")


def test_no_secret_is_in_a_page(target: Target) -> None:
    page = target.ask("/quality").body
    cookie = target.cookies["ann"].split("=", 1)[1].strip('"')
    payload = target.token("ann").split(".")[0]
    inside = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    known = users.read_users(target.folder)
    assert known is not None
    for secret in (cookie, known.secret, known.stamp("ann"), *PASSWORDS.values()):
        assert secret.encode() not in page
        assert secret.encode() not in inside
    assert b"<img src=x" not in page  # the project's name


@pytest.mark.parametrize(
    "path", ["/", "/media/photo/1", "/media/photo/99", "/static/js/bokeh.min.js", "/login", "/none"]
)
def test_answers_cannot_be_framed_or_taken_for_something_else(target: Target, path: str) -> None:
    headers = target.ask(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"script-src[^;]*unsafe", policy)
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Server" not in headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_other_methods_do_nothing(target: Target, method: str) -> None:
    for path in ("/media/photo/1", "/media/export/good.txt", "/login", "/quality"):
        assert target.ask(path, method, Origin=target.origin).code in (0, 204, 400, 403, 404, 405), path


# Guessing: last, because whoever has guessed has to wait.


def test_whoever_guesses_waits_and_keeps_nobody_out(target: Target) -> None:
    token = cookie(target.login("ann"), "browser")
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda n: target.login("ann", f"guess {n}").code, range(24)))
    assert codes.count(403) <= 8
    assert codes.count(429) >= 16
    refused = target.login("ann")
    assert refused.code == 429  # the right password, from an unknown browser
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert target.login("ann", Cookie=token).code == 302
    assert target.login("ben", Cookie=token).code == 429


def test_the_log_holds_no_secret(target: Target) -> None:
    known = users.read_users(target.folder)
    assert known is not None
    told = target.log.read_bytes()
    token = target.token("ann")
    cookies = [cookie.split("=", 1)[1] for cookie in target.cookies.values()]
    for secret in (*PASSWORDS.values(), known.secret, token, *cookies, "guess 1"):
        assert secret.encode() not in told
    assert b"Traceback" not in told, told.decode()
