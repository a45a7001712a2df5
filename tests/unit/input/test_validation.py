"""Tasks against the task specification, and the schema files themselves."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from pscheduler_batch.input.schemas import VERSIONS, find_violations, load_schema
from pscheduler_batch.input.validation import check_task
from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.text import closest, show
from tests.support.call_count import calls_of

TEST = {"type": "rtt", "spec": {"dest": "ps.example.net"}}
FILES = [(kind, version) for kind, versions in VERSIONS.items() for version in versions]

# By task schema: what it adds to the ones before it.
ADDED = {
    1: {
        "lead-bind": "192.0.2.1",
        "tool": "ping",
        "tools": ["ping", "twping"],
        "schedule": {
            "start": "2026-03-01T12:00:00Z",
            "slip": "PT5M",
            "sliprand": True,
            "repeat": "PT1H",
            "until": "@P1D",
            "max-runs": 3,
        },
        "archives": [{"archiver": "http", "data": {"_url": "https://x/"}, "transform": {"script": "."}, "ttl": "P1D"}],
        "reference": [None],
        "_key": "secret",
    },
    2: {"contexts": {"contexts": [[{"context": "linuxnns", "data": {"namespace": "a"}}], []]}},
    3: {"priority": -5},
    4: {"debug": True},
    5: {"keep-after-archive": "PT1H"},
}


def told(task):
    """Return the problems of a task as they are printed."""
    return [str(problem) for problem in check_task(task)]


def task_of(schema, **pairs):
    """Make a task with everything that its schema allows."""
    allowed = {name: value for number in range(1, schema + 1) for name, value in ADDED[number].items()}
    return {"schema": schema, "test": TEST, **allowed, **pairs}


@pytest.mark.parametrize("schema", ADDED)
def test_a_task_may_have_what_its_schema_allows(schema):
    """All of it at once."""
    assert told(task_of(schema)) == []


def test_a_test_is_enough_for_a_task():
    """No schema means 1; what is in the spec is the server's to judge."""
    assert [told({"test": {"type": "x", "spec": spec}}) for spec in (None, 5, [], {"any": "thing"})] == [[]] * 4


@pytest.mark.parametrize(("name", "schema"), [(name, schema) for schema in (2, 3, 4, 5) for name in ADDED[schema]])
def test_a_pair_of_a_later_schema_says_which_one_to_write(name, schema):
    """One below it is not enough."""
    task = task_of(schema - 1, **{name: ADDED[schema][name]})
    more = " or higher" if schema < 5 else ""

    assert told(task) == [f'At /{name}: "{name}" requires "schema": {schema}{more} in the task; it has {schema - 1}']


def test_a_pair_of_a_later_schema_in_a_task_without_schema():
    """Most tasks say none, and it then is 1."""
    assert told({"test": TEST, "debug": True}) == [
        'At /debug: "debug" requires "schema": 4 or higher in the task; the default is 1'
    ]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"schedule": {"repeat-cron": "* * * * *"}}, '/schedule/repeat-cron: "repeat-cron" requires "schema": 2 in'),
        (
            {"archives": [{"archiver": "x", "data": 1, "runs": "all"}]},
            '/archives/0/runs: "runs" requires "schema": 2',
        ),
        (
            {"archives": [{"schema": 2, "archiver": "x", "data": 1, "label": "a"}]},
            '/archives/0/label: "label" requires "schema": 3 in',
        ),
    ],
)
def test_a_part_of_a_task_has_a_schema_of_its_own(pairs, message):
    """The schedule and the archives do; the message names theirs, not the task's."""
    assert [text[: len("At " + message)] for text in told({"test": TEST, **pairs})] == ["At " + message]


@pytest.mark.parametrize(
    "pairs",
    [
        {"schedule": {"schema": 2, "repeat-cron": "* * * * *"}},
        {"archives": [{"schema": 2, "archiver": "x", "data": 1, "runs": "failed", "uri-host": "a.example"}]},
        {"archives": [{"schema": 3, "archiver": "x", "data": 1, "label": "a", "runs": "all"}]},
    ],
)
def test_a_part_with_the_schema_it_needs_is_right(pairs):
    """Whatever the task's own schema is."""
    assert told({"test": TEST, **pairs}) == []


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (6, "found 6, expected a version of the task format from 1 to 5"),
        (0, "found 0, expected a version of the task format from 1 to 5"),
        ("2", 'found "2", expected a version of the task format from 1 to 5; remove the quotes'),
        (True, "found true, expected a version of the task format from 1 to 5"),
        (None, "found null, expected a version of the task format from 1 to 5"),
        ([1], "found [1], expected a version of the task format from 1 to 5"),
    ],
)
def test_an_unknown_schema_is_refused(schema, message):
    """Recording c56: servers know five; nothing is said about pairs that a right number would allow."""
    assert told({"schema": schema, "test": TEST, "debug": True}) == [f"At /schema: {message}"]


@pytest.mark.parametrize(
    ("task", "messages"),
    [
        (5, ["At /: found 5, expected a task as an object with `test`"]),
        (None, ["At /: found null, expected a task as an object with `test`"]),
        ([{"test": TEST}], ['At /: found [{"test": {"type": "rtt", "spec": "…"}}], expected a task']),
        ({}, ['At /: required pair "test" is missing']),
        ({"test": {}}, ['At /test: required pair "spec" is missing', 'At /test: required pair "type" is missing']),
        ({"test": {"type": 5, "spec": {}}}, ["At /test/type: found 5, expected a string"]),
        ({"test": {"type": "x", "spce": {}}}, ['At /test/spce: `test` has no pair "spce"; did you mean "spec"?']),
        ({"test": TEST, "iterations": 5}, ['At /iterations: a task has no pair "iterations"; it belongs in a job']),
        ({"test": TEST, "slip": "PT5M"}, ['At /slip: a task has no pair "slip"; it belongs in `schedule`']),
        ({"test": TEST, "archive": []}, ['At /archive: a task has no pair "archive"; did you mean "archives"?']),
        ({"test": TEST, "schedule": {"slip": "P1M"}}, ['At /schedule/slip: found "P1M", which has years or months']),
        (
            {"test": TEST, "schedule": {"start": "yesterday"}},
            ['At /schedule/start: found "yesterday", expected an ISO'],
        ),
        ({"test": TEST, "tools": ["a", 5]}, ["At /tools/1: found 5, expected a string"]),
        ({"test": TEST, "_key": 5}, ["At /_key: found (hidden), expected a string"]),
    ],
)
def test_a_wrong_task_is_told_what_is_wrong(task, messages):
    """With a pointer into the task."""
    problems = told(task)

    assert len(problems) == len(messages)
    assert all(problem.startswith(message) for problem, message in zip(sorted(problems), sorted(messages)))


def test_problems_are_told_in_the_order_of_the_task():
    """An object's own problem comes before those inside it."""
    task = {"tools": 5, "test": {"type": 5}, "schema": 9, "tool": 5}

    assert [problem.where for problem in check_task(task)] == ["/tools", "/test", "/test/type", "/schema", "/tool"]


@pytest.mark.parametrize("value", [10**30, -(10**30), 2**64, "\ud800", json.loads("[" * 400 + "]" * 400)])
def test_values_that_the_validator_cannot_take_are_no_problem(value):
    """There are no rules about what is in a spec, however large, deep or odd it is."""
    assert told({"test": {"type": "x", "spec": value}}) == []
    assert told({"test": {"type": "x", "spec": value}, "tool": 5}) == ["At /tool: found 5, expected a string"]


def test_a_right_task_costs_next_to_nothing():
    """Each of many thousand iterations is checked; thousands of calls for each would be far too much."""
    task = task_of(5)
    check_task(task)  # What is done once is done now.

    assert calls_of(lambda: check_task(task)) < 100


@pytest.mark.parametrize(("kind", "version"), FILES)
def test_a_schema_file_is_right_in_itself(kind, version):
    """It is JSON Schema 2020-12 as its own meta-schema has it."""
    schema = load_schema(kind, version)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert jsonschema_rs.meta.is_valid(schema)


@pytest.mark.parametrize(("kind", "version"), FILES)
def test_every_pair_and_every_rule_is_described(kind, version):
    """An editor shows the description, and "expected …" ends with it."""
    schema = load_schema(kind, version)
    undescribed = [name for name, node in _pairs(schema) if "description" not in node]

    assert undescribed == []
    assert [node for node in _nodes(schema) if "type" in node and "description" not in node] == []


@pytest.mark.parametrize(("kind", "version"), FILES)
def test_comments_are_right_for_an_editor_too(kind, version):
    """The files can be given to an editor, which sees the comments."""
    document = {
        "#": "a comment",
        **({"jobs": []} if kind == "batch" else {"test": {"#": 1, **TEST}}),
        "schema": version,
    }

    assert find_violations(kind, version, document) == []


@pytest.mark.parametrize(
    "text", ["PT5S", "P1W", "P1DT1H", "PT0.5S", "P", "PT", "P1M", "P1DT", "pt5s", "PT5S\n", "", "-PT5S"]
)
def test_the_schema_files_and_the_program_agree_on_durations(text):
    """What one takes for a duration the other does as well."""
    task = {"test": TEST, "schedule": {"slip": text}}
    try:
        parse_duration(text)
    except ValueError:
        readable = False
    else:
        readable = True

    assert (find_violations("task", 1, task) == []) is readable


@pytest.mark.parametrize(
    "start",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00+01:00",
        "2026-03-01T12:00:00.5",
        "20260301T120000Z",
        "2026-03-01",
        "PT1H",
        "@PT1H",
        "@P1D",
    ],
)
def test_a_start_may_have_many_forms(start):
    """A timestamp, a duration, or a duration after an @ (recordings c20 and c21)."""
    assert told({"test": TEST, "schedule": {"start": start}}) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 100, '"' + "x" * 58 + "…"),
        ({"a": {"_b": {"c": "secret"}}}, '{"a": {"_b": "(hidden)"}}'),
        ([1] * 1000, '[1, 1, 1, 1, "…"]'),
        ({name: {} for name in "abcde"}, '{"a": {}, "b": {}, "c": {}, "d": {}, "…": "…"}'),
        (10**5000, "a very long number"),
        ("\x1b[31m\u202e", '"\\u001b[31m\\u202e"'),
    ],
    ids=["long text", "secret", "long array", "large object", "long number", "control"],
)
def test_a_value_is_shown_in_a_line(value, shown):
    """Short, without secrets, and without what a terminal would obey."""
    assert show(value) == shown


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("sync_start", "sync-start"),
        ("syncStart", "sync-start"),
        ("syncstart", "sync-start"),
        ("Sync-Start ", "sync-start"),
        ("iteration", "iterations"),
        ("ITERATION", "iterations"),
        ("zzz", None),
    ],
)
def test_a_misspelt_name_is_recognized(name, meant):
    """Other habits of writing names, and slips of the finger."""
    assert closest(name, ["iterations", "sync-start", "task"]) == meant


def _nodes(node):
    if isinstance(node, dict):
        yield node
        for name, inner in node.items():
            if name in ("properties", "$defs", "patternProperties", "dependentSchemas"):
                for part in inner.values():
                    yield from _nodes(part)
            elif name in ("items", "then", "else"):
                yield from _nodes(inner)


def _pairs(schema):
    for node in _nodes(schema):
        if "title" in node:
            yield from node["properties"].items()
