"""Tests of what tells the runs of a job apart."""

from __future__ import annotations

import pytest

from pscheduler_batch.report.job_runs import run_key, run_names
from tests.support.measured_jobs import at, mean_of, rows_of, runs_of
from tests.support.output_documents import HOSTILE, failed_run, result


def pair(source, dest, **spec):
    """Make an iteration of a mesh."""
    return mean_of(1, source=source, dest=dest, **spec)


def test_runs_are_named_by_iteration():
    """And by their own number where an iteration has several."""

    assert run_names(rows_of(at(0), at(1))) == ("0", "1")
    assert run_names(rows_of(at(0), at(1, runs=2), result(error="no"))) == ("0.0", "1.0", "1.1", "2")
    assert [run_key(row) for row in rows_of(at(0), result(error="no"))] == ["0-0-0", "0-1"]


def test_equal_iterations_vary_nothing():
    """Each run has a place of its own."""
    runs = runs_of(mean_of(1), mean_of(2))

    assert (runs.axes, runs.places, runs.mesh) == ((), ((), ()), False)
    assert [(stop.label, stop.runs) for stop in runs.stops(10)] == [("0", (0,)), ("1", (1,))]
    assert runs.axis == "iteration"


def test_numbers_are_in_ascending_order():
    """Runs with the same number share a place."""
    runs = runs_of(*(mean_of(1, length=length) for length in (512, 64, 12800, 64)))
    (axis,) = runs.axes

    assert (axis.name, axis.labels, axis.numbers) == ("length", ("64", "512", "12,800"), (64, 512, 12800))
    assert [(stop.label, stop.number, stop.runs) for stop in runs.stops(10)] == [
        ("64", 64, (1, 3)),
        ("512", 512, (0,)),
        ("12,800", 12800, (2,)),
    ]
    assert runs.by_words(runs.stops(10)) == "by length, up to 2 runs together"


def test_texts_stay_in_their_order():
    """They are no numbers, even if one of them is."""
    (axis,) = runs_of(*(mean_of(1, flag=flag) for flag in ("cubic", True, 1, "bbr"))).axes

    assert (axis.labels, axis.numbers) == (("cubic", "true", "1", "bbr"), None)


def test_two_values_are_two_axes():
    """Every combination is a place."""
    runs = runs_of(*(mean_of(1, a=a, b=b) for a in (1, 2) for b in ("x", "y", "z")))

    assert [axis.name for axis in runs.axes] == ["a", "b"]
    assert runs.by_place() == {(a, b): [3 * a + b] for a in range(2) for b in range(3)}


def test_values_that_vary_together_are_one_axis():
    """Each value of one goes with one of the other."""
    (axis,) = runs_of(*(mean_of(1, length=n, name=f"n{n}") for n in (2, 1))).axes

    assert (axis.name, axis.labels, axis.numbers) == ("length, name", ("2, n2", "1, n1"), None)


@pytest.mark.parametrize(
    "specs",
    [
        [{"a": a, "b": b, "c": c} for a in (1, 2) for b in (1, 2) for c in (1, 2)],
        [{"length": 1}, {}],
        [{"name": f"host-{n}"} for n in range(41)],
    ],
)
def test_what_cannot_be_drawn_is_no_axis(specs):
    """Three things, values that are missing, and too many names: the iterations are the places."""

    assert runs_of(*(mean_of(1, **spec) for spec in specs)).axes == ()


def test_an_iteration_without_a_task_has_no_place():
    """It failed before it got its value."""
    lost = {**result(error="the transform failed"), "task": {}}
    runs = runs_of(lost, mean_of(1, length=1), mean_of(1, length=2))

    assert runs.places == (None, (0,), (1,))
    assert runs.by_test() == {"rtt": runs}


def test_a_mesh_has_sources_and_destinations():
    """In the order of their numbers, with a place for each pair."""
    hosts = ("ps10.example.net", "ps2.example.net", "ps1.example.net")
    runs = runs_of(*(pair(a, b) for a in hosts for b in hosts if a != b))

    assert runs.mesh
    assert [(axis.name, axis.labels) for axis in runs.axes] == [
        ("source", (hosts[2], hosts[1], hosts[0])),
        ("destination", (hosts[2], hosts[1], hosts[0])),
    ]
    assert len(runs.by_place()) == 6


def test_the_source_is_the_lead_where_the_task_names_none():
    """As pScheduler has it."""
    runs = runs_of(mean_of(1, "a.net", dest="b.net"), mean_of(1, "b.net", dest="a.net"))

    assert (runs.mesh, runs.axes[0].labels, runs.places) == (True, ("a.net", "b.net"), ((0, 1), (1, 0)))


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "b"), ("a", "c")],
        [("a", "c"), ("b", "d")],
        [(f"s{s}", f"d{d}") for s in range(2) for d in range(41)],
    ],
)
def test_what_is_no_mesh(pairs):
    """One source, a list of pairs, and more hosts than a matrix can show."""

    assert not runs_of(*(pair(*hosts) for hosts in pairs)).mesh


def test_ports_of_leads_do_not_hide_a_mesh():
    """A lead on a port of its own is the same host as the destination without it."""
    hosts = [("ps1.net:8443", "ps2.net"), ("PS2.net:8443", "ps1.net")]
    runs = runs_of(*(mean_of(1, lead, dest=dest) for lead, dest in hosts))

    assert (runs.mesh, runs.axes[0].labels, runs.places) == (True, ("ps1.net", "ps2.net"), ((0, 1), (1, 0)))


def test_ports_that_tell_hosts_apart_are_kept():
    """Several servers on one machine have the same address."""
    names = [f"127.0.0.1:{port}" for port in (1, 2, 3)]
    runs = runs_of(*(mean_of(1, one, dest=other) for one in names for other in names if one != other))

    assert (runs.mesh, runs.axes[0].labels) == (True, tuple(names))


def test_a_mesh_may_vary_more():
    """Several runs are at the place of a pair then."""
    runs = runs_of(*(pair(a, b, length=n) for a, b in (("a", "b"), ("b", "a")) for n in (1, 2)))

    assert (runs.mesh, list(runs.by_place().values())) == (True, [[0, 1], [2, 3]])


def test_each_test_has_its_own_axes():
    """What only tells the tests apart is none."""
    mixed = [
        *(mean_of(1, length=n) for n in (1, 2)),
        result(failed_run(), kind="trace"),
        result(failed_run(), kind="trace"),
    ]
    tests = runs_of(*mixed).by_test()

    assert {test: [axis.name for axis in runs.axes] for test, runs in tests.items()} == {"rtt": ["length"], "trace": []}
    assert tests["trace"].names == ("2", "3")


def test_many_places_are_joined():
    """Neighbors share one, with the names of the first and the last."""
    stops = runs_of(*(mean_of(1) for _ in range(7))).stops(3)

    assert [(stop.label, stop.runs) for stop in stops] == [("0 to 2", (0, 1, 2)), ("3 to 5", (3, 4, 5)), ("6", (6,))]


def test_hostile_values_are_short_lines():
    """Whatever a task may have in it."""
    (axis,) = runs_of(mean_of(1, **{HOSTILE: HOSTILE}), mean_of(1, **{HOSTILE: "b"})).axes

    assert all(len(text) <= 40 and text.isprintable() for text in (axis.name, *axis.labels))
