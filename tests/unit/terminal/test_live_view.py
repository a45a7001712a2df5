"""Tests of the live view as a whole: what is drawn when, and that nothing waits for it."""

from __future__ import annotations

import io
import os
import threading
from contextlib import suppress

import pytest

from pscheduler_batch.events import Interrupted, Stopping, TaskLeft
from pscheduler_batch.terminal.live_view import STOPPING, LiveView
from tests.support.clock import after
from tests.support.events import BatchEvents
from tests.support.terminal import visible

BATCH = BatchEvents({"iterations": 3})
ENVIRON = {"TERM": "xterm"}


class Watched(io.StringIO):
    """A stream that reports when something is written."""

    def __init__(self) -> None:
        super().__init__()
        self._news = threading.Condition()

    def write(self, text: str) -> int:
        """Write, and tell."""
        with self._news:
            count = super().write(text)
            self._news.notify_all()
        return count

    def until(self, word: str) -> None:
        """Wait until something is written."""
        with self._news:
            assert self._news.wait_for(lambda: word in self.getvalue(), 60)


@pytest.fixture
def stream():
    """A stream."""
    return Watched()


@pytest.fixture
def view(stream):
    """A view that draws when it is told to."""
    return LiveView(stream, ENVIRON, lambda: after(3))


def fill(pipe: int) -> None:
    """Write to a pipe until it takes no more."""
    os.set_blocking(pipe, False)
    with suppress(BlockingIOError):
        while True:
            os.write(pipe, b" " * 65536)
    os.set_blocking(pipe, True)


def begin(view) -> None:
    """Start the batch with an iteration."""
    for event in [*BATCH.begin(), BATCH.move(0, 1, "running", end=10)]:
        view.watch(event)


def test_nothing_is_drawn_before_the_batch_begins(view, stream):
    """There is nothing to show."""
    view.draw()

    assert stream.getvalue() == ""


def test_it_shows_how_things_are(view, stream):
    """Each time anew, in the same place."""
    begin(view)
    view.draw()
    view.watch(BATCH.end(0, 2))
    view.draw()
    first, second = visible(stream.getvalue())

    assert "1 of 3 done" in first
    assert second == "1 finished, 0 failed, 2 left; a"


def test_what_has_not_changed_is_not_drawn_again(view, stream):
    """A terminal may be far away."""
    begin(view)
    view.draw()
    before = stream.getvalue()
    view.draw()

    assert stream.getvalue() == before


def test_events_alone_write_nothing(view, stream):
    """However many there are; they are shown when the view is drawn."""
    begin(view)
    for number in range(1000):
        view.watch(BATCH.move(0, number, "running"))

    assert stream.getvalue() == ""


def test_lines_stay_above_the_view(view, stream):
    """Neither tears the other, and nothing that a terminal obeys gets through."""
    begin(view)
    view.draw()
    view.print_line("a warning")
    view.print_line("another \x1b[2J")
    view.draw()
    lines = visible(stream.getvalue())

    assert lines[:2] == ["a warning", "another \\u001b[2J"]
    assert "0 of 3 done" in lines[2]


def test_it_is_drawn_by_itself_and_leaves_nothing(stream):
    """Lines that came last are not lost."""
    with LiveView(stream, ENVIRON, lambda: after(3)) as view:
        begin(view)
        stream.until("0 of 3 done")
        view.print_line("a warning")

    assert visible(stream.getvalue()) == ["a warning", ""]


def test_an_exception_leaves_nothing_on_the_terminal(stream):
    """Its traceback begins on a line of its own."""

    def fail() -> None:
        with LiveView(stream, ENVIRON, lambda: after(3)) as view:
            begin(view)
            stream.until("0 of 3 done")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert visible(stream.getvalue()) == [""]


def test_lines_that_come_when_it_is_over_are_written(stream):
    """By whoever still has them."""
    with LiveView(stream, ENVIRON, lambda: after(3)) as view:
        begin(view)
        stream.until("0 of 3 done")
    view.print_line("a warning")

    assert visible(stream.getvalue()) == ["a warning", ""]


def test_an_interruption_is_followed_to_its_end(stream):
    """How to leave at once comes first; what may go on stays when the view is gone."""
    with LiveView(stream, ENVIRON, lambda: after(3)) as view:
        begin(view)
        stream.until("0 of 3 done")
        view.watch(Interrupted(after(4), "interrupted by SIGINT"))
        view.watch(BATCH.move(0, 4, "unanswered", end=33))
        stream.until("given up in 0:30")
        view.watch(Stopping(after(5), ((BATCH.iteration(), None),), (), 0))
        view.watch(TaskLeft(after(33), BATCH.iteration(), "ps.example.net", "its task may still run"))

    assert "waiting for 1 answer to cancel tasks" in stream.getvalue()
    assert visible(stream.getvalue()) == [STOPPING, "pscheduler batch: error: a/0: its task may still run", ""]


def test_a_terminal_that_takes_no_output_holds_nothing_up():
    """As after Control-S: here a pipe that is full; the batch neither waits for it, nor for ever in the end."""
    reader, writer = os.pipe()
    fill(writer)
    stream = os.fdopen(writer, "w")
    with LiveView(stream, ENVIRON, lambda: after(3)) as view:
        begin(view)
        view.print_line("a warning")
        view.watch(BATCH.end(0, 5))
    was_stuck = view._thread.is_alive()
    os.close(reader)
    view._thread.join(60)
    stream.close()

    assert (was_stuck, view._thread.is_alive()) == (True, False)


def test_a_terminal_that_is_gone_ends_nothing_else():
    """Such as a window that was closed."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    with LiveView(stream, ENVIRON, lambda: after(3)) as view:
        begin(view)
        view.draw()
        view.print_line("a warning")
    stream.close()

    assert view._screen.gone
