"""Tests of who is shown what: a live view, lines, or nothing."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from pscheduler_batch.events import BatchEnded, Interrupted, Stopping, TaskLeft
from pscheduler_batch.terminal.event_words import STOP_AT_ONCE
from pscheduler_batch.terminal.interruption_lines import MOST_LEFT
from pscheduler_batch.terminal.progress import open_progress
from tests.support.clock import after
from tests.support.events import BatchEvents
from tests.support.terminal import visible

BATCH = BatchEvents({"iterations": 2})
USUAL = {"TERM": "xterm"}
EVENTS = (*BATCH.begin(), BATCH.move(0, 1, "posting"), BATCH.end(0, 5), BatchEnded(after(9), succeeded=True))


class Terminal(io.StringIO):
    """A stream that leads to a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


class Broken(Terminal):
    """A terminal that is there no more."""

    def write(self, _text: str) -> int:
        """Fail as a terminal does."""
        raise OSError(5, "Input/output error")


def shown(stream, *events, environ=USUAL, **options) -> str:
    """Return what is written on a stream."""
    with open_progress(stream, environ=environ, now=lambda: after(0), **options) as progress:
        for event in events or EVENTS:
            progress.watch(event)
        progress.print_line("a warning")
    return stream.getvalue()


@pytest.mark.parametrize("options", [{}, {"debug": True}, {"quiet": True}])
def test_nothing_is_shown_without_an_audience(options):
    """Lines, such as warnings, are written all the same."""

    assert shown(io.StringIO(), **options) == "a warning\n"


@pytest.mark.parametrize("environ", [{"LC_ALL": "C"}, {**USUAL, "LC_ALL": "C"}])
@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_lines_have_only_characters_of_the_locale(environ, verbose, stream):
    """Signs become similar ones, letters their escapes."""
    batch = BatchEvents({"label": "ü" * 100})
    written = shown(stream(), *batch.begin(), batch.end(0, 5), environ=environ, verbose=verbose)

    assert written.isascii()
    assert not verbose or r"\xfc.../0: succeeded" in written


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize("options", [{}, {"debug": True}])
def test_verbose_is_a_line_for_every_event(stream, options):
    """On a terminal as well; with the time and the label."""

    assert shown(stream(), verbose=True, **options).splitlines() == [
        "pscheduler batch: 2026-03-01T12:00:00+00:00 2 iterations in 1 job",
        "pscheduler batch: 2026-03-01T12:00:00+00:00 a: 2 iterations one after another",
        "pscheduler batch: 2026-03-01T12:00:01+00:00 a/0: posting to ps.example.net",
        "pscheduler batch: 2026-03-01T12:00:05+00:00 a/0: succeeded",
        "pscheduler batch: 2026-03-01T12:00:09+00:00 the batch ended",
        "a warning",
    ]


def test_iterations_that_an_interruption_kept_from_being_submitted_have_no_lines():
    """There may be thousands of them; those that were under way have theirs."""
    never = BATCH.end(1, 6, failure="interrupted by SIGINT before it was submitted")
    never = type(never)(never.at, type(never.result)(never.result.iteration), succeeded=False)
    said = shown(
        io.StringIO(), Interrupted(after(5), "interrupted"), BATCH.end(0, 6, failure="cut"), never, verbose=True
    )

    lines = [line.partition("+00:00 ")[2] for line in said.splitlines()]

    assert lines == [f"interrupted; {STOP_AT_ONCE}", "a/0: failed: cut", ""]


PLACE = (BATCH.end(0, 6).result.iteration, "ps.example.net")
ANSWERS = Stopping(after(5), (PLACE,), (), 0, after(35))
DONE = Stopping(after(15), (), (), 1, after(35))
LEFT = TaskLeft(after(15), *PLACE, "its task may still run")
HINT = f"pscheduler batch: interrupted; {STOP_AT_ONCE}"
WAITING = "waiting up to 30 s for the answer to 1 submission, to cancel its task: a/0 on ps.example.net"


@pytest.mark.parametrize("options", [{}, {"debug": True}])
def test_an_interruption_that_takes_time_has_lines_without_a_terminal(options):
    """How to leave at once stands in the first one."""
    said = shown(io.StringIO(), Interrupted(after(4), "interrupted"), ANSWERS, ANSWERS, DONE, **options)

    assert said.splitlines() == [
        HINT,
        *[f"pscheduler batch: {WAITING}"] * 2,
        "pscheduler batch: canceled 1 task",
        "a warning",
    ]


def test_an_interruption_that_takes_no_time_has_no_lines():
    """The error at the end is all that cron mails."""

    assert shown(io.StringIO(), Interrupted(after(4), "interrupted"), BATCH.end(0, 5)) == "a warning\n"


@pytest.mark.parametrize("options", [{}, {"quiet": True}, {"verbose": True}, {"debug": True}])
def test_each_task_that_may_go_on_is_an_error(options):
    """Whatever else is wanted; of very many, only the number."""
    said = shown(io.StringIO(), *[LEFT] * (MOST_LEFT + 3), BatchEnded(after(16), succeeded=False), **options)
    errors = [line for line in said.splitlines() if ": error: " in line]

    assert errors[:-1] == ["pscheduler batch: error: a/0: its task may still run"] * MOST_LEFT
    assert errors[-1] == "pscheduler batch: error: 3 more tasks may still run; the output names them"


def test_quiet_shows_no_waiting():
    """Only errors."""

    assert shown(io.StringIO(), Interrupted(after(4), "interrupted"), ANSWERS, quiet=True) == "a warning\n"


@pytest.mark.parametrize("options", [{"debug": True}, {"quiet": True}, {"quiet": True, "verbose": True}])
def test_there_is_no_live_view_where_it_is_not_wanted(options):
    """Debug lines are progress enough."""

    assert shown(Terminal(), **options) == "a warning\n"


@pytest.mark.parametrize(
    "environ",
    [{"TERM": "dumb"}, {}, {"TERM": ""}, {"TERM": "unknown"}, {**USUAL, "CI": "true"}, {**USUAL, "CI": "1"}],
)
def test_there_is_no_live_view_on_a_terminal_that_cannot_or_where_machines_look(environ):
    """Nothing that moves a cursor is written."""

    assert shown(Terminal(), environ=environ) == "a warning\n"


@pytest.mark.parametrize("environ", [USUAL, {**USUAL, "CI": ""}, {**USUAL, "CI": "false"}, {**USUAL, "NO_COLOR": "1"}])
def test_there_is_a_live_view_on_a_terminal_that_leaves_nothing_behind(environ):
    """But for the lines that stay."""
    stream = Terminal()
    with open_progress(stream, environ=environ, now=lambda: after(0)) as progress:
        for event in EVENTS:
            progress.watch(event)
        progress.draw()
        drawn = stream.getvalue()
        progress.print_line("a warning")

    assert "1 of 2 done" in drawn
    assert visible(stream.getvalue()) == ["a warning", ""]


def test_a_process_without_a_standard_error_has_no_progress():
    """It was closed before the process began."""
    with open_progress(None, verbose=True, environ=USUAL) as progress:
        progress.watch(EVENTS[0])
        progress.print_line("a warning")

    assert progress is not None


@pytest.mark.parametrize("verbose", [True, False])
def test_a_stream_that_fails_costs_nothing(verbose):
    """Such as a terminal that is gone, or a closed stream."""
    closed = Terminal()
    closed.close()
    ended = []
    for stream in (Broken(), closed):
        with open_progress(stream, verbose=verbose, environ=USUAL) as progress:
            for event in EVENTS:
                progress.watch(event)
            progress.print_line("a warning")
        ended.append(stream)

    assert len(ended) == 2


def test_what_a_terminal_would_obey_is_written_as_its_escape():
    """Warnings quote what comes from outside."""
    stream = io.StringIO()
    with open_progress(stream, environ={}) as progress:
        progress.print_line("a \x1b[31mwarning")

    assert stream.getvalue() == "a \\u001b[31mwarning\n"


def test_without_a_live_view_what_draws_is_not_loaded():
    """It takes as long to import as a short command takes altogether."""
    program = (
        "import io, sys; from pscheduler_batch.terminal.progress import open_progress\n"
        "with open_progress(io.StringIO(), verbose=True): pass\n"
        "print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
