"""Tests of the list of changes that are made to tasks (ADR 11 and 18)."""

from __future__ import annotations

import json

import pytest

from pscheduler_batch.terminal.task_diff import NOTHING, changes, difference_lines, task_changes
from tests.support.planning import idle, plan_jobs

PLAIN = {"test": {"type": "rtt", "spec": {"dest": "a"}}}


def listed(*jobs, **pairs):
    """The lines about a batch of some jobs."""
    return list(difference_lines(plan_jobs(*jobs, **pairs)[1]))


def script(*lines, **pairs):
    """A job with a transform."""
    return {"label": "a", "task": PLAIN, "task-transform": {"script": list(lines)}, **pairs}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": 2}, [(("a",), 1, 2)]),
        ({"a": 1}, {"a": True}, [(("a",), 1, True)]),
        ({"a": 0}, {"a": False}, [(("a",), 0, False)]),
        ({"a": None}, {}, [(("a",), None, NOTHING)]),
        ({}, {"a": None}, [(("a",), NOTHING, None)]),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, [(("a", 1), 2, 3), (("a", 2), NOTHING, 4)]),
        ({"a": [1, 2]}, {"a": [1]}, [(("a", 1), 2, NOTHING)]),
        ({"a": {"b": 1}}, {"a": [1]}, [(("a",), {"b": 1}, [1])]),
        ({"b": 1, "a": 1}, {"a": 2, "c": 3}, [(("b",), 1, NOTHING), (("a",), 1, 2), (("c",), NOTHING, 3)]),
        ({"a": {}}, {"a": {"b": {"c": 1}}}, [(("a", "b"), NOTHING, {"c": 1})]),
    ],
)
def test_values_are_compared_place_by_place(before, after, expected):
    """Objects by name, arrays by number, numbers as numbers, and true is none."""

    assert [(change.path, change.before, change.after) for change in changes(before, after)] == expected


def test_values_may_be_nested_deeply():
    """Deeper than Python calls functions."""
    before, after = 1, 2
    for _ in range(5000):
        before, after = [before], [after]

    assert [len(change.path) for change in changes(before, after)] == [5000]


def test_the_schedule_that_every_task_gets_is_no_change():
    """It is empty; another one would be listed."""

    assert task_changes(PLAIN, {**PLAIN, "schedule": {}}) == ()
    assert [c.path for c in task_changes(PLAIN, {**PLAIN, "schedule": {"slip": "PT1M"}})] == [("schedule",)]


def test_each_change_is_listed_with_its_place():
    """What was added, removed, and put in another's place."""
    job = script('.test.spec.count = 5 | .test.spec.dest = "b" | del(.reference)', task={**PLAIN, "reference": [1]})

    assert listed(job) == [
        "a (/jobs/0): 1 iteration",
        "  iteration 0:",
        '    ~ /test/spec/dest: "a" -> "b"',
        "    + /test/spec/count: 5",
        "    - /reference: [1]",
    ]


def test_what_is_changed_in_all_iterations_is_listed_once():
    """Before what is changed in some."""

    assert listed(script('.test.spec.dest = "b" | .test.spec.count = $iteration + 1', iterations=2)) == [
        "a (/jobs/0): 2 iterations",
        "  all 2 iterations:",
        '    ~ /test/spec/dest: "a" -> "b"',
        "  iteration 0:",
        "    + /test/spec/count: 1",
        "  iteration 1:",
        "    + /test/spec/count: 2",
    ]


def test_iterations_with_equal_changes_are_listed_together():
    """Their numbers, in spans."""
    lines = listed(script("if $iteration % 4 == 3 then .test.spec.count = 9 else .test.spec.ttl = 3 end", iterations=8))

    assert lines[1:] == [
        "  iterations 0 to 2, 4 to 6:",
        "    + /test/spec/ttl: 3",
        "  iterations 3, 7:",
        "    + /test/spec/count: 9",
    ]


def test_iterations_that_are_not_changed_are_not_listed():
    """Beside one that is."""

    assert listed(script("if $iteration == 2 then .test.spec.ttl = 3 else . end", iterations=5))[1:] == [
        "  iteration 2:",
        "    + /test/spec/ttl: 3",
    ]


def test_a_job_without_changes_says_so():
    """Without transforms, or with ones that change nothing; a disabled job has no changes."""

    assert listed({"label": "a"}, script(".", iterations=2), {"label": "c", "enabled": False}) == [
        "a (/jobs/0): 1 iteration, nothing changed",
        "a (/jobs/1): 2 iterations, nothing changed",
        "c (/jobs/2): not enabled",
    ]


def test_what_a_batch_drops_from_the_schedule_is_marked():
    """Start and repetition are the batch's own (ADR 11); slip stays."""
    schedule = {"start": "PT1H", "slip": "PT5M", "repeat": "PT1H", "max-runs": 3, "until": "P1D"}
    dropped = "(dropped: the batch decides when and how often its tasks run)"

    assert listed({"label": "a", "iterations": 2, "task": {**PLAIN, "schedule": schedule}})[1:] == [
        "  all 2 iterations:",
        f'    - /schedule/start: "PT1H" {dropped}',
        f'    - /schedule/repeat: "PT1H" {dropped}',
        f"    - /schedule/max-runs: 3 {dropped}",
        f'    - /schedule/until: "P1D" {dropped}',
    ]


def test_the_synchronized_start_is_listed():
    """It replaces whatever the task had, when the job begins (ADR 10)."""
    job = {"label": "a", "iterations": 2, "parallel": True, "task": {**PLAIN, "schedule": {"start": "PT1H"}}}

    assert listed(job)[1:] == [
        "  all 2 iterations:",
        '    - /schedule/start: "PT1H" (dropped: the batch decides when and how often its tasks run)',
        "    + /schedule/start: (the synchronized start, computed when the job starts)",
    ]


@pytest.mark.parametrize("parallel", [True, False])
def test_a_job_without_iterations_has_no_changes(parallel):
    """Nor does it start at any time."""
    assert listed({"task": [], "parallel": parallel}) == ["job-0 (/jobs/0): 0 iterations, nothing changed"]


def test_what_a_script_removes_from_the_schedule_is_not_called_dropped():
    """That was the script."""

    assert listed(script("del(.schedule.slip)", task={**PLAIN, "schedule": {"slip": "PT5M"}}))[-1] == (
        '    - /schedule/slip: "PT5M"'
    )


def test_an_array_of_tasks_is_compared_task_by_task():
    """Each iteration with its own."""
    job = {
        "label": "a",
        "task": [idle("PT1S"), idle("PT2S")],
        "task-transform": {"script": '.test.spec.duration = "PT2S"'},
    }

    assert listed(job)[1:] == ["  iteration 0:", '    ~ /test/spec/duration: "PT1S" -> "PT2S"']


def test_every_change_of_a_thousand_iterations_is_listed():
    """They can be searched."""
    lines = listed(script(".test.spec.count = $iteration + 1", iterations=1000))

    assert len(lines) == 2001


@pytest.mark.parametrize("count", [1001, 10_000])
def test_more_than_a_thousand_iterations_are_summarized(count):
    """The first ten and the last."""
    lines = listed(script(".test.spec.count = $iteration + 1", iterations=count))

    assert lines[-3:] == [
        f"  ... {count - 11:,} iterations more, each with other changes ...",
        f"  iteration {count - 1}:",
        f"    + /test/spec/count: {count}",
    ]
    assert len(lines) == 1 + 2 * 11 + 1


def test_many_spans_of_iterations_are_cut():
    """Every second of 100."""
    lines = listed(script("if $iteration % 2 == 0 then .test.spec.ttl = 3 else . end", iterations=100))

    assert lines[1] == "  iterations 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, ..., 98:"


@pytest.mark.parametrize(
    "change",
    [
        '.test.spec._key = "hunter2"',
        '.reference = {"_a": {"b": ["hunter2"]}}',
        '.test.spec._key = "hunter2" | .test.spec.open = "x-hunter2-y"',
        ".reference = $global._word",
        ".reference = {($global._word): 1}",
        '.reference = ($global._word + ("x" * 500))',
    ],
)
def test_secrets_are_hidden(change):
    """Under their own names, and where a script has put them (ADR 18)."""
    lines = listed(script(change), **{"global": {"data": {"_word": "hunter2"}}})

    assert "(hidden)" in "".join(lines)
    assert "hunter2" not in "".join(lines)


def test_a_secret_that_is_cut_leaves_nothing_of_it():
    """It is hidden before a long value is made short."""
    secret = "".join(chr(ord("a") + n % 26) for n in range(500))
    lines = listed(script(".reference = $global._word"), **{"global": {"data": {"_word": secret}}})

    assert "abc" not in lines[-1]


def test_secrets_of_the_input_are_hidden():
    """Such as one that is replaced, or removed."""
    task = {**PLAIN, "_key": "hunter2", "reference": {"_word": "hunter3"}}
    lines = listed(script('._key = "hunter4" | del(.reference)', task=task))

    assert not [line for line in lines if "hunter" in line]
    assert lines[2:] == ["    ~ /_key: (hidden) -> (hidden)", '    - /reference: {"_word": "(hidden)"}']


def test_labels_and_values_are_fit_for_a_terminal():
    """Long ones are cut, and nothing in them is obeyed."""
    hostile = "\x1b[31m\u202e\n" + "b" * 10_000
    lines = listed(script(f".reference = {json.dumps(hostile)}", label=hostile))

    assert all(line.isprintable() and len(line) < 700 for line in lines)
    assert lines[0].startswith("\\u001b[31m\\u202e\\u000abbb")


def test_names_with_slashes_are_written_as_pointers():
    """RFC 6901."""
    change = script('.reference["a/b~c"] = 1', task={**PLAIN, "reference": {}})

    assert listed(script('.reference["a/b~c"] = 1'))[-1] == '    + /reference: {"a/b~c": 1}'
    assert listed(change)[-1] == "    + /reference/a~1b~0c: 1"


def test_a_batch_without_jobs_has_no_differences():
    """And no error."""

    assert listed() == []
