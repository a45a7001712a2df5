"""What is strange in a batch but not wrong."""

from __future__ import annotations

import json

import pytest

from pscheduler_batch.errors import InputError
from pscheduler_batch.input.loader import load_batch

SPACED = (
    "the iterations of this parallel job start at the same time, so backoff delays only their submission; "
    'set "sync-start": false to delay their starts, or true to silence this warning'
)


def warnings_of(pairs):
    """Load a batch of one job, from text, as a file would be."""
    return texts_of(load_batch(json.dumps({"schema": 3, "jobs": [{"task": {}, **pairs}]}, indent=2)))


def texts_of(batch):
    """Return the warnings of a batch as they are printed; each says that it is one."""
    assert {warning.severity for warning in batch.warnings} <= {"warning"}
    return tuple(map(str, batch.warnings))


def test_a_usual_batch_has_no_warnings():
    """There is nothing to say about a batch that has nothing strange in it."""
    assert warnings_of({"iterations": 5, "parallel": True}) == ()


@pytest.mark.parametrize("iterations", [2, {"script": "2"}])
def test_a_backoff_under_a_synchronized_start_is_told(iterations):
    """ADR 10: the document's own example expects something else."""
    pairs = {"iterations": iterations, "parallel": True, "backoff": "PT1M"}

    assert [warning.partition("): ") for warning in warnings_of(pairs)] == [
        (f"At /jobs/0/backoff (line {8 if iterations == 2 else 10}, column 18", "): ", SPACED)
    ]


@pytest.mark.parametrize(
    "pairs",
    [
        {"iterations": 2, "parallel": True, "backoff": "PT1M", "sync-start": False},
        {"iterations": 2, "parallel": True, "backoff": "PT1M", "sync-start": True},
        {"iterations": 2, "parallel": True, "backoff": "PT0S"},
        {"iterations": 1, "parallel": True, "backoff": "PT1M"},
        {"iterations": 2, "parallel": True, "backoff": "PT1M", "enabled": False},
    ],
)
def test_a_backoff_that_is_meant_so_or_does_nothing_is_not_told(pairs):
    """A batch that sets sync-start has no warning; serial, single and disabled jobs ignore the backoff."""
    assert warnings_of(pairs) == ()


@pytest.mark.parametrize("parallel", [{}, {"parallel": False}])
@pytest.mark.parametrize("pair", [{"backoff": "PT5S"}, {"setup-time": "PT5S"}, {"sync-start": True}])
def test_pairs_that_require_parallel_are_reported_without_it(parallel, pair):
    """A serial job ignores them, which is hardly intended."""
    (name,) = pair
    (warning,) = warnings_of({**pair, **parallel})

    assert warning.startswith(f"At /jobs/0/{name} (line 6, column 7): ")
    assert warning.endswith(f'{name} is ignored: it requires "parallel": true')


@pytest.mark.parametrize(
    ("where", "ignored"),
    [("task-transform", ["global", "iteration"]), ("continue-if", ["global"]), ("iterations", ["global"])],
)
def test_arguments_that_a_script_cannot_see_are_reported(where, ignored):
    """It has variables of these names in any case; an argument named task takes the place of $task."""
    args = {"task": 1, "global": 2, "iteration": 3, "count": 4}
    found = warnings_of({where: {"script": "1", "args": args}})

    assert [warning.split(" (")[0] for warning in found] == [f"At /jobs/0/{where}/args/{name}" for name in ignored]
    assert found[0].endswith('"global" is ignored: $global is the global data')


@pytest.mark.parametrize("name", ["transform-pre", "transform-post"])
def test_arguments_of_global_transforms_are_reported(name):
    """As those of a job."""
    transform = {"script": ".", "args": {"iteration": 3}}
    (found,) = texts_of(load_batch({"jobs": [{"task": {}}], "global": {name: transform}}))

    assert (
        found == f'At /global/{name}/args/iteration: "iteration" is ignored: $iteration is the number of the iteration'
    )


def test_pairs_that_require_parallel_are_not_reported_in_a_disabled_job():
    """Such a job is not checked."""
    assert warnings_of({"backoff": "PT5S", "enabled": False}) == ()


def test_iterations_beside_an_array_of_another_length_are_told():
    """The array counts, and a warning says so."""
    assert warnings_of({"task": [{}, {}], "iterations": 3}) == (
        "At /jobs/0/iterations (line 9, column 21): 3 is ignored: the array of tasks sets the number of iterations, 2",
    )


@pytest.mark.parametrize("pairs", [{"task": [{}, {}]}, {"task": [{}, {}], "iterations": 2}])
def test_an_array_of_the_same_length_is_not_told(pairs):
    """There is nothing to learn."""
    assert warnings_of(pairs) == ()


@pytest.mark.parametrize("pairs", [{}, {"parallel": True, "backoff": "PT5S", "iterations": 3}])
def test_an_empty_array_of_tasks_is_told(pairs):
    """It is valid, as in pScheduler's own batch processor, but rarely intended."""
    assert warnings_of({"task": [], **pairs}) == (
        "At /jobs/0/task (line 5, column 15): the array of tasks is empty, so this job has no iterations",
    )


def test_a_batch_without_jobs_is_told():
    """An empty array is right, but hardly meant."""
    assert texts_of(load_batch({"jobs": []})) == ("At /jobs: there are no jobs, so nothing will be run",)


def test_a_repeated_name_is_told_with_both_places():
    """The last one counts, as everywhere in pScheduler; comments may repeat."""
    batch = load_batch('{"jobs": [\n{"#": 1, "#": 2, "label": "a",\n"label": "b", "task": {"x": 1, "x": 2}}]}')

    assert batch.jobs[0].label == "b"
    assert batch.jobs[0].tasks == ({"x": 2},)
    assert texts_of(batch) == (
        'At /jobs/0/label (line 3, column 1): "label" occurs twice, first at line 2, column 18; the last one is used',
        'At /jobs/0/task/x (line 3, column 32): "x" occurs twice, first at line 3, column 24; the last one is used',
    )


@pytest.mark.parametrize("wrong", ['"jobs": [{"task": {}, "iterations": 0}]', '"global": 5, "jobs": []'])
def test_a_repeated_name_is_told_beside_what_is_wrong(wrong):
    """It may be the cause."""
    with pytest.raises(InputError) as caught:
        load_batch(f'{{"schema": 1, "schema": 1, {wrong}}}')

    assert [problem.where for problem in caught.value.warnings] == ["/schema"]
    assert "/schema" not in str(caught.value)
