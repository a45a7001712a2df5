"""The template of examples/psconfig/: pSConfig accepts it, and makes a valid batch of it for each pair of hosts."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from itertools import permutations
from urllib.parse import quote

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.input.validation import explain
from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.plugins.permission import read_permission
from pscheduler_batch.plugins.specification import find_errors, read_specification
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.psconfig import ROOT, specs_of_mesh, template

HOSTS = ("ps1.example.net", "ps2.example.net", "ps3.example.net")

# A web server takes no longer URL, and pScheduler's command line sends the specification in one (recording b39).
LONGEST_URL = 8000


@pytest.fixture(name="specs", scope="module")
def filled_in():
    """Return the specification of the batch of each pair of hosts."""
    return specs_of_mesh(template(), "paths")


def test_psconfig_accepts_the_template():
    """No rule of pSConfig is violated."""
    assert explain("psconfig", template()) == []


@pytest.mark.parametrize(
    ("where", "value", "expected"),
    [
        (("#",), "a comment", "has no pair"),
        (("tests", "path", "specification"), {}, 'has no pair "specification"'),
        (("tests", "path", "spec"), None, '"spec" is missing'),
        (("groups", "all-hosts", "type"), "ring", 'expected "mesh", "disjoint" or "list"'),
        (("groups", "all-hosts", "b-addresses"), [], 'a mesh has no pair "b-addresses"'),
        (("groups", "all-hosts", "addresses"), ["ps1"], "expected an object with `name`"),
        (("schedules", "four-times-a-day", "repeat"), "6 hours", 'found "6 hours", which'),
        (("addresses", "ps1", "address"), "ps1 example net", "expected the name or the address of a host"),
        (("addresses", "ps 1"), {"address": "192.0.2.1"}, "expected"),
        (("archives", "collector", "data"), None, '"data" is missing'),
        (("tasks", "paths", "schedules"), ["four-times-a-day"], 'did you mean "schedule"'),
    ],
)
def test_mistakes_are_noticed(where, value, expected):
    """The rules refuse what pSConfig refuses; None takes a pair away."""
    document = deepcopy(template())
    inner = document
    for step in where[:-1]:
        inner = inner[step]
    if value is None:
        del inner[where[-1]]
    else:
        inner[where[-1]] = value

    assert any(expected in finding.reason for finding in explain("psconfig", document))


def test_batches_with_failed_runs_are_archived():
    """PScheduler archives only runs that succeeded, unless the archive says otherwise."""
    assert [archive["runs"] for archive in template()["archives"].values()] == ["all"]


def test_references_exist():
    """Each name that a task or group uses is defined."""
    document = template()
    for task in document["tasks"].values():
        assert task["group"] in document["groups"]
        assert task["test"] in document["tests"]
        assert task["schedule"] in document["schedules"]
        assert set(task["archives"]) <= set(document["archives"])
    for group in document["groups"].values():
        assert {member["name"] for member in group["addresses"]} <= set(document["addresses"])


def test_every_host_measures_to_every_other_one(specs):
    """The batch of each pair runs at the first host and measures from it to the second."""
    assert sorted(specs) == sorted(permutations(HOSTS, 2))
    for (source, dest), spec in specs.items():
        assert "{%" not in json.dumps(spec)
        assert spec["host"] == spec["host-node"] == source
        batch = load_batch(spec["batch"])
        plan = plan_batch(batch, Transforms(batch))
        tasks = [iteration.task["test"] for job in plan.jobs for iteration in job.iterations]
        assert {(task["spec"]["source"], task["spec"]["dest"]) for task in tasks} == {(source, dest)}
        assert [task["spec"].get("length") for task in tasks if task["type"] == "rtt"] == [None, 64, 512, 1400, 8900]
        assert [task["spec"]["parallel"] for task in tasks if task["type"] == "throughput"] == [1, 4, 8]


def test_batches_are_right(specs):
    """Each batch passes the check without a warning, and fits into a URL."""
    for spec in specs.values():
        checked = check_batch(json.dumps(spec["batch"]).encode(), source="template")
        assert checked.problems == ()
        assert len(quote(json.dumps(spec))) < LONGEST_URL


def test_the_plug_ins_accept_the_specs(specs):
    """Each one is a spec of the test "batch"."""
    for (source, _), spec in specs.items():
        assert find_errors(spec) == []
        assert read_specification(spec).host == source


def test_the_permission_of_the_document_is_the_smallest(specs, tmp_path):
    """What docs/psconfig.md proposes allows each batch of the template, and one iteration less does not."""
    (block,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "psconfig.md").read_text(encoding="utf-8"), re.DOTALL)
    refused = {}
    for fewer in (0, 1):
        proposed = json.loads(block)
        proposed["max-iterations"] -= fewer
        file = tmp_path / f"{fewer}.json"
        file.write_text(json.dumps(proposed))
        permission = read_permission(str(file))
        for spec in specs.values():
            batch = load_batch(spec["batch"])
            plan = plan_batch(batch, Transforms(batch))
            refused[fewer] = permission.refusals(plan, duration=parse_duration(spec["duration"]))

    assert refused[0] == []
    assert "at most 7 are allowed" in refused[1][0]
