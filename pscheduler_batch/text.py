"""Texts for messages: values, names, labels, times and durations, fit for a terminal."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from difflib import get_close_matches
from itertools import islice
from typing import Any, Iterable, List, Mapping, Optional

from pscheduler_batch.pointers import Path, is_secret

_WIDTH = 60

_MEMBERS = 4

_DEPTH = 3

# The length of a name up to which a single wrong letter makes a large difference.
_SHORT = 3

_MINUTE = 60
_UNITS = (("d", 86400), ("h", 3600), ("min", _MINUTE), ("s", 1))

# From the first on, a number is written with an exponent; below the second, with decimals.
_NEEDS_EXPONENT = 1e15
_THREE_DIGITS = 100

_BOTH = 2


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
    Write a name, a label or any other external text in at most 60 characters.

    >>> shorten("x" * 100) == "x" * 59 + "…", shorten("a\nb")
    (True, 'a\\u000ab')
    """
    return printable(name if len(name) <= _WIDTH else name[: _WIDTH - 1] + "…")


def closest(name: str, known: Iterable[str]) -> Optional[str]:
    """
    Return the known name that is most like a misspelt one.

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
    # One letter is a third of a name such as rtt or dns.
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


def count_words(number: int, noun: str) -> str:
    """
    Write a number of things.

    >>> count_words(1, "run"), count_words(1200, "run")
    ('1 run', '1,200 runs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def all_words(number: int, nouns: str) -> str:
    """
    Write all of several things.

    >>> all_words(2, "runs"), all_words(1200, "runs")
    ('both runs', 'all 1,200 runs')
    """
    return f"both {nouns}" if number == _BOTH else f"all {number:,} {nouns}"


def _outline(value: Any, depth: int) -> Any:
    """Reduce a value to what is shown before it is written, so that a large one costs nothing."""
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
    Replace control characters, and others that a terminal cannot show, by their escapes.

    >>> print(printable("\x1b[2J"))
    \u001b[2J
    """
    # True of nearly every text, and a large report calls this a million times.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


# What stands for the signs of this program where an encoding lacks them.
_SIMPLER = {"→": "->", "…": "...", "·": ".", "█": "#", "▒": "?", "≤": "<=", "━": "-", "╸": "-", "╺": "-"}


def encodable(text: str, encoding: str) -> str:
    r"""
    Replace characters that an encoding lacks: signs of this program by similar ones, all others by escapes.

    >>> print(encodable("a → ü…", "ascii"), encodable("a → ü…", "latin-1"))
    a -> \xfc... a -> ü...
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_encodable(character, encoding) for character in text)
    return text


def _encodable(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return _SIMPLER.get(character) or character.encode(encoding, "backslashreplace").decode(encoding)
    return character


HIDDEN = "(hidden)"

# The name of an input that is not a file.
STANDARD_INPUT = "standard input"

# The maximum length of a reason; the output has all of it.
REASON_CUT_AT = 500


def legible(text: str, limit: int = REASON_CUT_AT) -> str:
    r"""
    Write any text as one line, fit for a terminal.

    >>> legible("forbidden:\n  by \x1b[31mlimits")
    'forbidden: by \\u001b[31mlimits'
    """
    # Cut before it is split, as it may have any length.
    words = " ".join(text[: 4 * limit].split())
    return printable(words if len(words) <= limit else words[: limit - 1] + "…")


def label_words(label: str) -> str:
    """
    Write the label of an iteration; a long one is cut before its number.

    >>> label_words("x" * 100 + "/12") == "x" * 59 + "…/12"
    True
    """
    job, slash, number = label.rpartition("/")
    return f"{shorten(job)}{slash}{number}"


def time_words(time: datetime, *, tenths: bool = False) -> str:
    """
    Write a time in whole seconds or tenths, in its own time zone.

    >>> from datetime import timezone
    >>> time = datetime(2026, 3, 1, 12, 0, 0, 680000, timezone.utc)
    >>> time_words(time), time_words(time, tenths=True)
    ('2026-03-01T12:00:00+00:00', '2026-03-01T12:00:00.6+00:00')
    """
    if not tenths:
        return time.isoformat(timespec="seconds")
    written = time.isoformat(timespec="milliseconds")
    hundredths = slice(len("2026-03-01T12:00:00.6"), len("2026-03-01T12:00:00.600"))
    return written[: hundredths.start] + written[hundredths.stop :]


def number_words(value: float) -> str:
    """
    Write a number with three significant digits, or with all of those before the decimal point.

    >>> [number_words(value) for value in (0, 0.0421, 0.4, 12.345, 99.96, 1234.5)]
    ['0', '0.0421', '0.4', '12.3', '100', '1234']
    """
    if abs(value) >= _NEEDS_EXPONENT:
        return f"{value:.3g}"
    if abs(value) >= _THREE_DIGITS:
        return f"{value:.0f}"
    written = f"{float(f'{value:.3g}'):.6f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def clock_time(span: timedelta) -> str:
    """
    Write a duration as a clock does, rounded up to whole seconds.

    >>> clock_time(timedelta(seconds=6.2)), clock_time(timedelta(hours=1, seconds=61)), clock_time(timedelta(days=2))
    ('0:07', '1:01:01', '2d 0:00:00')
    """
    minutes, seconds = divmod(-(-span // timedelta(seconds=1)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}:{minutes:02}:{seconds:02}"
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def two_units(span: timedelta) -> str:
    """
    Write a duration exactly to the second, in its two largest units that are not zero.

    >>> two_units(timedelta(seconds=90)), two_units(timedelta(seconds=0.25)), two_units(timedelta(hours=49))
    ('1 min 30 s', '0.25 s', '2 d 1 h')
    """
    seconds = span.total_seconds()
    if seconds < _MINUTE:
        return f"{round(seconds, 3 if seconds < 1 else 1):g} s"
    rest = round(seconds)
    words: List[str] = []
    for unit, size in _UNITS:
        amount, rest = divmod(rest, size)
        if amount:
            words.append(f"{amount:,} {unit}")
    return " ".join(words[:2])


def short_duration(seconds: float) -> str:
    """
    Write a measured duration, rounded to three digits or to two neighbouring units.

    >>> [short_duration(seconds) for seconds in (0.0042, 2.607, 59.97, 185, 7260, 90000)]
    ['4.2 ms', '2.61 s', '1 min', '3 min 5 s', '2 h 1 min', '1 d 1 h']
    """
    size = abs(seconds)
    sign = "-" if seconds < 0 else ""
    if float(f"{size:.3g}") < 1:
        return f"{sign}{number_words(size * 1000)} ms" if size else "0 s"
    if float(f"{size:.3g}") < _MINUTE:
        return f"{sign}{number_words(size)} s"
    for (unit, length), (part, part_length) in zip(_UNITS, _UNITS[1:]):
        whole, rest = divmod(round(size / part_length), length // part_length)
        if whole:
            return f"{sign}{whole} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{sign}{number_words(size)} s"
