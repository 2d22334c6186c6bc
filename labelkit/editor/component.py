"""What our Panel components share, whatever they show."""

from __future__ import annotations

import hashlib
from typing import Any

from panel.custom import JSComponent


class Component(JSComponent):
    """A component whose module is JavaScript as browsers run it.

    Panel takes a module for TypeScript and has each browser rewrite it before the page is shown,
    which for the editor's takes longer than everything else; a module that is named as a bundle is
    run as it is.
    """

    __abstract = True

    def _get_properties(self, doc: Any) -> dict[str, Any]:
        properties: dict[str, Any] = super()._get_properties(doc)
        return {**properties, "bundle": hashlib.sha256(properties["esm"].encode()).hexdigest()}
