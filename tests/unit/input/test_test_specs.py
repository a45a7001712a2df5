"""The specs of pScheduler's tests as data: held against the embedded server and the recordings of real ones."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pscheduler_batch.embedded.test import load_tests
from pscheduler_batch.input.editor_schema import make_schema
from pscheduler_batch.input.schemas import load_schema
from pscheduler_batch.input.test_specs import kind_of_spec, known_tests
from pscheduler_batch.planning.spec_warnings import find_spec_warnings

ROOT = Path(__file__).parents[3]
# What the embedded server has beyond pScheduler's test, which refuses it.
MORE = {"latencybg": {"reporting-interval"}}
EMBEDDED = {name: test for name, test in load_tests().items() if name in known_tests()}
SHIPPED = (
    "clock dhcp disk-to-disk dns dot1x http idle idlebgm idleex latency latencybg mtu netreach noop openports "
    "psresponse rtt s3throughput simplestream snmpget snmpgetbgm snmpset throughput trace wifibssid"
)


def recorded_specs():
    """Yield the specs that were sent to a real server, with whether it took them as valid."""
    for path in sorted((ROOT / "tests" / "recorded").glob("*/*.json")):
        exchange = json.loads(path.read_text(encoding="utf-8"))
        method, _, url = exchange.get("request", "").partition(" ")
        parts = urlsplit(url)
        steps = parts.path.strip("/").split("/")
        try:
            if steps[0] == "tests" and "spec" in parse_qs(parts.query):
                test = {"type": steps[1], "spec": json.loads(parse_qs(parts.query)["spec"][0])}
            elif (method, steps) == ("POST", ["tasks"]):
                test = json.loads(exchange["sent"])["test"]
            else:
                continue
            if test["type"] not in known_tests() or not isinstance(test["spec"], dict):
                continue
        except (KeyError, TypeError, ValueError):
            continue
        said = exchange.get("text") or str(exchange.get("json"))
        if exchange["status"] == 200:
            refused = "'valid': False" in said
        elif exchange["status"] == 400 and (steps[0] == "tests" or "Invalid test specification" in said):
            refused = True
        else:
            continue
        yield pytest.param(test, not refused, id=path.stem)


def test_every_test_that_pscheduler_ships_is_known():
    """With at least one pair, and a sentence on each."""
    assert sorted(known_tests()) == sorted(SHIPPED.split())
    for test in known_tests().values():
        assert test.about.endswith(".")
        assert test.pairs
        for pair in test.pairs.values():
            assert pair.about.endswith(".")
            assert pair.types


@pytest.mark.parametrize(("test", "valid"), [*recorded_specs()])
def test_real_servers_agree(test, valid):
    """There are warnings exactly about what pScheduler refused."""
    assert (find_spec_warnings({"test": test}) == []) == valid


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_embedded_server_agrees(name):
    """It has the same versions, required pairs and names, except pairs that only pScheduler or only it has."""
    for version, schema in enumerate(EMBEDDED[name].checker.schemas, start=1):
        rules = load_schema(kind_of_spec(name), version)

        assert set(schema["properties"]) - MORE.get(name, set()) <= set(rules["properties"])
        assert set(schema["required"]) - {"schema"} == set(rules["required"])


def test_an_editor_explains_the_spec_of_each_test():
    """By the type of the test, whether the task is transformed or not; nothing in a spec is a violation."""
    definitions = make_schema()["$defs"]
    for name, test in known_tests().items():
        hints = definitions[f"hint-{name}-spec"]

        assert set(hints) == {"properties"}
        assert set(hints["properties"]) == {"schema", *test.pairs}
        assert all(hint["description"].endswith(".") for hint in hints["properties"].values())
    for definition in ("test", "hint-test"):
        chosen = {rule["if"]["properties"]["type"]["const"]: rule["then"] for rule in definitions[definition]["allOf"]}

        assert chosen["rtt"] == {"properties": {"spec": {"$ref": "#/$defs/hint-rtt-spec"}}}
        assert sorted(chosen) == sorted(known_tests())


def test_an_explanation_has_the_type_and_the_version():
    """As an editor shows it."""
    pairs = make_schema()["$defs"]["hint-rtt-spec"]["properties"]

    assert pairs["fragment"]["description"] == (
        'Let packets be fragmented. Its value is true or false; requires "schema": 3 or more.'
    )
    assert pairs["fragment"]["examples"] == [True, False]
    assert pairs["dest"]["description"] == (
        "Host to measure to. Its value is a host name or an address, as a string; required."
    )
