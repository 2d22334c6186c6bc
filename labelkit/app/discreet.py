"""Where things lie on the server's disk is nobody's business who does not sit there.

Messages name files by their whole paths, as they should on a terminal. Who has come from elsewhere is
told the part of it that belongs to the project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path


class Discreet:
    """Puts words in the place of folders: ``words`` by folder."""

    def __init__(self, words: Mapping[Path, str]) -> None:
        self._words: dict[str, str] = {}
        for folder, word in words.items():
            for place in {folder, folder.absolute(), folder.resolve()}:
                if place.is_absolute() and place != Path(place.anchor):
                    # As a message has it, and as JSON writes it that knows ASCII alone.
                    self._words |= {str(place): word, json.dumps(str(place))[1:-1]: word}
        longest = sorted(self._words, key=len, reverse=True)
        inside = "|".join(map(re.escape, longest))
        # A whole path: not the end of a longer one, nor the beginning of another name.
        self._places = re.compile(rf"(?<![\w.-])(?:{inside})(?![\w.-])") if longest else None

    def __call__(self, text: str) -> str:
        """``text`` without those folders."""
        return self._places.sub(lambda found: self._words[found[0]], text) if self._places else text
