"""Tests of what is found out about terminals."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import termios

import pytest

from pscheduler_batch.terminal.capabilities import encoding_of, has_colors, known_width


class Terminal(io.StringIO):
    """A terminal without a size."""

    def isatty(self):
        """Return True."""
        return True


def test_the_width_is_that_of_the_terminal():
    """Where the environment does not say anything else."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as stream, os.fdopen(ours, "rb"):
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 33, 0, 0))
        found = known_width(stream, {}), known_width(stream, {"COLUMNS": "44"}), known_width(stream, {"COLUMNS": "0"})

    assert found == (33, 44, 33)


@pytest.mark.parametrize("columns", ["", "0", "-5", "wide", "²"])
def test_the_width_may_be_unknown(columns):
    """Where the stream is not a terminal, is closed, or is None."""
    closed = io.StringIO()
    closed.close()

    assert [known_width(stream, {"COLUMNS": columns}) for stream in (io.StringIO(), closed, None)] == [None] * 3


def test_no_terminal_is_wider_than_can_be():
    """A number in the environment can be anything."""

    assert known_width(None, {"COLUMNS": "9" * 5000}) == 1000


@pytest.mark.parametrize(
    ("environ", "encoding"),
    [
        ({}, "utf-8"),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, "utf-8"),
        ({"LC_ALL": "C"}, "ascii"),
        ({"LC_ALL": "POSIX"}, "ascii"),
        ({"LC_ALL": "C", "PYTHONUTF8": "1"}, "utf-8"),
        ({"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}, "utf-8"),
    ],
)
def test_a_c_locale_has_ascii_only(environ, encoding):
    """Python writes UTF-8 there, which terminals of this locale do not show; unless it was told to."""

    assert encoding_of(io.StringIO(), environ) == encoding_of(None, environ) == encoding
    assert encoding_of(io.TextIOWrapper(io.BytesIO(), "utf-8"), environ) == encoding


def test_the_encoding_is_that_of_the_stream():
    """Whatever the locale is, if it is not C."""

    assert encoding_of(io.TextIOWrapper(io.BytesIO(), "latin-1"), {"LC_ALL": "de_DE.UTF-8"}) == "latin-1"


def test_a_closed_stream_has_no_colors():
    """Nor has one that is none."""
    closed = Terminal()
    closed.close()
    closed.isatty = io.StringIO.isatty.__get__(closed)

    assert [has_colors(stream, {"TERM": "xterm"}) for stream in (closed, None)] == [False, False]


@pytest.mark.parametrize(
    ("environ", "colors"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "unknown"}, False), ({}, False)],
)
def test_colors_are_for_terminals_that_have_them(environ, colors):
    """And for users who want them."""

    assert has_colors(Terminal(), environ) is colors
    assert not has_colors(io.StringIO(), environ)
