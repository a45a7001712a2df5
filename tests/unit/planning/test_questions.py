"""What servers can be asked about a plan."""

from __future__ import annotations

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.planning.server_problems import AllowedTools, DistinctTest, UseOfTest, distinct_tests
from pscheduler_batch.transforms.pipeline import Transforms

RTT = {"test": {"type": "rtt", "spec": {"dest": "a", "count": 1}}}
IDLE = {"test": {"type": "idle", "spec": {"duration": "PT1S"}}}


def ask(*jobs):
    """Plan a batch and collect the questions."""
    batch = load_batch({"jobs": list(jobs)})
    return distinct_tests(plan_batch(batch, Transforms(batch)))


def test_each_test_is_asked_about_once():
    """However many iterations and jobs want it, and however its pairs are ordered."""
    turned = {"test": {"type": "rtt", "spec": {"count": 1, "dest": "a"}}, "tool": "ping"}

    assert ask({"task": RTT, "iterations": 50}, {"task": IDLE}, {"task": turned}) == (
        DistinctTest(
            "rtt",
            RTT["test"]["spec"],
            (
                UseOfTest("/jobs/0/task", "job-0", tuple(range(50)), 50),
                UseOfTest("/jobs/2/task", "job-2", (0,), 1, allowed=AllowedTools("tool", ("ping",))),
            ),
        ),
        DistinctTest("idle", IDLE["test"]["spec"], (UseOfTest("/jobs/1/task", "job-1", (0,), 1),)),
    )


def test_a_task_of_an_array_is_asked_about_at_its_place():
    """The pointer says which it is."""
    assert [question.uses for question in ask({"task": [RTT, IDLE]})] == [
        (UseOfTest("/jobs/0/task/0", "job-0", (0,), 1),),
        (UseOfTest("/jobs/0/task/1", "job-0", (1,), 1),),
    ]


def test_a_transformed_test_is_asked_about_as_it_is_then():
    """With its iterations."""
    transform = {"script": "if $iteration > 0 then .test.spec.count = 2 else . end"}

    assert [
        question.uses for question in ask({"label": "x", "task": RTT, "iterations": 3, "task-transform": transform})
    ] == [
        (UseOfTest("/jobs/0/task", "x", (0,), 3),),
        (UseOfTest("/jobs/0/task", "x", (1, 2), 3, transformed=True),),
    ]


def test_disabled_jobs_are_not_asked_about():
    """They are not run."""
    assert ask({"task": RTT, "enabled": False}) == ()
