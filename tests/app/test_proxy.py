from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest

from labelkit.app.proxy import Proxies, through_proxy
from labelkit.errors import InputError

PROXIES = Proxies(["127.0.0.7", "10.9.0.0/16", "fd00::/8"])


def asked(peer: str, **told: str) -> HTTPServerRequest:
    """What is believed of a request from ``peer``."""
    headers = HTTPHeaders({name.replace("_", "-"): value for name, value in told.items()})
    request = HTTPServerRequest("GET", "/", headers=headers)
    request.remote_ip, request.protocol = peer, "http"
    PROXIES.believe(request)
    return request


@pytest.mark.parametrize(
    ("peer", "told", "believed"),
    [
        ("127.0.0.7", "192.0.2.5", "192.0.2.5"),
        ("10.9.1.2", "192.0.2.5:4711", "192.0.2.5"),
        ("127.0.0.7", '"[2001:db8::5]:4711"', "2001:db8::5"),
        ("127.0.0.7", "::ffff:192.0.2.5", "192.0.2.5"),
        # What stands before the last entry is anybody's invention, but for what proxies wrote.
        ("127.0.0.7", "198.51.100.9, 192.0.2.5", "192.0.2.5"),
        ("127.0.0.7", "198.51.100.9, 192.0.2.5, 10.9.3.4", "192.0.2.5"),
        ("127.0.0.7", "192.0.2.5, 10.9.3.4, fd00::1", "192.0.2.5"),
        # Nobody else is believed.
        ("192.0.2.66", "198.51.100.9", "192.0.2.66"),
        ("127.0.0.1", "198.51.100.9", "127.0.0.1"),
        ("fe80::1", "198.51.100.9", "fe80::1"),
        # What is no address counts for nothing.
        ("127.0.0.7", "", "127.0.0.7"),
        ("127.0.0.7", "unknown", "127.0.0.7"),
        ("127.0.0.7", "192.0.2.5, <script>", "127.0.0.7"),
        ("127.0.0.7", "<script>, 10.9.3.4", "10.9.3.4"),
        ("127.0.0.7", "192.0.2.5,,", "127.0.0.7"),
        ("127.0.0.7", "9" * 10_000, "127.0.0.7"),
    ],
)
def test_the_last_address_that_is_no_proxys_is_who_asks(peer: str, told: str, believed: str) -> None:
    assert asked(peer, X_Forwarded_For=told).remote_ip == believed


@pytest.mark.parametrize(
    ("peer", "told", "believed"),
    [
        ("127.0.0.7", "https", "https"),
        ("127.0.0.7", "http, HTTPS", "https"),
        ("127.0.0.7", "https, http", "http"),
        ("127.0.0.7", "javascript", "http"),
        ("192.0.2.66", "https", "http"),
    ],
)
def test_https_is_believed_from_the_proxy_alone(peer: str, told: str, believed: str) -> None:
    assert asked(peer, X_Forwarded_Proto=told).protocol == believed


def test_what_comes_through_a_proxy_is_noticed() -> None:
    assert through_proxy(asked("127.0.0.1", x_forwarded_for="1.2.3.4"))
    assert through_proxy(asked("127.0.0.1", Via="1.1 somewhere"))
    assert not through_proxy(asked("127.0.0.1", Accept="*/*"))


@pytest.mark.parametrize("address", ["", "proxy.example", "1.2.3.4/99", "1.2.3"])
def test_what_is_no_address_is_no_proxy(address: str) -> None:
    with pytest.raises(InputError, match="a proxy is known by its address"):
        Proxies([address])
