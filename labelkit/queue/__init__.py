"""Who is looked at next, and why: orders of the queue, its reasons in words, and what is like what.

Pure Python and numpy on values. The store keeps faces sorted by the score, so that a page of the
queue costs no more than a page.
"""

from __future__ import annotations

from labelkit.queue.likeness import BYTES, signature
from labelkit.queue.order import (
    ORDER,
    WAYS,
    QueueItem,
    Waiting,
    Way,
    by_doubt,
    reason,
    score,
    shuffled,
)
from labelkit.queue.spread import Look, spread_out
from labelkit.queue.teaching import speak_for_others
from labelkit.queue.words import in_words

__all__ = [
    "BYTES",
    "ORDER",
    "WAYS",
    "Look",
    "QueueItem",
    "Waiting",
    "Way",
    "by_doubt",
    "in_words",
    "reason",
    "score",
    "shuffled",
    "signature",
    "speak_for_others",
    "spread_out",
]
