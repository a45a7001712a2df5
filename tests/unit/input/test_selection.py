"""The part of a batch that is run."""

from __future__ import annotations

import pytest

from pscheduler_batch.errors import InputError, OptionError
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.input.selection import Earlier, Selection
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.transforms.pipeline import Transforms

IDLE = {"test": {"type": "idle", "spec": {"duration": "PT1S"}}}
BATCH = {
    "jobs": [
        {"label": "rtt-a", "iterations": 3, "task": IDLE},
        {"label": "rtt-b", "task": [IDLE, IDLE, IDLE]},
        {"label": "off", "enabled": False},
        {"task": IDLE, "iterations": 3, "parallel": True, "backoff": "PT5S", "sync-start": False},
    ]
}
LABELS = ("rtt-a", "rtt-b", "off", "job-3")


def select(*jobs, skip=(), failed=None, labels=LABELS):
    """Return a selection by patterns, and by what failed before."""
    earlier = None if failed is None else Earlier("last.json", labels, failed)
    return Selection(jobs, tuple(skip), earlier)


def chosen(selection, document=BATCH):
    """Return the numbers of the iterations that are planned, by the number of the job."""
    batch = load_batch(document, selection=selection)
    plan = plan_batch(batch, Transforms(batch))
    return {job.job.number: [each.number for each in job.iterations] for job in plan.jobs if job.iterations}


@pytest.mark.parametrize(
    ("selection", "jobs"),
    [
        (select(), [0, 1, 3]),
        (select("rtt-*"), [0, 1]),
        (select("rtt-a", "job-3"), [0, 3]),
        (select("/jobs/1"), [1]),
        (select("/jobs/*"), [0, 1, 3]),
        (select("*[!b]"), [0, 3]),
        (select(skip=["rtt-?"]), [3]),
        (select("rtt-*", skip=["/jobs/0"]), [1]),
    ],
)
def test_patterns_choose_jobs_by_label_or_pointer(selection, jobs):
    """A disabled job stays disabled."""
    assert list(chosen(selection)) == jobs
    batch = load_batch(BATCH, selection=selection)
    assert [job.number for job in batch.jobs if job.left_out] == [each for each in (0, 1, 3) if each not in jobs]
    assert batch.document == BATCH


def test_a_pattern_can_be_a_label_as_it_is():
    """A label may have any characters."""
    document = {"jobs": [{"label": "a[1]", "task": IDLE}, {"label": "a1", "task": IDLE}]}

    assert list(chosen(select("a[1]"), document)) == [0, 1]


@pytest.mark.parametrize(
    ("selection", "reason", "line"),
    [
        (select("rtt-a", "rtt_b"), 'no job matches "rtt_b"; did you mean "rtt-b"?', 2),
        (select("x"), 'no job matches "x"; the jobs are "rtt-a", "rtt-b", "off" and "job-3"', 1),
        (select("off"), 'only disabled jobs match "off": "off"', 1),
        (select("/jobs/7"), 'no job matches "/jobs/7"; the jobs are "rtt-a", "rtt-b", "off" and "job-3"', 1),
        (select(skip=["x*"]), 'no job matches "x*"; the jobs are "rtt-a", "rtt-b", "off" and "job-3"', 1),
        (select(skip=["*"]), "this leaves out every job", None),
    ],
)
def test_patterns_that_do_not_fit(selection, reason, line):
    """Each must match a job that can be run, and one job must be left."""
    with pytest.raises(OptionError) as caught:
        load_batch(BATCH, selection=selection)

    (problem,) = caught.value.problems
    assert (problem.reason, problem.line) == (reason, line)


def test_a_batch_without_jobs_has_none_to_choose():
    """The message does not list labels."""
    with pytest.raises(OptionError, match="the batch has no jobs"):
        load_batch({"jobs": []}, selection=select("a"))


def test_what_is_left_out_is_not_checked():
    """It is as if it were not enabled; what is chosen is checked."""
    document = {"jobs": [{"label": "right", "task": IDLE}, {"label": "wrong", "iterations": -1}]}

    assert list(chosen(select("right"), document)) == [0]
    with pytest.raises(InputError, match="/jobs/1"):
        load_batch(document, selection=select("wrong"))


@pytest.mark.parametrize("document", [{"jobs": 5}, {"jobs": [5]}, [], {}])
def test_the_errors_of_a_batch_come_first(document):
    """Jobs of such a batch cannot be chosen."""
    with pytest.raises(InputError) as caught:
        load_batch(document, selection=select("a"))
    assert not isinstance(caught.value, OptionError)


def test_only_what_failed_is_planned_again():
    """Iterations keep their numbers; the delays of a parallel job have no gaps."""
    failed = {0: frozenset({2}), 1: frozenset({0, 2}), 3: frozenset({1, 2, 9})}
    batch = load_batch(BATCH, selection=select(failed=failed))

    plan = plan_batch(batch, Transforms(batch))

    assert [[(each.label, each.numbered) for each in job.iterations] for job in plan.jobs] == [
        [("rtt-a/2", True)],
        [("rtt-b/0", True), ("rtt-b/2", True)],
        [],
        [("job-3/1", True), ("job-3/2", True)],
    ]
    assert [each.delay.seconds for each in plan.jobs[3].iterations] == [0, 5]


def test_patterns_and_what_failed_apply_together():
    """A job is run if both choose it."""
    assert chosen(select("rtt-*", failed={1: frozenset({1}), 3: frozenset({0})})) == {1: [1]}


def test_nothing_is_run_if_nothing_failed():
    """That is no error."""
    assert chosen(select(failed={})) == {}


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (("rtt-a",), "/jobs: this is the output of another batch: it has 1 job, and the batch has 4"),
        (
            ("rtt-a", "x", "off", "job-3"),
            '/jobs/1: this is the output of another batch: its label is "x", and that of the batch is "rtt-b"',
        ),
    ],
)
def test_the_output_of_another_batch(labels, reason):
    """Numbers of iterations would mean something else."""
    with pytest.raises(InputError) as caught:
        load_batch(BATCH, selection=select(failed={}, labels=labels))

    assert str(caught.value) == f"last.json: At {reason}"
