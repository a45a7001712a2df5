"""Which batch a journal belongs to."""

from __future__ import annotations

import pytest

from pscheduler_batch.journal.identity import differences, identity_of

DATA = {"a": 1, "b": 2}
DOCUMENT = {"schema": 4, "global": {"data": DATA}, "jobs": [{"label": str(number)} for number in range(9)]}
OPTIONS = {"--lead": "ps1", "--bind": None, "--no-mark": False, "--shuffle": True, "--retries": 2}
OTHERS = {"values set by options": {"n": 1}}
IDENTITY = identity_of(DOCUMENT, OPTIONS, OTHERS)


def difference(document=DOCUMENT, options=OPTIONS, others=OTHERS):
    """Return what the message says of a batch for which this journal is not."""
    return differences(IDENTITY, identity_of(document, options, others))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"jobs": DOCUMENT["jobs"][:-1]}, "/jobs/8"),
        ({"jobs": [*DOCUMENT["jobs"], {}]}, "/jobs/9"),
        ({"jobs": [{}, *DOCUMENT["jobs"][1:]], "schema": 3}, "/schema and /jobs/0"),
        ({"global": {"data": dict(reversed(DATA.items()))}}, "/global"),
        ({"jobs": []}, "/jobs/0, /jobs/1, /jobs/2, /jobs/3, /jobs/4 and 4 more"),
    ],
)
def test_the_parts_of_the_input_that_differ_are_named(changes, words):
    """Also where only the order of names differs, which may matter to a script."""
    assert difference({**DOCUMENT, **changes}) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--lead": "ps2"}, '--lead (it was "ps1")'),
        ({"--bind": "192.0.2.1"}, "--bind (it was not given)"),
        ({"--no-mark": True}, "--no-mark (it was not given)"),
        ({"--shuffle": False}, "--shuffle (it was given)"),
        ({"--retries": 0}, "--retries (it was 2)"),
    ],
)
def test_options_that_differ_are_named_with_their_values(changes, words):
    """Those with which the batch was started."""
    assert difference(options={**OPTIONS, **changes}) == words


def test_values_from_outside_are_named_without_their_values():
    """They may be long."""
    assert difference(others={"values set by options": None}) == "values set by options"


def test_the_order_of_options_does_not_matter():
    """Nor that of the pairs of a batch."""
    assert difference(dict(reversed(DOCUMENT.items())), dict(reversed(OPTIONS.items()))) == ""


def test_secrets_do_not_matter_in_any_place():
    """Whether they are the same is checked task by task; a digest of a short one could be found by trying."""
    one, other = ({"jobs": [{"task": {"_pin": pin}}, {"label": f"with {pin}"}]} for pin in ("1234", "5678"))

    assert identity_of(one, {}, {}) == identity_of(other, {}, {})
