"""Tests of keeping secrets out of reports (ADR 18)."""

from __future__ import annotations

import json

import pytest

from pscheduler_batch.redaction import Redactor


@pytest.mark.parametrize(
    "text", ['it is s<c"t', 'it is s<c\\"t', "it is s&lt;c&quot;t", "it is s<c&quot;t".replace("<", "&lt;")]
)
def test_a_secret_is_found_however_it_is_written(text):
    """As it is, in JSON, in HTML."""

    assert Redactor({'s<c"t'}).text(text) == "it is (hidden)"


def test_a_secret_that_is_part_of_another_leaves_nothing_of_it():
    """The longer one is looked for first."""

    assert Redactor({"abc", "abcdef"}).text("abcdef abc") == "(hidden) (hidden)"


def test_without_secrets_only_names_hide():
    """A server may have secrets of its own."""

    assert Redactor(set()).value({"_key": {"a": 1}, "_none": None, "open": "x"}) == {
        "_key": "(hidden)",
        "_none": None,
        "open": "x",
    }


def test_a_secret_is_hidden_as_a_number_and_as_a_name_too():
    """It may be quoted in any way; true is not 1."""
    hider = Redactor({"12345", "1", "True"})

    assert hider.value({"pin": 12345, "a12345": [1.5, True, None]}) == {
        "pin": "(hidden)",
        "a(hidden)": [1.5, True, None],
    }


def test_what_json_does_not_have_becomes_null():
    """What comes out can be written into a page."""
    value = Redactor(set()).value([float("nan"), float("inf"), 1.5, ("a",)])

    assert json.loads(json.dumps(value, allow_nan=False)) == [None, None, 1.5, ["a"]]


def test_what_is_very_deep_is_cut_off():
    """It is useless, and writing it could exhaust the stack."""
    deep = []
    for _ in range(5000):
        deep = [deep]

    assert json.dumps(Redactor(set()).value(deep)).count("[") == 100
