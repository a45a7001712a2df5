"""Tests of finding whole numbers that jq could not hold (ADR 21)."""

from __future__ import annotations

import json

import jq
import pytest

from pscheduler_batch.transforms.exact_numbers import changed_numbers


def test_numbers_that_jq_holds_are_not_told():
    """Even numbers above 2^53 may be exact."""

    assert changed_numbers({2**53 + 2, 2**60}, [2**53 + 2, 2**60]) == []


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 12345678901234567890, 10**38 + 1, 10**400, -(10**400)])
def test_numbers_that_jq_changes_are_found(number):
    """Whatever their size and sign."""
    (became,) = jq.compile(".").input_text(json.dumps([number])).first()

    assert changed_numbers({number}, {"deep": [became]}) == [(number, became)]


def test_a_number_that_was_taken_out_is_not_told():
    """There is no warning about it."""

    assert changed_numbers({2**53 + 1}, {"a": 1}) == []
