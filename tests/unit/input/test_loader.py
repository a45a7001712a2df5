"""What becomes of a batch that is right."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from pscheduler_batch.errors import InputError
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.model import Job, Transform


def job_of(pairs, schema=3) -> Job:
    """Load a batch of one job."""
    return load_batch({"schema": schema, "jobs": [{"task": {}, **pairs}]}).jobs[0]


def test_a_job_has_the_documented_defaults():
    """What is left out is as the document says."""
    assert job_of({}) == Job(
        number=0,
        label="job-0",
        enabled=True,
        iterations=1,
        tasks=({},),
        task_is_array=False,
        parallel=False,
        backoff=timedelta(0),
        sync_start=False,
        setup_time=timedelta(seconds=15),
        task_transform=None,
        continue_if=None,
    )


def test_a_job_has_what_is_written():
    """Every pair of a job arrives."""
    pairs = {
        "label": "rtt",
        "enabled": True,
        "iterations": 3,
        "parallel": True,
        "sync-start": True,
        "backoff": "PT1M",
        "setup-time": "PT0.5S",
        "task": {"test": {"type": "rtt", "spec": {}}},
        "task-transform": {"script": ["# One", ".a = 1"], "args": {"x": [1]}, "output-raw": False},
        "continue-if": {"script": "true"},
    }

    assert job_of(pairs) == Job(
        number=0,
        label="rtt",
        enabled=True,
        iterations=3,
        tasks=(pairs["task"],),
        task_is_array=False,
        parallel=True,
        backoff=timedelta(minutes=1),
        sync_start=True,
        setup_time=timedelta(milliseconds=500),
        task_transform=Transform("/jobs/0/task-transform", "# One\n.a = 1", {"x": [1]}),
        continue_if=Transform("/jobs/0/continue-if", "true"),
    )


@pytest.mark.parametrize("schema", [None, 1, 2, 3])
def test_each_version_of_the_format_is_accepted(schema):
    """No schema at all means 1."""
    declared = {} if schema is None else {"schema": schema}

    assert load_batch({**declared, "jobs": [{"task": {}, "setup-time": "PT1S"}]}).schema == (schema or 1)


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_whole_numbers_may_be_written_with_a_point(schema):
    """JSON has one kind of number: 2.0 is 2, and becomes a whole number."""
    batch = load_batch(f'{{"schema": {schema}.0, "jobs": [{{"task": {{}}, "iterations": 3.0}}]}}')

    assert (batch.schema, batch.jobs[0].iterations) == (schema, 3)
    assert isinstance(batch.jobs[0].iterations, int)


def test_global_has_data_and_transforms():
    """All three arrive, with the places that messages name."""
    batch = load_batch(
        {"global": {"data": [1], "transform-pre": {"script": "."}, "transform-post": {"script": []}}, "jobs": []}
    )

    assert batch.data == [1]
    assert batch.transform_pre == Transform("/global/transform-pre", ".")
    assert batch.transform_post == Transform("/global/transform-post", "")


def test_without_global_there_is_no_data():
    """Scripts see null as $global then."""
    batch = load_batch({"jobs": []})

    assert (batch.data, batch.transform_pre, batch.transform_post) == (None, None, None)


def test_iterations_may_be_a_transform_in_schema_3():
    """The number is worked out later."""
    assert job_of({"iterations": {"script": "3"}}).iterations == Transform("/jobs/0/iterations", "3")


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_an_array_of_tasks_gives_the_number_of_iterations(schema):
    """Under any schema, whatever iterations says."""
    job = job_of({"task": [{"a": 1}, {}], "iterations": 7}, schema)

    assert job.tasks == ({"a": 1}, {})
    assert job.task_is_array
    assert job.iterations == 2


def test_an_array_of_one_task_is_an_array():
    """The output keeps its form, so it is remembered."""
    assert job_of({"task": [{}]}).task_is_array


@pytest.mark.parametrize(
    ("pairs", "sync_start"),
    [
        ({}, False),
        ({"sync-start": True}, False),
        ({"parallel": True}, True),
        ({"parallel": True, "sync-start": True}, True),
        ({"parallel": True, "sync-start": False}, False),
    ],
)
def test_parallel_implies_a_synchronized_start(pairs, sync_start):
    """Unless it is explicitly switched off; without parallel it does nothing."""
    assert job_of(pairs).sync_start is sync_start


@pytest.mark.parametrize("task", [{}, {"test": {}}, {"reference": {"tests": []}}, {"anything": [None]}])
def test_a_task_may_be_incomplete(task):
    """It is checked after its transforms."""
    assert job_of({"task": task}).tasks == (task,)


@pytest.mark.parametrize("label", ["", " \n"])
def test_a_blank_label_is_none(label):
    """The log, the plan, options and reports name the job alike."""
    (batch_job,) = load_batch({"jobs": [{"label": label, "task": {}}]}).jobs

    assert batch_job.label == "job-0"


def test_labels_may_repeat():
    """They are for people; jobs without one get the number."""
    jobs = load_batch({"jobs": [{"label": "a", "task": {}}, {"label": "a", "task": {}}, {"task": {}}]}).jobs

    assert [job.label for job in jobs] == ["a", "a", "job-2"]
    assert [job.where for job in jobs] == ["/jobs/0", "/jobs/1", "/jobs/2"]


def test_comments_are_removed_everywhere():
    """In the batch, in tasks, in arguments and in data, at every depth."""
    batch = load_batch(
        {
            "#": "a comment",
            "global": {"data": {"#x": 1, "y": [{"#": 2, "z": 3}]}},
            "jobs": [
                {
                    "#enabled": False,
                    "task": {"#": [], "test": {"# why": "so", "spec": None}},
                    "task-transform": {"script": "# stays", "args": {"#a": 1, "b": 2}},
                }
            ],
        }
    )

    assert batch.document == {
        "global": {"data": {"y": [{"z": 3}]}},
        "jobs": [{"task": {"test": {"spec": None}}, "task-transform": {"script": "# stays", "args": {"b": 2}}}],
    }
    assert batch.data == {"y": [{"z": 3}]}
    assert batch.jobs[0].task_transform.args == {"b": 2}


@pytest.mark.parametrize(
    "pairs",
    [
        {},
        {"task": 5, "label": 5, "iterations": 0, "parallel": "yes", "backoff": "P1M", "setup-time": 9},
        {"task": None, "backoff": "P99999999999D", "setup-time": "soon", "sync-start": "no"},
        {"task": [5], "task-transform": 5, "continue-if": {"script": 5}, "iterations": {"script": 5}},
        {"taks": {}, "colour": "blue", "results": []},
    ],
)
def test_mistakes_in_a_disabled_job_are_no_errors(pairs):
    """Such jobs occur in files in use; every wrong pair is as if it were absent."""
    batch = load_batch({"jobs": [{"enabled": False, **pairs}, {"task": {}}]})

    assert batch.jobs[0] == Job(
        number=0,
        label="job-0",
        enabled=False,
        iterations=1,
        tasks=(),
        task_is_array=False,
        parallel=False,
        backoff=timedelta(0),
        sync_start=False,
        setup_time=timedelta(seconds=15),
        task_transform=None,
        continue_if=None,
    )
    assert batch.document["jobs"][0] == {"enabled": False, **pairs}


def test_what_is_right_in_a_disabled_job_is_kept():
    """A mistake costs the pair it is in, not the others."""
    disabled = {"enabled": False, "label": "off", "iterations": "3", "task": {"a": 1}}
    job = load_batch({"jobs": [disabled]}).jobs[0]

    assert (job.label, job.iterations, job.tasks) == ("off", 1, ({"a": 1},))


def test_text_and_source_are_remembered():
    """Errors that come up later point into the text."""
    batch = load_batch(b'\xef\xbb\xbf{"jobs": []}', source="some.json")

    assert (batch.text, batch.source) == ('{"jobs": []}', "some.json")


def test_a_great_batch_loads():
    """A thousand jobs with large tasks, and numbers that no machine word holds."""
    spec = {"list": [{"n": 10**30, "text": "x" * 20}] * 20}
    jobs = [{"label": f"job {n}", "task": {"test": {"type": "x", "spec": spec}}} for n in range(1000)]
    batch = load_batch(json.dumps({"jobs": jobs}))

    assert len(batch.jobs) == 1000
    assert batch.jobs[999].tasks[0]["test"]["spec"] == spec


def test_the_first_mistake_does_not_hide_the_last():
    """Everything that is wrong is told at once, in the order of the input."""
    jobs = [{"task": {}, "iterations": 0} if number % 100 == 0 else {"task": {}} for number in range(1000)]
    with pytest.raises(InputError) as caught:
        load_batch(json.dumps({"jobs": jobs}, indent=1))

    assert [problem.where for problem in caught.value.problems] == [
        f"/jobs/{number}/iterations" for number in range(0, 1000, 100)
    ]
    lines = [problem.line for problem in caught.value.problems]
    assert lines == sorted(lines)
