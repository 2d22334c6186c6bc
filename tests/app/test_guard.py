"""Which requests are answered: by a running handler, for every way in that should be closed."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tornado.httpclient import HTTPResponse
from tornado.testing import AsyncHTTPTestCase
from tornado.web import Application, create_signed_value

from labelkit.app import users
from labelkit.app.guard import is_loopback, own_hosts
from labelkit.app.login import LoginHandler, LogoutHandler
from labelkit.app.media import ExportHandler, FaceHandler, PhotoHandler
from labelkit.app.shared import Shared
from labelkit.app.upload import UploadHandler, harmless
from labelkit.geometry import Box
from labelkit.project import Project
from labelkit.store import NewImage

Ask = Callable[..., HTTPResponse]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (800, 600), (200, 90, 40)).save(photos / "a.jpg")
    Image.new("RGB", (80, 60)).save(tmp_path / "secret.jpg")
    return Project.create(tmp_path / "work", photos, "ibug68")


@pytest.fixture
def closed(project: Project, monkeypatch: pytest.MonkeyPatch) -> Shared:
    """A server at which one has to log in."""
    monkeypatch.setattr(users, "_COST", {"n": 16, "r": 8, "p": 1})
    monkeypatch.setattr("labelkit.app.login._PENALTY", 0.0)
    users.add_user(project.folder, "ann", "correct horse")
    return Shared(project, users.read_users(project.folder))


@pytest.fixture
def asking(request: pytest.FixtureRequest) -> Callable[[Shared], Ask]:
    """``asking(shared)(url, ...)``: the answer of a server over ``shared``."""

    def serving(shared: Shared) -> Ask:
        settings = {"shared": shared, "hosts": own_hosts("127.0.0.1")}
        routes: list[Any] = [
            (r"/media/photo/(\d{1,12})", PhotoHandler, settings),
            (r"/media/face/(\d{1,12})", FaceHandler, settings),
            (r"/media/export/([^/]+)", ExportHandler, settings),
            (r"/media/upload/(photo|labels)", UploadHandler, settings),
            ("/login", LoginHandler, settings),
            ("/logout", LogoutHandler, settings),
        ]
        secret = shared.users.secret if shared.users else "none"

        class Case(AsyncHTTPTestCase):
            def get_app(self) -> Application:
                return Application(routes, cookie_secret=secret)

            def runTest(self) -> None:  # noqa: N802 - unittest's name
                """Nothing: the tests ask."""

        case = Case()
        case.setUp()
        request.addfinalizer(case.tearDown)
        ask: Ask = case.fetch
        return ask

    return serving


def own(ask: Any) -> str:
    """The origin of the server's own pages."""
    return f"http://127.0.0.1:{ask.__self__.get_http_port()}"


def test_a_photo_is_sent_small_and_may_be_kept(project: Project, asking: Callable[[Shared], Ask]) -> None:
    answer = asking(Shared(project))("/media/photo/1?side=320&v=x")
    assert answer.code == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert "immutable" in answer.headers["Cache-Control"]
    assert Image.open(BytesIO(answer.body)).size == (320, 240)
    assert list((project.folder / "cache" / "thumbs").rglob("*.jpg"))


def test_a_face_is_cut_out(project: Project, asking: Callable[[Shared], Ask]) -> None:
    project.add_face("a.jpg", Box(100, 100, 300, 300, "user"), "ann")
    answer = asking(Shared(project))("/media/face/1")
    assert Image.open(BytesIO(answer.body)).size == (320, 320)


@pytest.mark.parametrize(
    "url", ["/media/photo/99", "/media/photo/1?side=5000", "/media/photo/1?side=x", "/media/face/1"]
)
def test_what_is_not_there_is_refused(project: Project, asking: Callable[[Shared], Ask], url: str) -> None:
    assert asking(Shared(project))(url).code in (400, 404)


def test_no_photo_outside_of_the_image_root_is_sent(
    project: Project, asking: Callable[[Shared], Ask]
) -> None:
    (project.images / "link.jpg").symlink_to(project.folder.parent / "secret.jpg")
    (number,) = project.store.add_images([NewImage("link.jpg")])
    assert asking(Shared(project))(f"/media/photo/{number}").code == 404


def test_exports_are_sent_and_nothing_else(project: Project, asking: Callable[[Shared], Ask]) -> None:
    ask = asking(Shared(project))
    (project.folder / "exports" / "a.txt").write_text("labels")
    (project.folder / "exports" / "set").mkdir()
    (project.folder / "exports" / "set" / "b.pts").write_text("points")
    (project.folder / "exports" / "link").symlink_to(project.folder / "labelkit.toml")
    assert ask("/media/export/a.txt").body == b"labels"
    assert ask("/media/export/set").body.startswith(b"PK")
    for name in ("..%2Flabelkit.toml", "link", ".hidden", "none.txt", "..", "%2e%2e%2flabelkit.db"):
        assert ask(f"/media/export/{name}").code == 404


def test_another_name_of_the_server_is_refused(project: Project, asking: Callable[[Shared], Ask]) -> None:
    answer = asking(Shared(project))("/media/photo/1", headers={"Host": "evil.example"})
    assert answer.code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "", "null", "http://127.0.0.1:1"])
def test_other_pages_upload_nothing(project: Project, asking: Callable[[Shared], Ask], origin: str) -> None:
    headers = {"Origin": origin} if origin else {}
    url = "/media/upload/photo?name=b.jpg"
    assert asking(Shared(project))(url, method="POST", body=b"x", headers=headers).code == 403
    assert not (project.images / "added").exists()


def test_photos_are_taken_under_names_that_do_no_harm(
    project: Project, asking: Callable[[Shared], Ask]
) -> None:
    ask = asking(Shared(project))
    picture = BytesIO()
    Image.new("RGB", (20, 20)).save(picture, "PNG")
    for _ in range(2):
        answer = ask(
            "/media/upload/photo?name=../../x/my%20photo.png",
            method="POST",
            body=picture.getvalue(),
            headers={"Origin": own(ask)},
        )
        assert answer.code == 200
    assert sorted(path.name for path in (project.images / "added").iterdir()) == [
        "my photo-2.png",
        "my photo.png",
    ]


@pytest.mark.parametrize("name", ["a.exe", "a.jpg"])
def test_what_is_no_photo_is_not_taken(project: Project, asking: Callable[[Shared], Ask], name: str) -> None:
    ask = asking(Shared(project))
    url = f"/media/upload/photo?name={name}"
    assert ask(url, method="POST", body=b"MZ", headers={"Origin": own(ask)}).code == 415
    added = project.images / "added"
    assert not added.exists() or not list(added.iterdir())


def test_labels_go_into_a_folder_of_their_own(project: Project, asking: Callable[[Shared], Ask]) -> None:
    ask = asking(Shared(project))
    headers = {"Origin": own(ask)}
    good = "/media/upload/labels?name=list.txt&batch=0123456789abcdef"
    assert ask(good, method="POST", body=b"1 2", headers=headers).code == 200
    assert (project.folder / "cache/uploads/0123456789abcdef/list.txt").read_bytes() == b"1 2"
    bad = "/media/upload/labels?name=list.txt&batch=../../etc"
    assert ask(bad, method="POST", body=b"1 2", headers=headers).code == 400


@pytest.mark.parametrize("url", ["/media/photo/1", "/media/face/1", "/media/export/a.txt"])
def test_nothing_is_sent_to_people_who_are_not_logged_in(
    closed: Shared, asking: Callable[[Shared], Ask], url: str
) -> None:
    ask = asking(closed)
    assert ask(url).code == 401
    forged = create_signed_value("another secret", "user", "ann").decode()
    assert ask(url, headers={"Cookie": f"user={forged}"}).code == 401


def test_the_cookie_of_a_login_opens_and_that_of_a_removed_user_does_not(
    closed: Shared, asking: Callable[[Shared], Ask]
) -> None:
    ask = asking(closed)
    body = "name=ann&password=correct+horse"
    answer = ask(
        "/login?next=/review", method="POST", body=body, headers={"Origin": own(ask)}, follow_redirects=False
    )
    assert (answer.code, answer.headers["Location"]) == (302, "/review")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert ask("/media/photo/1", headers={"Cookie": cookie.split(";")[0]}).code == 200
    assert closed.users is not None
    closed.users.hashes.clear()
    assert ask("/media/photo/1", headers={"Cookie": cookie.split(";")[0]}).code == 401


def test_a_wrong_password_stays_outside(closed: Shared, asking: Callable[[Shared], Ask]) -> None:
    ask = asking(closed)
    answer = ask("/login", method="POST", body="name=ann&password=no", headers={"Origin": own(ask)})
    assert answer.code == 403
    assert b"wrong" in answer.body
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("target", ["//evil.example", "http://evil.example/", "/\\evil.example", "review"])
def test_a_login_leads_nowhere_else(closed: Shared, asking: Callable[[Shared], Ask], target: str) -> None:
    ask = asking(closed)
    answer = ask(
        f"/login?next={target}",
        method="POST",
        body="name=ann&password=correct+horse",
        headers={"Origin": own(ask)},
        follow_redirects=False,
    )
    assert answer.headers["Location"] == "/"


def test_the_login_page_asks_nobody_else_for_anything(
    closed: Shared, asking: Callable[[Shared], Ask]
) -> None:
    body = asking(closed)("/login").body.decode()
    assert "http://" not in body
    assert "https://" not in body


@pytest.mark.parametrize(
    ("address", "only_here"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.3", False)],
)
def test_addresses_of_this_machine_alone(address: str, only_here: bool) -> None:
    assert is_loopback(address) is only_here


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.jpg", "a.jpg"),
        ("..\\..\\b.jpg", "b.jpg"),
        ("/etc/passwd", "passwd"),
        ("..", "file"),
        ("a\0b.png", "a_b.png"),
        ("x" + "." * 60 + "y" * 100, "y" * 100),
    ],
)
def test_names_from_a_browser(name: str, kept: str) -> None:
    assert harmless(name) == kept
