"""What a proxy says of whoever asks through it: believed from the proxy alone, since anybody can say it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from tornado.httputil import HTTPServerRequest

from labelkit.errors import InputError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: By these a request tells that it came through a proxy.
_TOLD = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via")


class Proxies:
    """The proxies before a server, by address or network; raises `InputError` for what is neither."""

    def __init__(self, addresses: Iterable[str] = ()) -> None:
        try:
            self._networks = [ipaddress.ip_network(one, strict=False) for one in addresses]
        except ValueError as error:
            raise InputError(f"a proxy is known by its address or network: {error}") from error

    def __bool__(self) -> bool:
        return bool(self._networks)

    def believe(self, request: HTTPServerRequest) -> None:
        """Put into a request that came from a proxy who asked it, and whether by HTTPS.

        ``X-Forwarded-For`` grows at its end: what stands there was written by the proxy that is known,
        what stands before may be anybody's invention. So it is read from the end up to the first
        address that is no proxy's; where an entry is no address, the last one known counts.
        """
        if not self.known(str(request.remote_ip)):
            return
        for entry in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
            address = _address(entry)
            if address is None:
                break
            request.remote_ip = str(address)
            if not self.known(request.remote_ip):
                break
        protocol = request.headers.get("X-Forwarded-Proto", "").split(",")[-1].strip().lower()
        if protocol in ("http", "https"):
            request.protocol = protocol

    def known(self, address: str) -> bool:
        """Whether this is the address of one of them."""
        found = _address(address)
        return found is not None and any(found in network for network in self._networks)


def through_proxy(request: HTTPServerRequest) -> bool:
    """Whether a request says that it came through any proxy."""
    return any(name in request.headers for name in _TOLD)


def _address(text: str) -> _Address | None:
    """An address as proxies write it, some with a port; None for what is none."""
    plain = text.strip().strip('"')
    if plain.startswith("["):
        plain = plain[1:].partition("]")[0]
    elif plain.count(":") == 1:
        plain = plain.partition(":")[0]
    try:
        found = ipaddress.ip_address(plain)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
