"""Tests of the tables of paths."""

from __future__ import annotations

from pscheduler_batch.report.drawings.paths import path_table_of
from tests.support.measured_jobs import mean_of, path_of, runs_of
from tests.support.output_documents import HOSTILE


def table(*results):
    """Return the table of a job with such iterations."""
    return path_table_of(runs_of(*results))


def test_paths_that_differ_stand_side_by_side():
    """With the hops in which they differ, and the order in which they were seen."""
    first, second = path_of(("a", None, "c")), path_of(("a", "b", "d", "e"))
    found = table(first, first, second, first)

    assert [(path.name, path.runs, path.seen) for path in found.paths] == [
        ("A", "3 of 4 runs", "12:00:00"),
        ("B", "run 2", "12:00:00"),
    ]
    assert found.hops == (
        (False, ("a", "a")),
        (False, ("*", "b")),
        (True, ("c", "d")),
        (True, (None, "e")),
    )
    assert found.changes == "A (runs 0 to 1), B (run 2), A (run 3)"


def test_a_silent_hop_equals_any_other():
    """The path knows the hop that answered in any run."""
    found = table(path_of(("a", None)), path_of(("a", "b")))

    assert (found.hops, found.changes) == (((False, ("a",)), (False, ("b",))), "")
    assert found.paths[0].runs == "2 of 2 runs"


def test_a_run_may_find_several_paths():
    """It counts for each of them."""
    found = table(path_of(("a", "b"), ("a", "c")), path_of(("a", "c")))

    assert [path.runs for path in found.paths] == ["run 0", "2 of 2 runs"]
    assert found.changes == "A and B (run 0), B (run 1)"


def test_a_path_that_was_seen_for_days_has_the_days():
    """Times of day alone would not say which came first."""
    evening, morning = path_of(("a",)), path_of(("a",))
    evening["runs"][0]["run"]["start-time"] = "2026-03-01T20:00:00Z"
    morning["runs"][0]["run"]["start-time"] = "2026-03-02T08:00:00Z"

    assert table(evening, morning).paths[0].seen == "2026-03-01 20:00:00 to 2026-03-02 08:00:00"


def test_of_many_paths_some_are_shown():
    """The others are counted, and so are their changes."""
    found = table(*(path_of((f"hop-{n}",)) for n in range(40)))

    assert (len(found.paths), found.more) == (8, 32)
    assert found.changes.endswith("L (run 11) and 28 more changes")


def test_more_paths_than_letters_have_names():
    """A number follows the letter."""
    found = table(*(path_of((f"hop-{n}",)) for n in range(27)), path_of(("hop-26",)))

    assert found.more == 19


def test_without_a_path_there_is_no_table():
    """Nor for other tests."""

    assert table(mean_of(1)) is None
    assert table(path_of()) is None


def test_hostile_hops_are_short_lines():
    """They come from any host on the path."""
    found = table(path_of((HOSTILE, HOSTILE)))

    assert all(len(hop) <= 60 and hop.isprintable() for _, hops in found.hops for hop in hops)
