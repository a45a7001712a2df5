"""
Text for a terminal, or for whatever stands where one might: how wide it is, whether it has colors, what it can show.

Nothing is left to what rich finds out for itself, so that a text is the same wherever it is made.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Iterable, Mapping, Optional, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType

USUAL_WIDTH = 80
# No terminal is wider, and a number in the environment can be anything.
GREATEST_WIDTH = 1000

# Terminals that only take lines.
DUMB = frozenset({"", "dumb", "unknown"})


def width_of(stream: Optional[TextIO], environ: Mapping[str, str]) -> int:
    """
    Say how many characters a line may have.

    Args:
        stream: Where the text will go; None where there is no such stream.
        environ: ``COLUMNS`` comes before what the terminal says.
    """
    return known_width(stream, environ) or USUAL_WIDTH


def known_width(stream: Optional[TextIO], environ: Mapping[str, str]) -> Optional[int]:
    """Say the same, but None where the stream leads to no terminal that says it, such as to a file."""
    given = environ.get("COLUMNS", "")
    if given.isascii() and given.isdecimal() and int(given[:5]) > 0:
        return min(int(given[:5]), GREATEST_WIDTH)
    try:
        found = 0 if stream is None else os.get_terminal_size(stream.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return None
    return min(found, GREATEST_WIDTH) or None


def has_colors(stream: Optional[TextIO], environ: Mapping[str, str]) -> bool:
    """
    Say whether a text may have colors.

    Args:
        stream: Where the text will go; only terminals have any.
        environ: ``NO_COLOR``, if it is not empty, is against it (https://no-color.org), and so may ``TERM`` be.
    """
    if environ.get("NO_COLOR") or environ.get("TERM", "") in DUMB:
        return False
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        # It was closed.
        return False


def render_lines(parts: Iterable[RenderableType], width: int, *, color: bool = False) -> str:
    """
    Write tables and texts below each other, texts wrapped at words.

    Args:
        parts: What rich can render; a plain text is taken as it is.
        width: How many characters a line has at most.
        color: Whether colors are written, as terminals understand them.

    Returns:
        Lines without blanks at their ends, each with a newline.
    """
    from rich.console import Console  # noqa: PLC0415 - it takes time to import

    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        height=25,
        force_terminal=color,
        force_interactive=False,
        force_jupyter=False,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
        _environ={},
    )
    for part in parts:
        console.print(part)
    # Cells are filled up with blanks; at the end of a line they only get in the way.
    return "\n".join(line.rstrip() for line in stream.getvalue().split("\n"))
