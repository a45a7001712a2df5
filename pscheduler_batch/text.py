"""What messages say about a value, and which name somebody may have meant."""

from __future__ import annotations

import json
import re
from datetime import datetime
from itertools import islice
from typing import Any, Iterable, Mapping, Optional

from pscheduler_batch.pointers import Path, is_secret

_WIDTH = 60

_MEMBERS = 4

_DEPTH = 3

# How many letters a name has of which one may be wrong for it to be taken for another.
_SHORT = 3


def show(value: Any, path: Path = ()) -> str:
    """
    Write a value as JSON in one line of some 60 characters, without secrets.

    >>> show({"_key": "abc", "size": 1})
    '{"_key": "(hidden)", "size": 1}'

    Args:
        value: Any JSON.
        path: Where it is; below a name that begins with ``_`` nothing is shown.
    """
    if is_secret(path):
        return HIDDEN
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > _WIDTH * 8:
        return "a very long number"
    text = json.dumps(_outline(value, 0), ensure_ascii=False)
    return printable(text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…")


def shorten(name: str) -> str:
    r"""
    Write a name, a label or any other text from outside for a sentence, in 60 characters.

    >>> shorten("x" * 100) == "x" * 59 + "…", shorten("a\nb")
    (True, 'a\\u000ab')
    """
    return printable(name if len(name) <= _WIDTH else name[: _WIDTH - 1] + "…")


def closest(name: str, known: Iterable[str]) -> Optional[str]:
    """
    Find the name that somebody may have meant.

    >>> closest("sync_start", ["sync-start", "schema"]), closest("iteration", ["iterations"]), closest("x", ["label"])
    ('sync-start', 'iterations', None)
    >>> closest("rrt", ["idle", "rtt"]), closest("dsn", ["dns"])
    ('rtt', 'dns')
    """
    names = list(known)
    hyphened = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.strip()).replace("_", "-").replace(" ", "-").lower()
    if hyphened in names:
        return hyphened
    joined = {other.replace("-", ""): other for other in names}
    if hyphened.replace("-", "") in joined:
        return joined[hyphened.replace("-", "")]
    from difflib import get_close_matches  # noqa: PLC0415 - only needed when something is wrong

    # One letter is a third of such a name as rtt or dns.
    alike = 0.7 if len(hyphened) > _SHORT else 0.6
    matches = get_close_matches(hyphened, names, 1, alike)
    return matches[0] if matches else None


def list_names(names: Iterable[str]) -> str:
    """
    Write names for a sentence.

    >>> list_names(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _outline(value: Any, depth: int) -> Any:
    """Cut a value down to what can be shown, before anything is written, so that a large one costs nothing."""
    if isinstance(value, str):
        return value[: _WIDTH + 1]
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > _WIDTH * 8:
        return "…"
    if isinstance(value, (Mapping, list)) and value and depth == _DEPTH:
        return "…"
    if isinstance(value, Mapping):
        pairs = {n: HIDDEN if n.startswith("_") else _outline(v, depth + 1) for n, v in islice(value.items(), _MEMBERS)}
        return pairs if len(value) <= _MEMBERS else {**pairs, "…": "…"}
    if isinstance(value, list):
        items = [_outline(item, depth + 1) for item in value[:_MEMBERS]]
        return items if len(value) <= _MEMBERS else [*items, "…"]
    return value


def printable(text: str) -> str:
    r"""
    Replace what a terminal cannot show, or would obey, by its escape.

    >>> print(printable("\x1b[2J"))
    \u001b[2J
    """
    # Nearly every text; a large report asks this a million times.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


HIDDEN = "(hidden)"

# The most characters of a reason; the output has it whole.
REASON_CUT_AT = 500


def legible(text: str, limit: int = REASON_CUT_AT) -> str:
    r"""
    Make one line, fit for a terminal, of any text.

    >>> legible("forbidden:\n  by \x1b[31mlimits")
    'forbidden: by \\u001b[31mlimits'
    """
    # Cut before it is split, as it may be of any length.
    words = " ".join(text[: 4 * limit].split())
    return printable(words if len(words) <= limit else words[: limit - 1] + "…")


def label_words(label: str) -> str:
    """
    Write the label of an iteration; where it is long, its number is the last that is left out.

    >>> label_words("x" * 100 + "/12") == "x" * 59 + "…/12"
    True
    """
    job, slash, number = label.rpartition("/")
    return f"{shorten(job)}{slash}{number}"


def time_words(time: datetime) -> str:
    """
    Write a time in whole seconds, in the zone that it has.

    >>> from datetime import timezone
    >>> time_words(datetime(2026, 3, 1, 12, 0, 0, 600000, timezone.utc))
    '2026-03-01T12:00:00+00:00'
    """
    return time.isoformat(timespec="seconds")
