"""What pages may do in a browser: the Content-Security-Policy, and who may ask for what from elsewhere.

Names and notes are shown as text everywhere; should one ever be taken for HTML, a browser still runs no
script of it, loads nothing for it, and sends nothing to another server.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

#: For what is no page: nothing may be loaded by it, and nobody may show it in a frame.
NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

#: Where what is no file of its own begins in a page; the options of es-module-shims are among it, which
#: looks there for the nonce of the scripts that it writes.
_INLINE = re.compile(rb'<script(?: type="(?:text/javascript|esms-options)")?(?=>)')

#: How many of them Bokeh's page has: those options, what sets the log's level, and the key to the session.
_OURS = 3


def with_policy(page: bytes, host: str) -> tuple[bytes, str]:
    """A page of the app with its policy; its web socket is at ``host``.

    Bokeh's templates know no nonce, so it is put into the three scripts that they write; in a page with
    any more of them something has been slipped in, and none is run. Our components are modules that
    Panel imports from memory, hence ``blob:``, and Bokeh sets styles of elements, hence inline styles.
    """
    nonce = secrets.token_urlsafe(18)
    if len(_INLINE.findall(page)) == _OURS:
        page = _INLINE.sub(rf'\g<0> nonce="{nonce}"'.encode(), page)
    policy = [
        "default-src 'none'",
        f"script-src 'self' blob: 'nonce-{nonce}'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        f"connect-src 'self' blob: ws://{host} wss://{host}",
        "manifest-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
    return page, "; ".join(policy)


def form_policy(page: str) -> str:
    """The policy of a page of plain HTML with a form and one style sheet."""
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    hashes = " ".join(f"'sha256-{_hash(style.encode())}'" for style in styles)
    return (
        f"default-src 'none'; style-src {hashes}; img-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


def _hash(text: bytes) -> str:
    return base64.b64encode(hashlib.sha256(text).digest()).decode()
