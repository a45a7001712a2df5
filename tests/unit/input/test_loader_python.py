"""Batches that a Python program hands over, and bytes and text of every kind."""

from __future__ import annotations

import copy
import json
from collections import OrderedDict
from types import MappingProxyType

import pytest

from pscheduler_batch.errors import InputError
from pscheduler_batch.input.loader import load_batch


def problems_of(data):
    """Load what is wrong, and give the places and reasons."""
    with pytest.raises(InputError) as caught:
        load_batch(data)
    return [(problem.where, problem.reason) for problem in caught.value.problems]


def test_the_object_is_neither_changed_nor_kept():
    """What the caller does with it afterwards alters nothing."""
    given = {"#": "comment", "jobs": [{"task": {"#": 1, "list": [{"a": 1}]}}]}
    before = copy.deepcopy(given)
    batch = load_batch(given)

    assert given == before
    given["jobs"][0]["task"]["list"][0]["a"] = 2
    given["jobs"].append({})
    assert batch.document == {"jobs": [{"task": {"list": [{"a": 1}]}}]}
    assert batch.jobs[0].tasks == ({"list": [{"a": 1}]},)


def test_names_in_the_text_of_the_error_are_harmless():
    """It may be printed on a terminal."""
    with pytest.raises(InputError) as caught:
        load_batch({"jobs": [{"task": {}, "a\x1b[2J\n": 1}]})

    assert str(caught.value).startswith('At /jobs/0/a\\u001b[2J\\u000a: a job has no pair "a\\u001b[2J\\u000a"; ')


def test_any_mapping_and_tuples_are_accepted():
    """They become plain objects and arrays."""
    given = MappingProxyType({"jobs": (OrderedDict(task=({},)),)})

    assert load_batch(given).document == {"jobs": [{"task": [{}]}]}


def test_there_is_no_text_to_point_into():
    """Messages have the pointer alone."""
    with pytest.raises(InputError) as caught:
        load_batch({"jobs": [{"task": {}, "iterations": 0}]})

    assert str(caught.value) == "At /jobs/0/iterations: found 0, expected a whole number of 1 or more"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({1, 2}, "found a Python set, which cannot be written as JSON"),
        (b"bytes", "found a Python bytes, which cannot be written as JSON"),
        (object(), "found a Python object, which cannot be written as JSON"),
        (1j, "found a Python complex, which cannot be written as JSON"),
        (float("nan"), "found NaN, which is not JSON; use a number or null"),
        (float("inf"), "found Infinity, which is not JSON, or a number that is too large"),
        ("\ud800", "invalid character: unpaired surrogate \\ud800"),
        (10**5000, "found a whole number of more than 4299 digits, which is too long"),
    ],
    ids=["set", "bytes", "object", "complex", "nan", "infinity", "surrogate", "long"],
)
def test_what_json_cannot_hold_is_refused_with_its_place(value, reason):
    """A pointer and a reason, not a traceback."""
    assert problems_of({"jobs": [{"task": {"a": [value]}}]}) == [("/jobs/0/task/a/0", reason)]


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), "\ud800", 10**5000], ids=["set", "nan", "surrogate", "long"])
def test_a_secret_that_json_cannot_hold_is_not_described(value):
    """Not even in part."""
    assert problems_of({"jobs": [{"task": {"_key": value}}]}) == [
        ("/jobs/0/task/_key", "found (hidden), which cannot be written as JSON")
    ]


@pytest.mark.parametrize(("name", "where"), [(1, "/jobs/0/task/1"), (None, "/jobs/0/task/None")])
def test_names_must_be_strings(name, where):
    """Python's objects may have other names, JSON's may not."""
    kind = type(name).__name__

    assert problems_of({"jobs": [{"task": {name: 1}}]}) == [
        (where, f"found a name of the Python type {kind}; in JSON every name is a string")
    ]


def test_a_name_with_half_a_character_is_refused():
    """The place is the object, as such a name cannot be written."""
    reason = "invalid character: unpaired surrogate \\ud800"

    assert problems_of({"jobs": [{"task": {"\ud800": 1}}]}) == [("/jobs/0/task", reason)]
    assert problems_of('{"jobs": [{"task": {"\\ud800": 1}}]}') == [("/jobs/0/task", reason)]


def test_an_object_that_holds_itself_is_refused():
    """There is no end to it, but there is one to the search."""
    given = {}
    given["jobs"] = [given, given]

    assert problems_of(given) == [
        ("/jobs/0/jobs", "nested too deeply: at most 200 levels of objects and arrays are allowed")
    ]


@pytest.mark.parametrize("data", [None, 5, True, [], "[]", b"5"])
def test_a_batch_is_an_object(data):
    """Anything else is refused as a whole."""
    shown = data if isinstance(data, str) else data.decode() if isinstance(data, bytes) else json.dumps(data)

    assert [(where, reason.partition(",")[0]) for where, reason in problems_of(data)] == [("/", f"found {shown}")]


@pytest.mark.parametrize("depth", [198, 199, 250, 900, 990, 2000, 100_000])
def test_depth_is_limited_everywhere_alike(depth):
    """However deep it is, the answer is a batch or a message."""
    text = '{"jobs": ' + "[" * depth + "]" * depth + "}"
    reasons = [reason for _, reason in problems_of(text)]

    assert ("nested too deeply" in reasons[0]) == (depth > 199)


@pytest.mark.parametrize(
    "data",
    [
        '{"jobs": []}',
        '\ufeff{"jobs": []}',
        b'{"jobs": []}',
        b'\xef\xbb\xbf\r\n{"jobs": []}\r\n',
        bytearray(b'{"jobs": []}'),
    ],
)
def test_text_and_bytes_are_read_with_and_without_a_byte_order_mark(data):
    """All of these are the same batch."""
    assert load_batch(data).document == {"jobs": []}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ('{"jobs": []}'.encode("utf-16"), "the input is UTF-16; save it as UTF-8"),
        ('{"jobs": []}'.encode("utf-16-le"), "the input is UTF-16; save it as UTF-8"),
        ('{"jobs": []}'.encode("utf-16-be"), "the input is UTF-16; save it as UTF-8"),
        ('{"jobs": []}'.encode("utf-32"), "the input is UTF-32; save it as UTF-8"),
        (b"\0" * 100, "the input is binary, not text; expected a batch as one JSON object"),
        (b"\x1f\x8b\x08\x00\x00", "the input is binary, not text; expected a batch as one JSON object"),
        (b"", "the input is empty; expected a batch as one JSON object"),
        (b"\xef\xbb\xbf", "the input is empty; expected a batch as one JSON object"),
        (" \n", "the input contains only white space; expected a batch as one JSON object"),
    ],
)
def test_what_is_no_text_is_refused_by_its_kind(data, reason):
    """The message says what it is, not what a decoder stumbled over."""
    assert problems_of(data) == [("/", reason)]
