"""What our Panel components share."""

from __future__ import annotations

from labelkit.editor.component import Component


class Small(Component):
    _esm = "export default { render() {} }"


class Other(Component):
    _esm = "export default { render() { return null } }"


def test_browsers_run_a_module_as_it_is() -> None:
    small, other = Small().get_root(), Other().get_root()
    assert small.esm == Small._esm
    assert small.bundle is not None  # else Panel has the browser rewrite it
    assert small.bundle != other.bundle
