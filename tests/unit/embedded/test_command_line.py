"""Specifications from the command line: the options of each test, and back again."""

from __future__ import annotations

import json

import pytest

from pscheduler_batch.embedded.command_line import CommandLine
from pscheduler_batch.embedded.spec import BOOLEAN, CARDINAL, DURATION, STRING, growing_schemas, option
from pscheduler_batch.embedded.test import UsageError, load_tests

SUPPLIED = {name: test for name, test in load_tests().items() if type(test).__module__.startswith("pscheduler_batch.")}


def example_of(rule):
    """Return a value that a schema accepts."""
    kinds = rule.get("type")
    if "enum" in rule:
        return rule["enum"][0]
    if kinds == "object":
        return {"lower": 5000, "upper": 5009} if "lower" in rule.get("properties", {}) else {"Accept": "a: b"}
    if "x-duration" in rule:
        return "PT5S"
    if "URL" in rule.get("x-invalid-message", ""):
        return "http://127.0.0.1/"
    samples = {"boolean": True, "integer": 5, "number": 0.5, "string": "localhost", None: {"a": [1, None]}}
    return samples[kinds] if not isinstance(kinds, list) else 1500


def pairs_of(test):
    """Return the schemas of all pairs but the version, by name."""
    return {name: rule for name, rule in test.checker.schemas[-1]["properties"].items() if name != "schema"}


@pytest.mark.parametrize("test", SUPPLIED.values(), ids=SUPPLIED)
def test_every_pair_is_an_option_with_a_description(test):
    """The help of a test has all that its specification can have."""
    with pytest.raises(UsageError) as caught:
        test.from_cli(["--help"])
    text = str(caught.value)

    assert text.startswith("-h, --help ")
    for name, rule in pairs_of(test).items():
        assert f"--{rule.get('x-names', [name])[0]}" in text
        assert rule["description"] in " ".join(text.split())


@pytest.mark.parametrize("test", SUPPLIED.values(), ids=SUPPLIED)
def test_a_specification_becomes_options_and_the_same_specification(test):
    """Every pair survives, in the version of the schema that has it."""
    for name, rule in pairs_of(test).items():
        versions = enumerate(test.checker.schemas, start=1)
        since = next(number for number, schema in versions if name in schema["properties"])
        spec = {name: example_of(rule), "schema": since}

        assert test.from_cli(test.cli(spec)) == spec


@pytest.mark.parametrize("name", ["rtt", "trace"])
def test_switches_can_be_turned_off(name):
    """Where pScheduler has an option for that."""
    spec = {"dest": "127.0.0.1", "fragment": False, "hostnames": False, "schema": 3 if name == "rtt" else 1}

    assert SUPPLIED[name].cli(spec) == ["--dest", "127.0.0.1", "--no-fragment", "--no-hostnames"]
    assert SUPPLIED[name].from_cli(SUPPLIED[name].cli(spec)) == spec


@pytest.mark.parametrize(
    ("name", "arguments", "spec"),
    [
        ("idle", ["-d", "PT2S", "-H", "a", "-p", "y"], {"duration": "PT2S", "host": "a", "parting-comment": "y"}),
        ("rtt", ["-c3", "-d", "a", "-i", "PT1S", "-s", "b"], {"count": 3, "dest": "a", "interval": "PT1S"}),
        ("rtt", ["--dest=a", "--cou", "3"], {"count": 3}),
        ("throughput", ["--destination", "a"], {"dest": "a"}),
        (
            "throughput",
            ["-t", "30", "-i", "5", "-O", "PT1S"],
            {"duration": "PT30S", "interval": "PT5S", "omit": "PT1S"},
        ),
        ("throughput", ["--link-rtt", "20"], {"link-rtt": "PT0.02S", "schema": 3}),
        ("throughput", ["-b", "1G", "-w", "64Ki", "-l", "9000"], {"bandwidth": 10**9, "window-size": 65536}),
        ("throughput", ["--fq-rate", "1M", "--reverse-connections"], {"fq-rate": 10**6, "schema": 7}),
        ("latency", ["-P", "5000-5010", "-R"], {"data-ports": {"lower": 5000, "upper": 5010}, "output-raw": True}),
        ("latencybg", ["-t", "60"], {"duration": "PT60S"}),
        ("dns", ["--record", "AAAA"], {"record": "aaaa"}),
        ("http", ["--header", "A: b", "--header", "C:d:e"], {"headers": {"A": "b", "C": "d:e"}, "schema": 4}),
        ("http", ["--keep-content", "2K"], {"keep-content": 2000, "schema": 2}),
        ("noop", ["--data", '{"_k": [1]}', "-f", "0.5"], {"data": {"_k": [1]}, "fail": 0.5}),
    ],
)
def test_options_are_those_of_pscheduler(name, arguments, spec):
    """Letters, aliases, abbreviations and the forms of values."""
    read = SUPPLIED[name].from_cli(arguments)

    assert {key: read[key] for key in spec} == spec


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("idle", ["--bogus"], "no such option: --bogus"),
        ("rtt", ["--count", "x"], "option --count: invalid integer value: 'x'"),
        ("rtt", ["--i"], "ambiguous option: --i (--interval, --ip-tos, --ip-version?)"),
        ("rtt", ["--dest", "a", "stray", "more"], "Unusable arguments: stray more"),
        ("noop", ["--data", "{"], 'Invalid value "{" for data: Invalid JSON: '),
        ("noop", ["--data", "[" * 5000], "for data: Invalid JSON: "),
        ("throughput", ["-b", "fast"], 'Invalid value "fast" for bandwidth: '),
        ("throughput", ["-b", "1" * 400], "is too large"),
        ("latency", ["-i", "nan"], 'Invalid value "nan" for packet-interval: must be a finite number'),
        ("latency", ["-P", "9-1"], 'Invalid value "9-1" for data-ports: must be in the form LOWER-UPPER'),
        ("http", ["--header", "none"], 'Invalid value "none" for headers: must be in the form NAME: VALUE'),
        ("throughput", ["--no-udp"], "no such option: --no-udp"),
    ],
)
def test_wrong_arguments_are_refused_with_the_reason(name, arguments, message):
    """In the words of Python's optparse where it finds the error, as recorded (n04)."""
    with pytest.raises(UsageError) as caught:
        SUPPLIED[name].from_cli(arguments)

    assert message in str(caught.value)


def test_options_follow_from_the_schemas_alone():
    """A test of another package has a command line as soon as it has schemas; descriptions are optional."""
    first = {"depth": option(CARDINAL, "How deep", short="D"), "gap": DURATION}
    line = CommandLine(growing_schemas(first, {"loud": BOOLEAN, "name": STRING}, required=["depth"]))

    assert line.read(["-D", "2", "--gap", "PT1S"]) == {"depth": 2, "gap": "PT1S", "schema": 1}
    assert line.read(["--loud"]) == {"loud": True, "schema": 2}
    assert line.write({"loud": False, "depth": 1}) == ["--depth", "1"]
    with pytest.raises(UsageError, match=r"-D DEPTH, --depth=DEPTH\s+How deep"):
        line.read(["-h"])


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ('["--duration", "PT1S"]', "The test nap has no command-line options; give its spec in JSON.\n\n"),
        ('{"a": 1}', "Invalid JSON for this operation\n\n"),
        ('[["--duration"]]', "Invalid JSON for this operation\n\n"),
        ("null", "Invalid JSON for this operation\n\n"),
    ],
)
def test_what_is_no_command_line_is_refused(bench, args, text):
    """A test without options, and arguments that are no array of words (recording n07)."""
    reply = bench.get("tests/nap/spec", args=args)

    assert (reply.status_code, reply.text) == (400, text)


def test_numbers_are_arguments_too(bench):
    """The API takes them as pScheduler's does."""
    bench.state.tests["idle"] = SUPPLIED["idle"]

    assert bench.get("tests/idle/spec", args=json.dumps(["--starting-comment", 5])).json() == {
        "starting-comment": "5",
        "schema": 1,
    }
