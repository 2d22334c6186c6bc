from __future__ import annotations

import re

from labelkit.app.policy import form_policy, with_policy

PAGE = b"""<script type="esms-options">{}</script><script src="static/a.js"></script>
<script type="text/javascript">Bokeh.set_log_level("info")</script>
<script type="application/json" id="p1">{}</script><script>(function() {})()</script>"""


def test_the_scripts_of_a_page_have_a_nonce_of_their_own() -> None:
    (page, policy), (_, other) = with_policy(PAGE, "here:1"), with_policy(PAGE, "here:1")
    nonce = re.search(r"script-src 'self' blob: 'nonce-([^']{20,})'", policy)
    assert nonce is not None
    assert page.count(f'nonce="{nonce[1]}"'.encode()) == 3
    assert b'src="static/a.js"></script>' in page
    assert policy != other
    assert "unsafe-eval" not in policy
    assert "connect-src 'self' blob: ws://here:1 wss://here:1" in policy


def test_a_page_with_a_script_too_many_runs_none() -> None:
    for more in (b"<script>alert(1)</script>", b'<script type="text/javascript">alert(1)</script>'):
        page, _ = with_policy(PAGE + more, "here:1")
        assert page == PAGE + more


def test_the_policy_of_a_form_names_its_style_and_no_script() -> None:
    policy = form_policy("<style>a{}</style><form>")
    assert re.search(r"style-src 'sha256-[\w+/]{43}='", policy)
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'")
