"""Tests of what the live view shows, at several sizes."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from pscheduler_batch.events import Interrupted, LimitChanged, RequestHeldUp
from pscheduler_batch.terminal.live_frame import Frames, rows_for
from pscheduler_batch.terminal.progress_counts import ProgressCounts, ProgressSnapshot
from tests.support.clock import after
from tests.support.events import BatchEvents, shown

SIZES = [(1, 1), (7, 2), (20, 24), (39, 10), (40, 4), (59, 24), (80, 24), (200, 100)]
TERMINAL = {"TERM": "xterm-256color"}
PARALLEL = {"parallel": True, "sync-start": False}


def frame(glance: ProgressSnapshot, width: int = 80, height: int = 24, **environ: str):
    """Return the lines without colors."""
    lines = Frames(io.StringIO(), {**TERMINAL, **environ}).render(glance, width, height)
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in lines]


def glance(batch: BatchEvents, *events, at: float = 0, width: int = 80, height: int = 24) -> ProgressSnapshot:
    """Return the progress after some events."""
    tally = ProgressCounts()
    for event in [*batch.begin(), *events]:
        tally.note(event)
    return tally.snapshot(after(at), rows_for(width, height))


def busy(label: str = "rtt", count: int = 9) -> ProgressSnapshot:
    """Make a moment at which two are done, one of them well, and the others are under way."""
    batch = BatchEvents({"label": label, "iterations": count, **PARALLEL})
    done = [batch.end(0, 5), batch.end(1, 6, failure="refused")]
    moves = [batch.move(number, 1, "running", start=1, end=9 + number) for number in range(2, count)]
    return glance(batch, *moves, *done, at=7)


def test_what_was_skipped_is_not_left():
    """It has a count of its own."""
    batch = BatchEvents({"label": "rtt", "iterations": 5, **PARALLEL})
    failed, ended = batch.end(0, 5, failure="refused"), batch.end(1, 5, failure="not submitted")
    skipped = replace(ended, result=replace(ended.result, skipped=True))
    found = frame(glance(batch, batch.move(0, 0, "posting"), failed, skipped, batch.move(2, 1, "posting"), at=7))

    assert re.sub("[━╸╺]+", "BAR", found[0]).startswith("BAR 2 of 5 done")
    assert found[1] == "1 failed, 0 finished, 1 skipped, 3 left; rtt"


def test_a_moment_on_a_usual_terminal():
    """A bar with what is done and left, the counts, and a line for each iteration under way."""
    batch = BatchEvents({"label": "rtt", "iterations": 4, **PARALLEL}, {})
    moves = [
        batch.move(1, 1, "pending", start=1, end=65),
        batch.move(2, 1, "posting"),
        batch.move(3, 1, "waiting", start=20),
    ]
    found = frame(glance(batch, batch.move(0, 0, "posting"), batch.end(0, 5), *moves, at=10))

    assert re.sub("[━╸╺]+", "BAR", found[0]) == "BAR 1 of 5 done, about 0:55 left in this job"
    assert found[1:] == [
        "1 finished, 0 failed, 4 left; job 1 of 2: rtt",
        "rtt/1  running  ps.example.net  ends in 0:55",
        "rtt/2  posting  ps.example.net",
        "rtt/3  waiting  ps.example.net  posted in 0:10",
    ]


def test_a_retried_request_is_shown_with_the_reason_until_it_succeeds():
    """It explains why nothing moves."""
    batch = BatchEvents({})
    held_up = RequestHeldUp(after(1), "ps.example.net", "asking", "Connection refused\x1b[2J", after(2))
    over = RequestHeldUp(after(3), "ps.example.net", "asking")
    elsewhere = replace(over, host="ps2.example.net")
    asking = batch.move(0, 0, "asking")

    assert frame(glance(batch, asking, held_up))[2:] == [
        "retrying ps.example.net: Connection refused\\u001b[2J",
        "a/0  asking  ps.example.net",
    ]
    limited = replace(held_up, until=after(301))
    assert frame(glance(batch, asking, limited))[2].startswith("retrying ps.example.net, 5:0")
    assert frame(glance(batch, asking, replace(held_up, until=after(-1))))[2].startswith("retrying ps.example.net: ")
    assert frame(glance(batch, asking, held_up), 28)[2] == "retry: Connection refused\\…"
    assert len(frame(glance(batch, asking, held_up, elsewhere))) == 4
    assert len(frame(glance(batch, asking, held_up, over))) == 3


def test_a_slow_host_is_shown_with_its_limit_until_it_is_fast_again():
    """A limit that grows is of no interest, unless the host was slow before."""
    batch = BatchEvents({})
    asking = batch.move(0, 0, "asking")
    grown = LimitChanged(after(1), "ps.example.net", submitting=True, limit=4, most=8, growing=True)
    slow = replace(grown, limit=2, growing=False, reason="answers took 9.0 s instead of 2.0 s")
    overloaded = replace(slow, submitting=False, limit=1, reason="answered 503", overload=True)
    held_up = RequestHeldUp(after(1), "ps.example.net", "asking", "Connection refused", after(2))

    assert len(frame(glance(batch, asking, grown))) == 3
    assert frame(glance(batch, asking, grown, slow))[2] == "ps.example.net is slow: at most 2 concurrent submissions"
    assert frame(glance(batch, asking, slow, overloaded))[2] == (
        "ps.example.net is overloaded: at most 1 other concurrent request"
    )
    assert frame(glance(batch, asking, slow), 39)[2] == "slow: at most 2 concurrent submissions"
    assert frame(glance(batch, asking, slow, grown))[2] == "ps.example.net is slow: at most 4 concurrent submissions"
    assert len(frame(glance(batch, asking, slow, replace(grown, limit=8)))) == 3
    assert frame(glance(batch, asking, slow, held_up))[2] == "retrying ps.example.net: Connection refused"


def test_a_moment_on_twenty_columns():
    """Without bar and hosts, and with labels cut short."""
    found = frame(busy("throughput"), 20)

    assert found[:3] == ["2 of 9 done", "1 failed", "thr…/2 running 0:04"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "label", ["rtt", "x" * 10_000, "測定" * 50, "\x1b[31m\x1b[2J\r\n\u202eabc\u200f", "e" + "\u0301" * 500, ""]
)
def test_a_line_is_always_shorter_than_the_screen(size, label):
    """And there are fewer of them than rows, whatever is in the labels."""
    width, height = size
    batch = BatchEvents({"label": label, "iterations": 60, **PARALLEL})
    moves = [batch.move(number, 1, "running", end=9) for number in range(60)]
    found = frame(glance(batch, *moves, at=2, width=width, height=height), width, height)

    assert all(cell_len(line) < max(width, 2) for line in found)
    assert len(found) < max(height, 2)
    assert all(line.isprintable() for line in found)


def test_what_has_no_line_is_summed_up():
    """By state."""
    batch = BatchEvents({"iterations": 60, **PARALLEL})
    moves = [batch.move(number, 1, "running" if number % 3 else "posting") for number in range(60)]
    found = frame(glance(batch, *moves))

    assert len(found) == 11
    assert found[-1] == "and 52 more: 35 running, 17 posting"


def test_a_terminal_that_is_made_half_as_wide_has_room_for_all_lines_when_it_has_broken_them():
    """What it pushed out at the top could not be taken away any more."""
    batch = BatchEvents({"label": "x" * 80, "iterations": 60, **PARALLEL})
    moves = [batch.move(number, 1, "running", end=9) for number in range(60)]
    found = frame(glance(batch, *moves, at=2))

    assert sum(-(-cell_len(line) // 40) for line in found) <= 24


def test_one_state_is_summed_up_in_a_word():
    """Such as that of those that wait."""
    batch = BatchEvents({"iterations": 60, **PARALLEL})
    found = frame(glance(batch, *[batch.move(number, 1, "waiting", start=9) for number in range(60)]))

    assert found[-1] == "and 52 more waiting"


def test_a_run_is_running_when_its_time_has_come():
    """It is not asked for again before its end (ADR 20)."""
    batch = BatchEvents({})
    pending = batch.move(0, 0, "pending", start=5, end=9)

    assert ["running" in frame(glance(batch, pending, at=at))[2] for at in (4, 5)] == [False, True]


def test_a_state_that_a_server_made_up_is_shown_as_it_can_be():
    """Without what a terminal would obey, cut short, and without the secrets of the task."""
    batch = BatchEvents({})
    (strange,) = [line for line in frame(glance(batch, batch.move(0, 0, "\x1b[2J" * 3000))) if "/0" in line]
    (telling,) = [line for line in frame(glance(batch, shown(batch.move(0, 0, "abc-secret")))) if "/0" in line]

    assert strange == "a/0  \\u001b[2J\\u…  ps.example.net"
    assert "abc" not in telling


def test_states_that_a_server_made_up_have_no_name_in_the_sum():
    """There may be as many as there are iterations."""
    batch = BatchEvents({"iterations": 30, **PARALLEL})
    moves = [batch.move(number, 1, f"abc-secret {number}") for number in range(30)]

    assert frame(glance(batch, *moves, height=6), height=6)[-1] == "and 29 more in other states"


def test_no_color_takes_the_colours_and_leaves_the_view():
    """As https://no-color.org has it: any value but none."""
    colours = re.compile(r"\x1b\[[0-9;]*(3[0-9]|4[0-9]|9[0-7])[0-9;]*m")
    lines = [
        "".join(Frames(io.StringIO(), {**TERMINAL, "NO_COLOR": value}).render(busy(), 80, 24)) for value in ("", "1")
    ]

    assert [bool(colours.search(line)) for line in lines] == [True, False]
    assert "2 of 9 done" in lines[1]


def test_a_size_in_the_environment_does_not_hold_the_view():
    """Windows are resized, variables are not."""
    found = frame(busy(), 60, 10, COLUMNS="20", LINES="3")

    assert max(map(len, found)) > 20
    assert len(found) > 3


def test_an_ascii_terminal_gets_a_bar_of_ascii():
    """The locale says what it can show."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    found = Frames(stream, TERMINAL).render(busy(), 80, 24)

    assert all(line.isascii() for line in found)


def test_a_batch_without_iterations_has_a_view():
    """Nothing of nothing is done."""

    assert frame(replace(busy(), total=0, finished=0, failed=0, lines=(), others=()))[1].startswith("0 finished")


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("label", ["Ω" * 100, "日本語/" * 30, "…"])
def test_a_terminal_that_lacks_characters(width, height, label):
    """Replacements are counted as they are wide; the number of an iteration is not cut where there is room for it."""
    lines = frame(busy(label), width, height, LC_ALL="C")

    assert all(line.isascii() for line in lines)
    assert max(map(len, lines)) < max(width, 2)
    assert width < 39 or height < 10 or [line for line in lines if "/2  running" in line or "/2 running" in line]


def test_columns_stand_below_each_other_on_such_a_terminal():
    """Also behind labels that are cut."""
    lines = frame(busy("Ω" * 100), LC_ALL="POSIX")[2:6]

    assert len({line.index("...") for line in lines}) == len({line.index("running") for line in lines}) == 1


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["unanswered", "canceling", "unanswered"], "waiting for 2 answers to cancel tasks; canceling 1 task"),
        (["canceling", "canceling"], "canceling 2 tasks"),
        ([], "stopping"),
    ],
)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_an_interrupted_batch_waits_for(states, said, width, height):
    """Instead of what is done; thousands may have ended without having been started."""
    batch = BatchEvents({"iterations": 3, **PARALLEL})
    moves = [batch.move(number, 1, state, end=9) for number, state in enumerate(states)]
    lines = frame(glance(batch, Interrupted(after(1), ""), *moves, at=2, width=width, height=height), width, height)

    assert lines[0].partition("…")[0] == said[: len(lines[0].partition("…")[0])]
    assert (width < 60) or lines[0] == said
    assert max(map(cell_len, lines)) < max(width, 2)
    assert len(lines) < max(height, 2)
