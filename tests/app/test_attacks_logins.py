"""The same on what logins, sessions and web sockets hold; the attacker has an account here, too."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from urllib.parse import quote

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id

from labelkit.app import users
from labelkit.app.door import _PAGES_AT_ONCE
from labelkit.app.pace import OF_ONE
from labelkit.app.sockets import LARGEST
from labelkit.errors import InputError

from .target import PASSWORDS, Target, cookie, ends, hold, until

PHOTO = "/media/photo/1"

#: The parts of a message that asks for the document.
PULL: tuple[str, ...] = (json.dumps({"msgid": "1", "msgtype": "PULL-DOC-REQ"}), "{}", "{}")


def patch(*events: object) -> tuple[str, ...]:
    """The parts of a message that changes the document."""
    return json.dumps({"msgid": "1", "msgtype": "PATCH-DOC"}), "{}", json.dumps({"events": events})


# How a login ends


def test_a_logout_ends_every_copy_of_the_cookie_and_every_page(target: Target) -> None:
    mine = cookie(target.login("ben"))
    page = hold(target, "ben", mine)
    assert target.ask(PHOTO, who=None, Cookie=mine).code == 200
    answer = target.ask("/logout", "POST", who=None, Cookie=mine, Origin=target.origin)
    assert answer.code == 302
    assert target.ask(PHOTO, who=None, Cookie=mine).code == 401  # a copy that was kept
    assert ends(page, 5)
    assert target.ask(PHOTO, who="ben").code == 200  # his other browser


def test_nobody_is_logged_out_by_a_page_of_another_server(target: Target) -> None:
    mine = cookie(target.login("ben"))
    for sent in ({"Origin": "http://evil.example"}, {}, {"Sec_Fetch_Site": "cross-site"}):
        assert target.ask("/logout", "POST", who=None, Cookie=mine, **sent).code == 403
    target.ask("/logout", who=None, Cookie=mine)
    assert target.ask(PHOTO, who=None, Cookie=mine).code == 200


def test_a_new_login_has_nothing_of_the_old_one(target: Target) -> None:
    """Whoever plants a cookie of theirs in somebody's browser knows nothing of the login that follows."""
    planted = cookie(target.login("ann"))
    mine = cookie(target.login("ben", Cookie=planted))
    assert mine != planted
    assert target.ask(PHOTO, who=None, Cookie=planted).code == 401
    assert target.ask(PHOTO, who=None, Cookie=mine).code == 200


def test_cookies_are_for_the_server_alone(target: Target) -> None:
    plain = target.login("ben")
    assert len(plain.cookies) == 2
    for line in plain.cookies:
        assert "HttpOnly" in line
        assert "SameSite=Lax" in line
        assert "Path=/" in line
        assert "Domain" not in line


def test_a_page_open_in_two_browsers_ends_with_its_own_login(target: Target) -> None:
    first, second = cookie(target.login("ben")), cookie(target.login("ben"))
    pages = [hold(target, "ben", first), hold(target, "ben", second)]
    target.ask("/logout", "POST", who=None, Cookie=first, Origin=target.origin)
    assert ends(pages[0], 5)
    assert not ends(pages[1], 0.3)
    pages[1].close()


# Who asks through what


@pytest.mark.parametrize("name", ["X_Forwarded_For", "X_Real_Ip", "Forwarded", "X_Forwarded_Host", "Via"])
def test_nobody_but_the_proxy_says_who_asks(target: Target, name: str) -> None:
    told = [target.login(f"{name}-{n}", "guess", **{name: f"203.0.113.{n}"}).code for n in range(12)]
    assert 429 in told  # each would be the first of its name, and of its address
    assert cookie(target.login("ann", Cookie=target.known["ann"]))


def test_a_proxy_is_believed_up_to_what_it_wrote_itself(target: Target) -> None:
    """Guesses come from 192.0.2.1 through the proxy, with something else invented each time."""
    for n in range(6):
        invented = f"203.0.113.{n}, 192.0.2.1, 10.9.0.4"
        target.login("someone", "guess", source="127.0.0.7", X_Forwarded_For=invented)
    again = target.login("another", "guess", source="127.0.0.7", X_Forwarded_For="192.0.2.1")
    assert again.code == 429
    other = target.login("third", "guess", source="127.0.0.7", X_Forwarded_For="192.0.2.2")
    assert other.code == 403


def test_by_https_no_other_host_can_have_written_a_cookie(target: Target) -> None:
    far = {"source": "127.0.0.7", "X_Forwarded_Proto": "https", "X_Forwarded_For": "192.0.2.9"}
    answer = target.login("ben", **far)
    for line in answer.cookies:
        assert line.startswith("__Host-")
        assert "Secure" in line
    mine = cookie(answer)
    assert target.ask(PHOTO, who=None, Cookie=mine, **far).code == 200
    plain = mine.removeprefix("__Host-")
    assert target.ask(PHOTO, who=None, Cookie=plain, **far).code == 401  # as another host might plant it
    assert target.ask(PHOTO, who=None, Cookie=plain).code == 401
    near = target.login("ben", X_Forwarded_Proto="https", Cookie=target.known["ben"])
    assert all(line.startswith("labelkit-") for line in near.cookies)
    assert near.cookies


@pytest.mark.parametrize(
    "path",
    ["/quality/autoload.js?bokeh-autoload-element=1", "/autoload.js", "/quality/metadata", "/metadata"],
)
def test_there_is_nothing_for_pages_of_others(target: Target, path: str) -> None:
    answer = target.ask(path)
    assert answer.code == 404
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert (
        "Access-Control-Allow-Origin" not in target.ask(path, "OPTIONS", Origin="http://evil.example").headers
    )


@pytest.mark.parametrize(
    ("site", "mode", "dest", "code"),
    [
        ("cross-site", "no-cors", "image", 403),
        ("cross-site", "no-cors", "script", 403),
        ("cross-site", "cors", "empty", 403),
        ("same-site", "no-cors", "image", 403),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "navigate", "object", 403),
        ("cross-site", "navigate", "document", 200),
        ("same-origin", "cors", "empty", 200),
        ("none", "navigate", "document", 200),
    ],
)
def test_pages_of_others_load_nothing(target: Target, site: str, mode: str, dest: str, code: int) -> None:
    sent = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": mode, "Sec_Fetch_Dest": dest}
    for path in (PHOTO, "/quality", "/static/js/bokeh.min.js"):
        assert target.ask(path, **sent).code == code, path


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "http://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x=1",
        "/%0d%0aX: y",
        "/\0",
        "/é",
    ],
)
def test_a_login_leads_nowhere_else(target: Target, place: str) -> None:
    body = f"name=ben&password={quote(PASSWORDS['ben'])}".encode()
    kind = "application/x-www-form-urlencoded"
    sent = {"Origin": target.origin, "Content_Type": kind, "Cookie": target.known["ben"]}
    answer = target.ask(f"/login?next={quote(place)}", "POST", who=None, body=body, **sent)
    assert answer.code == 302
    assert re.fullmatch(r"/(?![/\\])[\x20-\x7e]*", answer.headers["Location"])
    assert "x" not in answer.headers


def test_what_a_login_answers_tells_not_who_exists(target: Target) -> None:
    answers = [
        target.login(name, password, source="127.0.0.6")  # where nobody has guessed yet
        for name, password in (
            ("ben", "wrong"),
            ("nobody", "wrong"),
            ("ben\0", "x"),
            ("x" * 5000, "y" * 5000),
        )
    ]
    assert {answer.code for answer in answers} == {403}
    assert len({answer.body for answer in answers}) == 1


def test_names_that_look_alike_are_not_given_to_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_COST", {"n": 16, "r": 8, "p": 1})
    users.add_user(tmp_path, "ann", "correct horse")
    for name in ("Ann", "ANN", "аnn", "ann\u200b", "ann\0", "ann ", "ann\n", "../ann", "<b>ann"):
        with pytest.raises(InputError):
            users.add_user(tmp_path, name, "correct horse")
    assert not users.add_user(tmp_path, "ann", "another horse")  # another password for the same
    assert (tmp_path / users.FILE).stat().st_mode & 0o077 == 0


# Whose session


def test_nobody_joins_a_session_by_a_key_that_was_found(target: Target) -> None:
    token = target.token("ben")
    page = hold(target, "ben", token=token)
    assert target.knock(token=token) == "refused 403"  # with ann's cookie
    assert not ends(page, 0.3)
    page.close()


def test_an_old_key_opens_nothing(target: Target) -> None:
    known = users.read_users(target.folder)
    assert known is not None
    for age, refused in ((-1, True), (300, False)):
        secret = known.session_secret.encode()
        ident = generate_session_id(secret, signed=True)
        token = generate_jwt_token(ident, secret, signed=True, extra_payload={}, expiration=age)
        assert (target.knock(token=token) == "refused 403") is refused


# What is said by a web socket


MESSAGES: tuple[tuple[str, ...], ...] = (
    ("{",),
    ("[]",),
    ("null", "null", "null"),
    ('{"msgid": "1", "msgtype": "NONE"}', "{}", "{}"),
    ('{"msgid": "1", "msgtype": "PUSH-DOC"}', "{}", '{"doc": {"roots": [], "title": "mine"}}'),
    ('{"msgid": "1", "msgtype": "SERVER-INFO-REQ"}', "{}", "{}"),
    ('{"msgid": "1", "msgtype": "PATCH-DOC", "num_buffers": 1000000000}', "{}", '{"events": []}'),
    ('{"msgid": "1", "msgtype": "PATCH-DOC", "num_buffers": -1}', "{}", '{"events": []}'),
    ("[" * 100_000,),
    patch({"kind": "RootAdded", "model": {"type": "object", "name": "Div", "id": "x"}}),
    patch({"kind": "TitleChanged", "title": "<script>"}),
    patch({"kind": "ModelChanged", "model": {"id": "nobody"}, "attr": "text", "new": 1}),
    patch({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": {"type": "event", "name": "x"}}),
    patch({"kind": "ModelChanged", "model": {"id": "1"}, "attr": "__class__", "new": {"type": "object"}}),
    patch({"type": "ndarray", "dtype": "float64", "shape": [10**12], "array": {"type": "bytes", "data": ""}}),
)


def test_messages_that_no_page_sends_do_nothing(target: Target) -> None:
    for parts, said in zip(MESSAGES, target.talk(*MESSAGES), strict=True):
        assert '"events": [' not in said, parts
        if "PUSH-DOC" in parts[0] or "SERVER-INFO" in parts[0]:
            assert said.startswith("closed")
    assert target.ask(PHOTO).code == 200
    assert target.talk(PULL)[0].startswith("open")


def test_messages_without_end_are_cut_off(target: Target) -> None:
    head = json.dumps({"msgid": "1", "msgtype": "PATCH-DOC", "num_buffers": 10**6})
    piece = bytes(LARGEST // 8)
    endless = [part for number in range(10) for part in (json.dumps({"id": str(number)}), piece)]
    for said in target.talk((head, "{}", '{"events": []}', *endless), ("x" * (LARGEST + 1),)):
        assert said.startswith("closed")


def test_what_goes_wrong_fills_no_log_and_tells_no_path(target: Target) -> None:
    before = target.log.stat().st_size
    wrong = patch({"kind": "ModelChanged", "model": {"id": "none"}, "attr": "TOO-LONG", "new": "x" * 10_000})
    (said,) = target.talk(wrong * 100)
    assert "ERROR" in said
    assert "site-packages" not in said
    assert "Traceback" not in said
    assert said.startswith("closed")
    assert target.log.stat().st_size - before < 10_000
    assert "TOO-LONG" not in target.log.read_text()


# How much


def test_pages_are_not_opened_without_end(target: Target) -> None:
    codes = [target.ask("/quality", who=None, source="127.0.0.8").code for _ in range(2 * _PAGES_AT_ONCE)]
    assert set(codes) == {302, 429}
    assert target.ask("/quality", who=None).code == 302  # somebody else


def test_whoever_opens_connections_and_says_nothing_takes_none_from_others(target: Target) -> None:
    silent = [
        socket.create_connection(("127.0.0.1", target.port), source_address=("127.0.0.9", 0))
        for _ in range(OF_ONE + 20)
    ]
    try:
        assert target.ask(PHOTO).code == 200

        def ended() -> int:
            return sum(_is_closed(one) for one in silent)

        until(lambda: ended() >= 20)
        assert ended() <= 40
    finally:
        for one in silent:
            one.close()


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_nothing_was_told_that_should_not_be(target: Target) -> None:
    told = target.log.read_bytes()
    known = users.read_users(target.folder)
    assert known is not None
    cookies = [one.split("=", 1)[1] for one in target.cookies.values()]
    for secret in (*PASSWORDS.values(), known.secret, *cookies, target.token("ben")):
        assert secret.encode() not in told
