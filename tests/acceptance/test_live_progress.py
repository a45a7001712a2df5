"""Progress on the standard error of the real command, on a terminal and elsewhere (ADR 18)."""

from __future__ import annotations

import asyncio
import json
import re
import threading

import pytest

from pscheduler_batch.embedded.faults.actions import hanging
from pscheduler_batch.embedded.faults.rules import Rule
from pscheduler_batch.running.signals import TOGETHER
from pscheduler_batch.terminal.live_view import STOPPING
from tests.support.commands import TIME_LIMIT, job, run_batch, task
from tests.support.terminal import Terminal, visible

COLOUR = re.compile(r"\x1b\[[0-9;]*[34][0-9]?[0-9;]*m")
HOUR = {"jobs": [job("long", task=task("idle", duration="PT1H"))]}
HELD = {"jobs": [job("held")]}
FAILING = {"jobs": [job(), job("no \x1b[2J", task=task(fail=1.0))]}
INTERRUPT = "\x03"


@pytest.fixture
def terminal(there, tmp_path):
    """What runs a batch on a terminal, on a server that is there."""

    def run(batch, *options, **settings):
        return Terminal(*there, "--no-summary", *options, batch=batch, folder=tmp_path, **settings)

    return run


@pytest.fixture
def release(pscheduler):
    """Let the server hold its first runs back until this is called."""
    released = threading.Event()

    async def hold(app, scope, receive, send) -> None:
        await asyncio.to_thread(released.wait, TIME_LIMIT)
        await app(scope, receive, send)

    pscheduler.state.faults.add(Rule("tasks/*/runs/first", hold))
    yield released.set
    released.set()


def countdowns(written):
    """List the different count-downs that were shown."""
    return sorted(set(re.findall(r"ends in (\S+)", written)))


def test_a_terminal_has_a_live_view_with_a_count_down(terminal):
    """Below the bar and the counts, for the iteration under way, with its host."""
    with terminal(HOUR) as running:
        running.until_written(r"0 of 1 done.*\s.*0 finished, 0 failed, 1 left; long")
        running.until_written(r"long/0  (pending|running)  127\.0\.0\.1:\d+  ends in (59:\d\d|1:00:\d\d)")
        running.until(lambda written: len(countdowns(written)) > 1)
        running.press(INTERRUPT)
        ended = running.end()

    assert COLOUR.search(ended.stderr)


def test_the_live_view_is_gone_in_the_end(terminal, release):
    """And the terminal's modes are as before."""
    with terminal(HELD) as running:
        before = running.modes
        running.until_written("held/0  posted")
        release()
        ended = running.end()
        after = running.modes

    assert (ended.status, visible(ended.stderr)) == (0, [""])
    assert ended.document["jobs"][0]["results"][0]["runs"]
    assert before == after


def test_no_color_is_a_live_view_without_colours(terminal):
    """Whatever the value is."""
    with terminal(HOUR, NO_COLOR="1") as running:
        running.until_written(r"0 of 1 done")
        running.until_written(r"long/0 .* ends in ")
        running.press(INTERRUPT)
        ended = running.end()

    assert ended.status == 130
    assert not COLOUR.search(ended.stderr)


@pytest.mark.parametrize("settings", [{"TERM": "dumb"}, {"CI": "true"}])
@pytest.mark.parametrize(("options", "lines"), [((), 0), (("-q",), 0), (("-v",), 8)])
def test_a_terminal_that_takes_lines_only_gets_no_more(terminal, settings, options, lines):
    """With -v one for each event, else none at all."""
    with terminal({"jobs": [job()]}, *options, **settings) as running:
        ended = running.end()

    assert ended.status == 0
    assert "\x1b" not in ended.stderr
    assert len(ended.stderr.splitlines()) >= lines
    assert lines or not ended.stderr


@pytest.mark.parametrize("option", ["-q", "-v", "--debug"])
def test_options_that_say_nothing_or_all_have_no_live_view(terminal, option):
    """On a terminal that could show one."""
    with terminal({"jobs": [job()]}, option) as running:
        ended = running.end()

    assert (ended.status, "\x1b" in ended.stderr) == (0, False)
    assert bool(ended.stderr) is (option != "-q")


def test_the_view_follows_the_size_of_the_terminal(terminal):
    """To twenty columns, where hosts and words have no room, and back."""
    with terminal(HOUR) as running:
        running.until_written(r"long/0 +\S+ +127.* ends in ")
        running.resize(20, 10)
        running.until_written(r"0 of 1 done\s+0 finished\s+lo…/0 \S+ [0-9:]+\r")
        seen = len(running.plain)
        running.resize(100, 30)
        running.until(lambda written: re.search(r"long/0 +\S+ +127.* ends in ", written[seen:]))
        running.press(INTERRUPT)
        ended = running.end()

    assert ended.status == 130


def test_control_c_ends_the_view_and_leaves_the_document(terminal):
    """And says what is going on meanwhile."""
    with terminal(HOUR) as running:
        running.until_written(r"long/0 .* ends in ")
        running.press(INTERRUPT)
        ended = running.end()
    (result,) = ended.results[0]

    assert ended.status == 130
    assert result["error"] == "interrupted by SIGINT before it was done; its task was canceled"
    assert visible(ended.stderr) == [STOPPING, "pscheduler batch: error: interrupted by SIGINT", ""]


def test_the_second_control_c_finds_the_terminal_in_order(terminal, pscheduler):
    """What may go on stays on it, and the document is written."""
    pscheduler.state.faults.add(Rule("tasks/*", hanging(done=False, sent="nothing"), method="DELETE"))
    with terminal(HOUR) as running:
        before = running.modes
        running.until_written(r"long/0 .* ends in ")
        running.press(INTERRUPT)
        running.until_written(re.escape(STOPPING))
        running.until_written("canceling 1 task")
        threading.Event().wait(1.5 * TOGETHER)
        running.press(INTERRUPT)
        ended = running.end()
        after = running.modes
    stopping, error, interrupted, end = visible(ended.stderr.replace("^C", ""))

    assert (ended.status, stopping, end) == (130, STOPPING, "")
    assert "long/0: its task may still run on 127.0.0.1" in error
    assert interrupted == "pscheduler batch: error: interrupted by SIGINT"
    assert ended.results[0][0]["error"].startswith("interrupted by SIGINT before it was done; its task may still run")
    assert before == after


def test_a_terminal_that_is_closed_leaves_the_document(terminal, tmp_path):
    """The batch is ended in good order, as by other signals."""
    with terminal(HOUR) as running:
        running.until_written(r"long/0 .* ends in ")
        running.hang_up()
        ended = running.end()

    assert ended.status == 143
    assert "interrupted by SIGHUP" in ended.results[0][0]["error"]


def test_a_terminal_that_is_stopped_does_not_stop_the_batch(terminal, release):
    """As Control-S does."""
    with terminal(HELD) as running:
        running.until_written("held/0  posted")
        running.press("\x13")
        release()
        ended = running.end()

    assert ended.status == 0
    assert ended.document["jobs"][0]["results"][0]["runs"][0]["application/json"]["succeeded"] is True


def test_elsewhere_nothing_is_said_when_all_goes_well(there):
    """So that cron sends no mail."""
    ended = run_batch(*there, batch={"jobs": [job()]})

    assert (ended.status, ended.stderr) == (0, "")


def test_elsewhere_verbose_is_a_line_for_each_event(there):
    """With the time, the label, and what has happened; labels do nothing to a terminal."""
    ended = run_batch(*there, "-v", "--no-summary", "--exit-zero", batch=json.dumps(FAILING))
    lines = [re.sub(r"^pscheduler batch: [0-9T:-]+\+00:00 ", "", line) for line in ended.stderr.splitlines()]
    told = [re.sub(r" \S*:[0-9]+(?=$|,| )|, [0-9-]+T.*", "", line) for line in lines]

    assert "\x1b" not in ended.stderr
    assert told[:4] == [
        "2 iterations in 2 jobs",
        "noop: 1 iteration one after another",
        "noop/0: asking for participants",
        "noop/0: posting to",
    ]
    assert "noop/0: succeeded" in lines
    assert any(line.startswith("no \\u001b[2J/0: failed: ") for line in lines)
    assert lines[-1] == "the batch ended"
