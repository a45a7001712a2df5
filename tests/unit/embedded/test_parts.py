from __future__ import annotations

import asyncio
import stat
from datetime import timedelta
from importlib import metadata
from pathlib import Path

import pytest

from pscheduler_batch.embedded import certificate
from pscheduler_batch.embedded import test as interface
from pscheduler_batch.embedded.api.app import make_app
from pscheduler_batch.embedded.api.descriptions import signed, signed_html, signed_plain
from pscheduler_batch.embedded.documents import contains, in_database_order, without_comments, without_secrets
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.scheduling.bookings import Bookings
from pscheduler_batch.embedded.scheduling.schedule import Schedule, UnusableScheduleError
from pscheduler_batch.embedded.scheduling.scheduler import Scheduler, next_start
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.entry_points import entry_points_of
from tests.support.clock import NOON
from tests.support.embedded_bench import Nap

MINUTE = timedelta(minutes=1)
GROUP = "pscheduler_batch.embedded_tests"


@pytest.mark.parametrize(
    ("document", "part", "expected"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3}}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1}, {}, True),
        ([1, 2, 3], [3, 1], True),
        ([1, 2], [1, 4], False),
        ([{"a": 1, "b": 2}], [{"a": 1}], True),
        ({"a": [1]}, {"a": 1}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": 0}, {"a": False}, False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": None}, {"a": None}, True),
        ("x", "x", True),
    ],
)
def test_containment_is_the_databases(document, part, expected):
    """The cases follow the description of PostgreSQL's ``@>``."""
    assert contains(document, part) is expected


def test_documents_are_reshaped_at_every_depth():
    """Comments vanish, secrets become null, names are sorted by length, in arrays and tuples too."""
    document = {"list": ({"_b": 1, "#c": 2, "aa": 3},)}

    assert without_comments(document) == {"list": [{"_b": 1, "aa": 3}]}
    assert without_secrets(document) == {"list": [{"_b": None, "#c": 2, "aa": 3}]}
    assert list(in_database_order({"list": 1, "b": 2, "é": 3, "aa": 4})) == ["b", "aa", "é", "list"]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (None, None),
        ("PT90S", NOON + 1.5 * MINUTE),
        ("2026-03-01T13:00:00+01:00", NOON),
        ("@PT1M", NOON),
        ("@PT11M", NOON + 4 * MINUTE),
    ],
)
def test_a_start_is_a_time_a_span_or_a_multiple(start, expected):
    """A span counts from now, a multiple from the epoch."""
    assert Schedule(start=start).first_start(NOON) == expected


@pytest.mark.parametrize("start", ["yesterday", "P1Y", "@PT0S", "@now"])
def test_a_start_that_is_none_is_refused(start):
    """A duration of a year has no fixed length, and nothing is a multiple of zero."""
    with pytest.raises(UnusableScheduleError):
        Schedule(start=start).first_start(NOON)


@pytest.mark.parametrize(
    "document",
    [{"until": "PT10M"}, {"repeat": "PT0S"}, {"repeat": "often"}, {"slip": 5}, {"repeat-cron": "* * * * *"}],
)
def test_a_schedule_that_cannot_be_followed_is_refused(document):
    """A span as ``until`` is recorded (c22); cron lines are not offered."""
    with pytest.raises(UnusableScheduleError):
        Schedule.load(document)


def test_a_schedule_is_read():
    """Every pair finds its place."""
    document = {"start": "PT1M", "slip": "PT2M", "sliprand": True, "repeat": "PT3M", "max-runs": 4}
    document["until"] = "2026-03-01T13:00:00Z"

    assert Schedule.load(document) == Schedule(
        "PT1M", 2 * MINUTE, random_slip=True, repeat=3 * MINUTE, until=NOON + 60 * MINUTE, max_runs=4
    )


@pytest.mark.parametrize(("late", "expected"), [(-1, 10), (5, 10), (10, 10), (25, 30)])
def test_the_next_start_keeps_the_rhythm(late, expected):
    """Starts that are over already are left out."""
    assert next_start(NOON, 10 * MINUTE, NOON + late * MINUTE) == NOON + expected * MINUTE


@pytest.mark.parametrize(
    ("taken", "kind", "slip", "expected"),
    [
        ("exclusive", "exclusive", 0, None),
        ("exclusive", "exclusive", 9, None),
        ("exclusive", "exclusive", 10, 10),
        ("exclusive", "normal", 0, None),
        ("normal", "exclusive", 0, None),
        ("normal", "normal", 0, 0),
        ("exclusive", "background", 0, 0),
        ("background", "exclusive", 0, 0),
        ("exclusive", "background-multi", 0, 0),
    ],
)
def test_times_are_shared_with_those_who_tolerate_it(taken, kind, slip, expected):
    """Only background tests run beside an exclusive one."""
    bookings = Bookings()
    bookings.take("other", taken, NOON, NOON + 10 * MINUTE)
    found = bookings.find(kind, NOON, slip * MINUTE, MINUTE)

    assert found == (None if expected is None else NOON + expected * MINUTE)


def test_a_gap_between_two_bookings_is_found():
    """A test that fits between two others goes there, a longer one behind them; freed time can be taken."""
    bookings = Bookings()
    bookings.take("first", "exclusive", NOON, NOON + 2 * MINUTE)
    bookings.take("second", "exclusive", NOON + 5 * MINUTE, NOON + 6 * MINUTE)

    assert bookings.find("exclusive", NOON, 60 * MINUTE, 3 * MINUTE) == NOON + 2 * MINUTE
    assert bookings.find("exclusive", NOON, 60 * MINUTE, 4 * MINUTE) == NOON + 6 * MINUTE
    assert bookings.find("exclusive", NOON, 60 * MINUTE, MINUTE, not_before=NOON + 3 * MINUTE) == NOON + 3 * MINUTE
    bookings.free("first")
    bookings.free("nobody")
    assert bookings.find("exclusive", NOON, 0 * MINUTE, 5 * MINUTE) == NOON


def test_only_successes_are_signed():
    """A failed result stays as it is, and nothing that is handed in is changed (ADR 19)."""
    merged = {"succeeded": True}

    assert signed(merged, "here") == {
        "succeeded": True,
        "measured-by": "the embedded server of pscheduler-batch on here",
    }
    assert signed({"succeeded": False}, "here") == {"succeeded": False}
    assert merged == {"succeeded": True}


def test_the_signature_is_the_last_line():
    """It is there even where a result has no text, and a strange host name cannot break the HTML."""
    assert signed_plain("a\nb\n", "here") == "a\nb\nMeasured by the embedded server of pscheduler-batch on here"
    assert signed_plain("", "here") == "Measured by the embedded server of pscheduler-batch on here"
    assert signed_html("", "<x>").endswith("on &lt;x&gt;</p>")
    assert signed_html("<b>1</b>\n", "x").startswith("<b>1</b>\n<p>Measured by ")


def test_the_certificate_is_for_this_user_alone():
    """The folder and the files are readable for their owner only, and are removed when they are no longer needed."""
    made = certificate.write_certificate(certificate.issue_certificate("127.0.0.7"))
    modes = [stat.S_IMODE(Path(path).stat().st_mode) for path in (made.folder, made.ca_file, made.server_file)]
    made.remove()

    assert modes == [0o700, 0o600, 0o600]
    assert not made.folder.exists()


def entry_points(monkeypatch, *values):
    """Pretend that some tests are installed."""
    found = [metadata.EntryPoint(f"test{number}", value, GROUP) for number, value in enumerate(values)]
    monkeypatch.setattr(metadata, "entry_points", lambda: {GROUP: found})


def test_installed_tests_are_found(monkeypatch):
    """Each entry point names a kind of test, of which one is made."""
    entry_points(monkeypatch, "tests.support.embedded_bench:Nap", "tests.support.embedded_bench:Naps")
    tests = interface.load_tests()

    assert list(tests) == ["nap", "naps"]
    assert isinstance(tests["nap"], Nap)


@pytest.mark.parametrize(
    "value", ["tests.no_such_module:Nap", "tests.support.embedded_bench:Bench", "tests.support.embedded_bench:span"]
)
def test_a_test_that_does_not_load_costs_a_warning_only(monkeypatch, value):
    """The others are still found."""
    entry_points(monkeypatch, value, "tests.support.embedded_bench:Nap")
    with pytest.warns(UserWarning, match="does not offer the test test0: "):
        tests = interface.load_tests()

    assert list(tests) == ["nap"]


def test_nothing_installed_is_no_test(monkeypatch):
    """A package without its metadata has none."""
    monkeypatch.setattr(metadata, "entry_points", dict)

    assert interface.load_tests() == {}


def test_the_machines_own_entry_points_can_be_asked():
    """Both forms of the standard library's answer are understood."""
    assert all(point.group == GROUP for point in entry_points_of(GROUP))


def test_who_leaves_in_the_middle_of_a_request_is_no_bug(caplog):
    """As a batch does that is killed while it posts a task."""
    state = State({}, Pace())
    app = make_app(state, Scheduler(state), keep_alive=False)
    scope = {"type": "http", "method": "POST", "path": "/pscheduler/tasks", "query_string": b"", "headers": []}

    async def receive():
        return {"type": "http.disconnect"}

    async def send(_message):
        pass

    asyncio.run(app(scope, receive, send))

    assert (caplog.records, state.tasks) == ([], {})
