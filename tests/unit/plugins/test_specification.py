"""The spec of the test ``batch``, and the methods that need nothing else."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from pscheduler_batch.plugins.methods import MethodError
from pscheduler_batch.plugins.specification import find_errors, read_specification
from tests.support.methods import answered, called

BATCH = {"jobs": []}
HTTPS = "https://www.example.net/mesh.json?site=1"


@pytest.mark.parametrize(
    "spec",
    [
        {"batch": BATCH},
        {"schema": 1, "#": "a comment", "batch": BATCH, "duration": "PT1M", "host": "ps", "host-node": "ps:8443"},
        {"batch-url": "mesh.json"},
        {"batch-url": HTTPS, "duration": "PT1M"},
    ],
)
def test_a_valid_spec_has_no_errors(spec):
    """What is in the batch is another matter."""

    assert find_errors(spec) == []


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ([], "/: the spec of a batch is an object"),
        ({}, "/: give either batch or batch-url"),
        ({"batch": BATCH, "batch-url": "mesh.json"}, "/: give either batch or batch-url, not both"),
        ({"batch": [BATCH]}, '/batch: found [{"jobs": []}], expected a batch, which is an object'),
        ({"batch": BATCH, "schema": 2}, "/schema: found 2, and only 1 is known here"),
        ({"batch": BATCH, "schema": True}, "/schema: found true"),
        ({"batch": BATCH, "lead": "ps"}, "/lead: unknown pair"),
        ({"batch": BATCH, "host": ""}, '/host: found "", expected the name or address'),
        ({"batch": BATCH, "host-node": 7}, "/host-node: found 7"),
        ({"batch": BATCH, "duration": "1 min"}, '/duration: found "1 min", which is not an ISO 8601 duration'),
        ({"batch": BATCH, "duration": 60}, "/duration: found 60, expected a duration such as PT10M"),
        ({"batch": BATCH, "duration": "PT0S"}, "/duration: found a duration of zero"),
        ({"batch": BATCH, "duration": "P4000D"}, "which is more than 3,650 days"),
        ({"batch-url": 5}, "/batch-url: found 5"),
        ({"batch-url": "http://www.example.net/a"}, "/batch-url: use https"),
        ({"batch-url": HTTPS}, "/duration: required with a batch-url of https"),
        ({"batch-url": "https://me:secret@www.example.net/a", "duration": "PT1M"}, "without user, password"),
        ({"batch-url": "https://www.example.net/a b", "duration": "PT1M"}, "not a URL of https"),
        ({"batch-url": "file:///etc/passwd"}, "not a URL of https"),
        ({"batch-url": "../secret.json"}, "nor the name of a file in the site's directory"),
        ({"batch-url": "/etc/passwd"}, "nor the name of a file"),
        ({"batch-url": ".hidden"}, "nor the name of a file"),
        ({"batch-url": "a\n"}, "nor the name of a file"),
    ],
)
def test_an_error_says_where_and_what(spec, words):
    """All of them are in one text for the client."""

    assert words in "\n".join(find_errors(spec))
    with pytest.raises(MethodError):
        read_specification(spec)


def test_all_errors_of_a_spec_are_reported_at_once():
    """A client that mends one after the other makes a request for each."""

    assert len(find_errors({"schema": 3, "host": 1, "duration": 2, "what": 3})) == 5


def test_the_duration_of_a_spec_is_read():
    """The tool uses it as it is."""

    assert read_specification({"batch": BATCH, "duration": "PT1M30S"}).duration == timedelta(seconds=90)


@pytest.mark.parametrize(
    ("hosts", "participant"),
    [({"host": "a", "host-node": "b"}, "b"), ({"host": "a"}, "a"), ({}, None)],
)
def test_the_participant_is_the_host_of_the_tool(hosts, participant):
    """``host-node`` is what pScheduler is reached by, as in other tests."""
    reply = answered("test/batch/participants", {"batch": BATCH, **hosts})

    assert reply["participants"] == [participant]
    assert ("null-reason" in reply) == (participant is None)


def test_participants_of_a_wrong_spec_fail():
    """As those of other tests do."""
    with pytest.raises(MethodError, match="/duration"):
        called("test/batch/participants", {"batch": BATCH, "duration": 1})


@pytest.mark.parametrize(
    "spec",
    [
        {"schema": 1, "batch": {"jobs": [{"label": "ü \" '"}]}, "duration": "PT1M", "host": "a", "host-node": "b"},
        {"schema": 1, "batch-url": "mesh.json"},
        {"schema": 1, "batch-url": HTTPS, "duration": "PT1M"},
    ],
)
def test_the_arguments_of_a_spec_give_the_same_spec(spec):
    """Both ways: as arguments, and as an array on the standard input."""
    arguments = answered("test/batch/spec-to-cli", spec)

    assert answered("test/batch/cli-to-spec", None, *arguments) == spec
    assert answered("test/batch/cli-to-spec", arguments) == spec


def test_the_arguments_of_a_spec_have_no_secrets():
    """Everyone can read them; pScheduler hides those in the spec only."""
    task = {"_key": "abc-secret", "archives": [{"data": {"_url": "https://b-secret/"}}], "reference": "abc-secret 2"}
    spec = {"batch": {"jobs": [{"label": "a", "task": task}]}, "duration": "PT1M"}
    option, batch, *others = answered("test/batch/spec-to-cli", spec)

    assert "secret" not in batch
    assert json.loads(batch)["jobs"][0]["task"]["reference"] == "(hidden) 2"
    assert (option, others) == ("--batch", ["--duration", "PT1M"])
