"""Tests of a plan on a terminal."""

from __future__ import annotations

import io
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from rich.cells import cell_len

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.terminal.plan_view import plan_text
from pscheduler_batch.terminal.task_diff import difference_lines
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.clock import NOON
from tests.support.planning import idle, plan_jobs

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.json"))
WIDTHS = [1, 12, 20, 40, 80, 200]
RTT = {"test": {"type": "rtt", "spec": {"dest": "www.example.net"}}}
MIXED = (
    {"label": "rtt", "iterations": 3, "task": RTT, "task-transform": {"script": ".test.spec.count = $iteration + 1"}},
    {"label": "together", "iterations": 9, "parallel": True, "continue-if": {"script": "true"}},
    {"label": "off", "enabled": False},
    {"label": "way", "task": {"test": {"type": "trace", "spec": {"dest": "a"}}}},
)
HOSTILE = [
    "\x1b[2J\x1b[31mred\x07",
    "a" * 10_000,
    "\u202egnp.exe\u2066\u200f",
    "עברית וגם ערבית العربية",
    "日本語のラベルがとても長い",
    "e" + "\u0301" * 9000,
    "[bold red]x[/] :smile:",
    "x\ny\r\tz\u2028",
    "a/b/c/0",
    "",
]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        """Return True."""
        return True


class Ascii(io.StringIO):
    """A stream that takes nothing but ASCII."""

    encoding = "ascii"

    def write(self, text):
        """Fail as such a stream does."""
        text.encode(self.encoding)
        return super().write(text)


def shown(*jobs, width=80, stream=None, begin=NOON, color=None, environ=None):
    """What is written of the plan of a batch of some jobs."""
    batch, plan = plan_jobs(*jobs)
    stream = io.StringIO() if stream is None else stream
    stream.write(plan_text(batch, plan, stream=stream, start=begin, width=width, color=color, environ=environ or {}))
    return stream.getvalue()


def test_a_plan_has_totals_a_table_and_a_time_line():
    """In 80 columns."""

    assert shown({"label": "a", "iterations": 2, "task": RTT}, {"label": "off", "enabled": False}).splitlines() == [
        "2 jobs, 2 iterations, at least 26 s",
        "If started at 2026-03-01 12:00:00+00:00, it ends at 2026-03-01 12:00:26+00:00 at",
        "the earliest.",
        "Times are relative to the start, and the earliest possible: a server needs at",
        "least 8 s to prepare a task, and tools take some seconds besides the",
        "measurement.",
        "",
        "  Iteration  Test  Destination      Posted    Starts  Lasts",
        "a: 2 iterations one after another, at least 26 s",
        "  a/0        rtt   www.example.net  0:00      0:08    5 s",
        "  a/1        rtt   www.example.net  after /0  0:21    5 s",
        "off: not enabled",
        "",
        "     0:00              0:06               0:13               0:20           0:26",
        "a/0  ·······················██████████████",
        "a/1                                       ·······················███████████████",
        "· preparing  █ running  ▒ unknown duration",
    ]


def test_a_source_has_a_column():
    """If some test names one; it is the first to be left out where there is not enough room."""
    between = {"test": {"type": "throughput", "spec": {"source": "a.example.net", "dest": "b.example.net"}}}
    wide = shown({"label": "a", "task": between}, {"label": "b", "task": RTT}, width=100).splitlines()
    narrow = shown({"label": "a", "task": between}, width=60)

    assert "  Iteration  Test        Source         Destination      Posted  Starts  Lasts" in wide
    assert "  a/0        throughput  a.example.net  b.example.net    0:00    0:08    10 s" in wide
    assert "  b/0        rtt                        www.example.net  0:18    0:26    5 s" in wide
    assert ("b.exam" in narrow, "a.exam" in narrow) == (True, False)
    assert "Source" not in shown({"task": RTT}, width=100)


def test_nothing_is_cut_in_a_file_or_a_pipe():
    """Unless a width is given."""
    label, host = "label-" * 15, "host-" * 20
    task = {"test": {"type": "rtt", "spec": {"dest": host}}}
    whole = shown({"label": label, "iterations": 2, "task": task}, width=None)
    cut = shown({"label": label, "iterations": 2, "task": task}, width=None, environ={"COLUMNS": "70"})

    assert (whole.count(f"{label}/1 "), whole.count(host), "…" in whole) == (2, 2, False)
    assert max(map(len, cut.splitlines())) <= 70


def test_a_c_locale_gets_what_it_can_show():
    """And the columns stand below each other."""
    jobs = ({"label": "ü", "task": RTT}, {"label": "a", "task": RTT})
    text = shown(*jobs, environ={"LC_ALL": "C"})
    rows = [line for line in text.splitlines() if "www.example.net" in line]

    assert text.isascii()
    assert rows[0].startswith(r"  \xfc/0 ")
    assert len({line.index("www.example.net") for line in rows}) == 1
    assert "." * 20 + "#" in text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("stream", [io.StringIO, Ascii])
@pytest.mark.parametrize("label", HOSTILE)
def test_no_line_is_wider_than_the_terminal(width, stream, label):
    """Whatever a label, a test and a destination are; nothing in them is obeyed."""
    task = {"test": {"type": label or "x", "spec": {"dest": label}}}
    jobs = ({"label": label, "iterations": 3, "task": task}, {"label": label, "enabled": False})
    lines = shown(*jobs, width=width, stream=stream()).split("\n")

    assert all(line.isprintable() for line in lines)
    assert max(map(cell_len, lines)) <= max(width, 12)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_iteration_and_its_length_are_seen_at_any_width(width):
    """Columns go, the numbers of iterations stay."""
    text = shown(*MIXED, width=width)

    assert all(text.count(f"/{number}") >= 2 for number in range(9))
    if width >= 20:
        assert {"1 s", "2 s", "3 s", "10 s", "?"} <= {line.split("  ")[-1].strip() for line in text.splitlines()}


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_columns_go_where_there_is_no_room(width):
    """The least important ones first."""
    titles = [line.split() for line in shown(*MIXED, width=width).splitlines() if line.strip().startswith("Iteration")]

    assert (
        titles
        == {
            20: [["Iteration", "Lasts"]],
            40: [["Iteration", "Test", "Starts", "Lasts"]],
            80: [["Iteration", "Test", "Destination", "Posted", "Starts", "Lasts"]],
            200: [["Iteration", "Test", "Destination", "Posted", "Starts", "Lasts"]],
        }[width]
    )


def test_jobs_of_the_same_beginning_keep_their_numbers_apart():
    """A long label is cut before its number."""
    lines = shown({"label": "a" * 10_000, "iterations": 12}, width=40).splitlines()

    assert [line for line in lines if "…/11  " in line and line.startswith("  aaaa")]


@pytest.mark.parametrize("count", [1000, 10_000])
def test_many_iterations_are_summarized(count):
    """A few lines, with the range of what varies."""
    script = ".test.spec.count = ($iteration + 1)"
    text = shown({"label": "x", "iterations": count, "task": RTT, "task-transform": {"script": script}})

    assert f"… {count - 4:,} more …" in text
    assert f"(varying: /test/spec/count 1 to {count:,})" in text
    assert f"x/{count - 1} " in text
    assert len(text.splitlines()) < 25


def test_many_parallel_iterations_are_summarized():
    """One task for all of them."""
    text = shown({"label": "x", "iterations": 10_000, "parallel": True, "backoff": "PT3S"})

    assert "(all tasks are the same)" in text
    assert len(text.splitlines()) < 25


@pytest.mark.parametrize("iterations", [1, 40])
def test_many_jobs_are_summarized(iterations):
    """The first and the last, in the table and in the time line, which has a bar for each."""
    lines = shown(*[{"label": f"j{n}", "iterations": iterations} for n in range(500)]).splitlines()

    assert lines.count("… 479 more jobs …") == 2
    assert len(lines) < 200


def test_a_large_time_line_has_a_bar_for_each_job():
    """Not one for each iteration."""
    lines = shown(*[{"label": f"j{n}", "iterations": 40} for n in range(5)]).splitlines()
    bars = [line.split()[0] for line in lines if line.rstrip().endswith("█")]

    assert bars == [f"j{n}" for n in range(5)]


def test_unknown_durations_are_reported():
    """With the number of iterations."""
    text = shown(*MIXED)

    assert "The duration of 1 iteration is unknown (?) and counted as zero." in text
    assert "A continue-if may end the batch earlier." in text


def test_a_batch_with_nothing_to_run_says_so():
    """No jobs, or none that is enabled."""

    assert shown() == "0 jobs, 0 iterations: nothing to run\n"
    assert shown({"label": "off", "enabled": False}) == "1 job, 0 iterations: nothing to run\noff: not enabled\n"


def test_the_end_is_in_the_time_zone_of_the_start():
    """Without fractions of seconds."""
    begin = datetime(2026, 3, 1, 23, 59, 50, 999999, tzinfo=timezone(timedelta(hours=2)))

    assert "at 2026-03-01 23:59:50+02:00, it ends at 2026-03-02 00:00:08+02:00" in " ".join(
        shown({"task": idle("PT10S")}, begin=begin).split()
    )


def test_a_batch_of_thousands_of_years_has_no_end():
    """No calendar has it."""
    text = shown({"iterations": 900, "task": idle("P3650D")})

    assert "it ends at a time after the year 9999" in " ".join(text.split())


def test_ascii_streams_get_ascii():
    """Other signs, and escapes of what they cannot take."""
    text = shown({"label": "é", "iterations": 50, "task": RTT}, {"task": MIXED[3]["task"]}, stream=Ascii())

    assert text.isascii()
    assert "\\xe9/0 " in text
    assert "... 46 more ..." in text
    assert ". preparing  # running  ? unknown duration" in text


@pytest.mark.parametrize(
    ("stream", "environ", "colored"),
    [
        (Terminal, {}, False),
        (Terminal, {"TERM": "xterm-256color"}, True),
        (Terminal, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Terminal, {"TERM": "dumb"}, False),
        (io.StringIO, {"TERM": "xterm"}, False),
    ],
)
def test_colors_are_for_terminals_that_want_them(stream, environ, colored):
    """NO_COLOR and TERM have a say."""

    assert ("\x1b[" in shown(*MIXED, stream=stream(), environ=environ)) is colored


@pytest.mark.parametrize("color", [True, False])
def test_colors_can_be_asked_for(color):
    """Whatever the stream is; the words are the same."""
    text = shown(*MIXED, color=color, stream=Terminal())

    assert ("\x1b[" in text) is color


@pytest.mark.parametrize(
    ("environ", "width"), [({"COLUMNS": "30"}, 30), ({"COLUMNS": "0"}, 80), ({"COLUMNS": "x"}, 80), ({}, 80)]
)
def test_the_width_is_found_out(environ, width):
    """From the environment, else 80 where there is no terminal to ask."""
    lines = shown({"iterations": 30}, width=None, environ=environ).splitlines()

    assert width - 12 < max(map(len, lines)) <= width


def test_no_secret_is_shown():
    """A destination may be one (ADR 18)."""
    spec = {"dest": "hunter2.example.net", "_key": "hunter2"}

    assert "hunter2" not in shown({"task": {"test": {"type": "rtt", "spec": spec}}})


@pytest.mark.parametrize("width", [20, 30, 40, 50, 60, 70, 80])
def test_a_time_is_shown_whole_or_not_at_all(width):
    """A part of it would be another time."""
    sweep = {"script": '.test.spec.duration = "PT\\($iteration + 1)S"'}
    jobs = (
        {"iterations": 9, "task": idle("P2D")},
        {"iterations": 900, "parallel": True},
        {"iterations": 900, "task-transform": sweep},
    )
    text, _time_line = shown(*jobs, width=width).split("\n\n")[-2:]
    rows = [line for line in text.splitlines() if re.search(r"/\d+  |^ *… ", line)]
    lasts = [re.split(r" {2,}", row)[-1] for row in rows]
    span = r"[0-9.,]+ (d|h|min|s)( [0-9]+ (h|min|s))?"

    assert len(rows) == 15
    assert not [words for words in lasts if not re.fullmatch(rf"…|{span}( - {span})?", words)]


def test_a_plan_can_be_made_for_no_stream_at_all():
    """Such as a closed standard output; writing to it fails elsewhere."""
    batch, plan = plan_jobs({"label": "a"})

    assert "a/0" in plan_text(batch, plan, stream=None, start=NOON, environ={})


@pytest.mark.parametrize("environ", [{}, {"TERM": "xterm"}])
def test_a_plan_can_be_made_for_a_closed_stream(environ):
    """It has no width of its own, and is no terminal."""
    batch, plan = plan_jobs({"label": "a"})
    closed = io.StringIO()
    closed.close()

    assert "\x1b" not in plan_text(batch, plan, stream=closed, start=NOON, environ=environ)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_can_be_looked_at(example):
    """Each of those that come with the program has a plan, and differences or none."""
    batch = load_batch(example.read_bytes())
    plan = plan_batch(batch, Transforms(batch))
    text = plan_text(batch, plan, stream=None, start=NOON, environ={})
    told = "\n".join(difference_lines(plan))

    assert all(f"{job.label}: " in text and f"{job.label} ({job.where}): " in told for job in batch.jobs)
