"""What a terminal can show: its width, and whether it has colors."""

from __future__ import annotations

import os
from typing import Mapping, Optional, TextIO

# Of a line that goes to something else than a terminal, if nothing needs more.
USUAL_WIDTH = 80
# No terminal is wider, but a number in the environment can be anything.
GREATEST_WIDTH = 1000

C_LOCALES = frozenset({"C", "POSIX"})

# Values of TERM for terminals without control sequences.
DUMB = frozenset({"", "dumb", "unknown"})


def known_width(stream: Optional[TextIO], environ: Mapping[str, str]) -> Optional[int]:
    """
    Return how many characters a line may have; None where the stream is not a terminal that reports its width.

    Args:
        stream: Where the text will go; None where there is no such stream.
        environ: ``COLUMNS`` takes precedence over the terminal.
    """
    given = environ.get("COLUMNS", "")
    if given.isascii() and given.isdecimal() and int(given[:5]) > 0:
        return min(int(given[:5]), GREATEST_WIDTH)
    try:
        found = 0 if stream is None else os.get_terminal_size(stream.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return None
    return min(found, GREATEST_WIDTH) or None


def encoding_of(stream: Optional[TextIO], environ: Mapping[str, str]) -> str:
    """
    Return the encoding that a reader of a stream understands.

    Args:
        stream: Where the text will go.
        environ: With ``LC_ALL`` "C" or "POSIX", it is ASCII, although Python writes UTF-8 there; unless Python was told
            to.
    """
    is_set = environ.get("PYTHONUTF8") or environ.get("PYTHONIOENCODING")
    if environ.get("LC_ALL") in C_LOCALES and not is_set:
        return "ascii"
    return getattr(stream, "encoding", None) or "utf-8"


def has_colors(stream: Optional[TextIO], environ: Mapping[str, str]) -> bool:
    """
    Return whether a text may have colors.

    Args:
        stream: Where the text will go; only terminals have colors.
        environ: ``NO_COLOR``, if not empty, forbids them (https://no-color.org), and so may ``TERM``.
    """
    if environ.get("NO_COLOR") or environ.get("TERM", "") in DUMB:
        return False
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        # It was closed.
        return False
