"""The project's scheme and its revisions."""

from __future__ import annotations

from collections.abc import Sequence

from labelkit.scheme import Scheme
from labelkit.store.values import SchemeRevision, SchemeSwitch


class SchemeCalls:
    """The part of `Store` about the scheme."""

    def scheme(self) -> Scheme:
        """The project's present scheme."""
        return self.scheme_revision().scheme

    def scheme_revision(self, revision: int | None = None) -> SchemeRevision:
        """A revision of the scheme, the present one by default; `InputError` for an unknown one."""
        raise NotImplementedError

    def scheme_history(self) -> list[SchemeRevision]:
        """Every revision, the oldest first."""
        raise NotImplementedError

    def change_scheme(
        self, scheme: Scheme, origin: Sequence[int], author: str, note: str = ""
    ) -> SchemeSwitch:
        """Make ``scheme`` the project's scheme.

        ``origin`` holds, for each point of ``scheme``, the index of the point of the present
        scheme that it continues, or -1 where it is new. No annotation is touched. When points
        were added, faces that are ``done`` or ``reviewed`` and have no value for them become
        ``predicted`` with the reason "new points"; faces that were waiting for points that are
        no longer there are finished again. Raises `InputError` when ``origin`` does not fit.
        """
        raise NotImplementedError

    def undo_scheme_change(self, author: str) -> SchemeSwitch:
        """Go back one change: a new revision with the points and uids of the one before.

        Called again, it goes back further. Removed points return with what was annotated.
        Raises `InputError` when the present scheme is the first.
        """
        raise NotImplementedError
