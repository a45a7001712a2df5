"""The schema for editors: it agrees with the checks, and explains every pair."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema_rs import Draft202012Validator

from pscheduler_batch import BatchProcessor
from pscheduler_batch.errors import InputError
from pscheduler_batch.input.editor_schema import make_schema, schema_text
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.input.schemas import VERSIONS, load_schema
from pscheduler_batch.input.validation import explain

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "tests" / "examples"
SCHEMA = make_schema()
DEFINITIONS = SCHEMA["$defs"]
VALIDATOR = Draft202012Validator(SCHEMA)
SCRIPT = '{test: {type: "rtt", spec: {}}}'
TASK = {"test": {"type": "rtt", "spec": {"dest": "ps.example.net"}}}

# Half a character: validators take it for what they like.
BEYOND_A_SCHEMA = {"half-a-character.json"}


def parsed(folder):
    """List the examples of a folder that are JSON by themselves, with what is in them."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path] = json.loads(path.read_bytes())
        except (RecursionError, ValueError):
            continue
    return found


GOOD = {**parsed(EXAMPLES / "good"), **parsed(ROOT / "examples")}
BAD = {
    path: batch
    for path, batch in parsed(EXAMPLES / "bad").items()
    if path.name not in BEYOND_A_SCHEMA and explain("batch", batch)
}


def batch_of(job, **pairs):
    """Make a batch with one job."""
    return {**pairs, "jobs": [{"task": TASK, **job}]}


def explained_nodes(node, path=()):
    """Go through every pair that the schema has properties for, with its explanation, following references."""
    node = {**DEFINITIONS[node["$ref"].rpartition("/")[2]], **node} if "$ref" in node else node
    for name, part in node.get("properties", {}).items():
        if isinstance(part, dict) and "errorMessage" not in part:
            yield (*path, name), part
            yield from explained_nodes(part, (*path, name))
    for name in ("items", "else"):
        if isinstance(node.get(name), dict):
            yield from explained_nodes(node[name], path)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_an_editor_finds_no_fault_with_a_good_batch(path):
    """Whatever its version, and whatever transforms make of its tasks."""

    assert [str(error) for error in VALIDATOR.iter_errors(GOOD[path])] == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_an_editor_finds_fault_with_a_bad_batch(path):
    """Where the rules do, which know nothing of transforms and of what is no JSON."""

    assert not VALIDATOR.is_valid(BAD[path])


def test_there_are_examples():
    """Neither of the two tests above is empty."""

    assert len(GOOD) > 15
    assert len(BAD) > 20


@pytest.mark.parametrize(
    ("batch", "right"),
    [
        (batch_of({"continue-if": {"script": "true"}}), False),
        (batch_of({"continue-if": {"script": "true"}}, schema=1), False),
        (batch_of({"continue-if": {"script": "true"}}, schema=2), True),
        (batch_of({"continue-if": {"script": "true"}, "enabled": False}), True),
        (batch_of({"iterations": {"script": "3"}}, schema=2), False),
        (batch_of({"iterations": {"script": "3"}}, schema=3), True),
        (batch_of({"iterations": 3}), True),
        (batch_of({"iterations": 0}), False),
        (batch_of({"task": {**TASK, "debug": True}}), False),
        (batch_of({"task": {**TASK, "debug": True, "schema": 3}}), False),
        (batch_of({"task": {**TASK, "debug": True, "schema": 4}}), True),
        (batch_of({"task": [TASK, {**TASK, "tols": []}]}), False),
        (batch_of({"task": []}), True),
        (batch_of({"backoff": "PT", "setup-time": "P1DT"}), True),
        (batch_of({"backoff": "P"}), False),
        (batch_of({"task": {"tols": 3}}), False),
        (batch_of({"task": {"tols": 3}, "task-transform": {"script": SCRIPT}}), True),
        (batch_of({"task": {"tols": 3}}, **{"global": {"transform-pre": {"script": SCRIPT}}}), True),
        (batch_of({"task": {"tols": 3}}, **{"global": {"data": 1}}), False),
        (batch_of({"task": {"tols": 3}, "enabled": False}), True),
        (batch_of({"task": 3, "task-transform": {"script": "."}}), False),
    ],
)
def test_the_schema_agrees_with_the_check(batch, right):
    """What depends on versions and transforms is right exactly where the batch can be worked out."""
    try:
        BatchProcessor(batch)(dry_run=True)
        works = True
    except InputError:
        works = False

    assert (VALIDATOR.is_valid(batch), works) == (right, right)


def test_every_pair_is_explained():
    """An editor has a sentence to show for each pair of a batch and of the tasks in it, in all its depth."""
    found = dict(explained_nodes(SCHEMA))
    bare = [path for path, node in found.items() if not node.get("description", "").rstrip().endswith(".")]

    assert bare == []
    assert {("jobs", "task", "schedule", "slip"), ("jobs", "continue-if", "script"), ("schema",)} <= set(found)


def test_every_pair_of_the_rules_is_in_the_schema():
    """Nothing is lost on the way from the rules."""
    names = {path[-1] for path, _ in explained_nodes(SCHEMA)}
    expected = set()
    for kind, versions in VERSIONS.items():
        for version in versions:
            schema = load_schema(kind, version)
            for node in (schema, *schema["$defs"].values()):
                expected |= set(node.get("properties", {}))

    assert names == expected


def test_definitions_do_not_hide_the_explanations_of_pairs():
    """An editor prefers what a definition says to what the pair says that uses it."""

    assert [name for name, node in DEFINITIONS.items() if {"title", "description"} & set(node)] == []


def test_the_definitions_that_two_rules_share_are_the_same():
    """Batches and tasks are checked by files of their own, which come together here."""
    batch, task = (load_schema(kind, VERSIONS[kind][-1])["$defs"] for kind in ("batch", "task"))
    shared = set(batch) & set(task)

    assert shared
    assert {name: batch[name] for name in shared} == {name: task[name] for name in shared}


@pytest.mark.parametrize("kind", VERSIONS)
def test_versions_differ_in_what_is_known_here(kind):
    """The pairs of an older version mean in the newest one what they meant, apart from a job's iterations."""
    newest = load_schema(kind, VERSIONS[kind][-1])
    for version in VERSIONS[kind]:
        schema = load_schema(kind, version)
        for name, node in schema["$defs"].items():
            if name in newest["$defs"]:
                pairs = {pair: part for pair, part in node.get("properties", {}).items() if pair != "iterations"}

                assert pairs.items() <= newest["$defs"][name].get("properties", {}).items()


def test_defaults_are_those_of_a_job():
    """What an editor offers as default is what happens without the pair."""
    pairs = DEFINITIONS["enabled-job"]["properties"]
    job, parallel = load_batch({"jobs": [{"task": TASK}, {"task": TASK, "parallel": True}]}).jobs

    assert pairs["enabled"]["default"] is job.enabled
    assert pairs["iterations"]["default"] == job.iterations
    assert pairs["parallel"]["default"] is job.parallel
    assert pairs["sync-start"]["default"] is parallel.sync_start
    assert pairs["setup-time"]["default"] == f"PT{job.setup_time.seconds}S"
    assert (pairs["backoff"]["default"], job.backoff.total_seconds()) == ("P0D", 0)


def test_examples_are_right():
    """What an editor offers can be taken as it is."""
    wrong = []
    for node in (SCHEMA, *DEFINITIONS.values()):
        for name, part in node.get("properties", {}).items():
            if not isinstance(part, dict):
                continue
            validator = Draft202012Validator({**part, "$defs": DEFINITIONS})
            offered = [*part.get("examples", []), *([part["default"]] if "default" in part else [])]
            wrong += [(name, value) for value in offered if not validator.is_valid(value)]

    assert wrong == []


def test_the_text_is_the_schema():
    """It is JSON of some length that a person can read, with a name of its own."""
    text = schema_text()

    assert json.loads(text) == SCHEMA
    assert text.endswith("}\n")
    assert text.count("\n") > 500
    assert SCHEMA["$id"].startswith("urn:")
    assert "markdownDescription" not in text
