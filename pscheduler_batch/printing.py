"""What comes from outside, made fit for a terminal; at the bottom of everything, as messages of errors need it too."""

from __future__ import annotations


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
