"""Keeping what Python does about garbage away from people who wait.

Looking for garbage takes as long as there are objects, and nobody is answered meanwhile: some 0.3 s with
all of what the app and the studio import, and Panel asks for it whenever a page was closed. What lives
as long as the server is therefore put aside (`gc.freeze`), where it is not looked at again.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

#: Looks after which it is believed that nobody is there any more: what was open is let go a little later.
_ALONE = 6


class Rest:
    """``sessions()`` says how many are open. `check` is to be called every few seconds.

    What open pages hold when something is put aside goes with it; it is looked through when nobody is
    there any more.
    """

    def __init__(self, sessions: Callable[[], int]) -> None:
        self._sessions = sessions
        self._modules = self._seen = 0
        self._open, self._alone = False, 0

    def check(self) -> None:
        """Put aside what was imported since, when that is at its end, and free what those have left who
        were there."""
        before, self._seen = self._seen, len(sys.modules)
        self._open = self._open or self._sessions() > 0
        self._alone = 0 if self._sessions() else self._alone + 1
        if self._open and self._alone >= _ALONE:
            gc.unfreeze()
            self._settle()
        if before == self._seen != self._modules:
            self._settle()

    def end(self) -> None:
        """Take everything up again, so that Python ends as it does elsewhere: what stays aside then is
        called leaked on the terminal."""
        gc.unfreeze()

    def _settle(self) -> None:
        gc.collect()
        gc.freeze()
        self._modules, self._open = self._seen, self._sessions() > 0
