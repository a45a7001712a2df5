"""Tests of the lines that are drawn again and again."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios

import pytest

from pscheduler_batch.terminal.screen import USUAL_SIZE, Screen
from tests.support.terminal import visible


@pytest.fixture
def stream():
    """A stream with something on it already."""
    made = io.StringIO()
    made.write("before\n")
    return made


@pytest.fixture
def terminal():
    """A terminal of 33 columns and 7 rows, from both ends."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 7, 33, 0, 0))
    with os.fdopen(theirs, "w", encoding="ascii") as stream:
        yield ours, stream
    os.close(ours)


def test_lines_take_the_place_of_those_before(stream):
    """However many there were, and however long."""
    screen = Screen(stream)
    screen.draw(["the first line", "second", "third"])
    screen.draw(["one", "two"])

    assert visible(stream.getvalue()) == ["before", "one", "two"]


def test_the_cursor_stands_where_the_lines_begin(stream):
    """So the terminal itself remembers where that is, also if it breaks lines anew."""
    Screen(stream).draw(["one", "two", "three"])

    assert visible(stream.getvalue() + "X") == ["before", "Xne", "two", "three"]


def test_lines_that_stay_come_above(stream):
    """Each of them once, whatever is drawn afterwards."""
    screen = Screen(stream)
    screen.draw(["a long line that was drawn", "two"])
    screen.draw(["one", "two"], ["warning", "another"])
    screen.draw(["one"])

    assert visible(stream.getvalue()) == ["before", "warning", "another", "one"]


def test_each_line_is_erased_before_it_is_written(stream):
    """As a terminal that had broken the line there would take it for the beginning of the next one."""
    Screen(stream).draw(["one", "two"], ["warning"])

    assert re.findall(r"\x1b\[K(\w+)", stream.getvalue()) == ["warning", "one", "two"]


def test_what_is_erased_leaves_nothing(stream):
    """The next line is written where the first one was drawn."""
    screen = Screen(stream)
    screen.draw(["one", "two"])
    screen.erase()
    screen.write_line("after")

    assert visible(stream.getvalue()) == ["before", "after", ""]


def test_nothing_is_erased_where_nothing_was_drawn(stream):
    """Not a character is written then."""
    Screen(stream).erase()

    assert stream.getvalue() == "before\n"


def test_no_mode_of_the_terminal_stays_changed(stream):
    """So a process that is killed leaves it as it was; lines that stay are broken, those that are drawn are cut."""
    screen = Screen(stream)
    screen.draw(["one", "two"], ["warning"])
    screen.erase()
    before, within, after = re.split("\x1b\\[[?]7[lh]", stream.getvalue())

    assert [word in within for word in ("warning", "one", "two")] == [False, True, True]
    assert "\x1b[?" not in before + within + after


def test_the_size_is_that_of_the_terminal_just_now(terminal):
    """It may change at any moment."""
    ours, stream = terminal
    screen = Screen(stream)
    first = screen.size()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))

    assert (first, screen.size()) == ((33, 7), (200, 50))


def test_a_terminal_that_does_not_say_its_size_has_the_usual_one(terminal, stream):
    """It has no size, or one of no rows and columns, as on serial lines."""
    ours, other = terminal
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 0, 0, 0, 0))

    assert [Screen(stream).size(), Screen(other).size()] == [USUAL_SIZE, USUAL_SIZE]


def test_what_the_terminal_cannot_show_is_replaced(terminal):
    """An encoding of ASCII is no reason to fail."""
    ours, stream = terminal
    screen = Screen(stream)
    screen.draw(["Zürich 測定"])

    assert "Z?rich ??" in os.read(ours, 1000).decode()
    assert not screen.gone


@pytest.mark.parametrize("number", ["a pipe that nobody reads", "closed"])
def test_a_terminal_that_fails_is_written_to_no_more(number):
    """And is not an error."""
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w")
    screen = Screen(stream)
    os.close(reader)
    if number == "closed":
        stream.close()
    screen.draw(["one"])
    screen.erase()
    screen.write_line("two")

    assert screen.gone
    stream.close()


def test_a_stream_without_a_terminal_counts_as_foreground(stream):
    """There are no jobs in the background."""

    assert Screen(stream).is_ours()
