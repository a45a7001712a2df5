"""Tests of keeping secrets out of messages (ADR 18)."""

from __future__ import annotations

import time

import pytest

from pscheduler_batch.redaction import Redactor, find_secrets, redactor_of
from tests.unit.test_rooms import MODULES, own_imports

# The gates of ADR 75: everything that leaves the program passes one of them, so that nothing else has to remember to.
GATES = {
    "model",
    "session",
    "planning.iteration_problems",
    "planning.server_problems",
    "transforms.script",
    "input.excerpts",
    "input.loader",
    "output.document",
    "report.document_rows",
    "journal.sealing",
    "plugins.arguments",
}


def redact(text, value):
    """Take the secrets of a value out of a message."""
    return redactor_of(value).message(text)


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        ({"_a": "x"}, {"x"}),
        ({"a": [{"_b": 5}]}, {"5"}),
        ({"_a": {"user": "u", "more": ["v", 1.5]}}, {"u", "v", "1.5"}),
        ({"_a": {"b": {"c": "deep"}}}, {"deep"}),
        ({"_a": None, "_b": True, "_c": ""}, set()),
        ({"a": "x", "b_": "y", "a_b": "z"}, set()),
        ("_a", set()),
        (None, set()),
    ],
)
def test_secrets_are_what_is_below_a_name_that_begins_with_an_underscore(value, secrets):
    """Texts and numbers at any depth; empty texts, null, true and false reveal nothing."""

    assert find_secrets(value) == secrets


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("abc", "it said abc twice: abc"),
        (12345, "it said 12345"),
        ('a"b\\c', 'it said "a\\"b\\\\c"'),
        ("a'b\"c", "it said 'a\\'b\"c'"),
        ("é€", 'it said "\\u00e9\\u20ac"'),
        ("é\n", 'it said "é\\n"'),
        ("a.b*c(", "it said a.b*c("),
        ('a"b c/1', "it said https://ps.example.net/?spec=a%5C%22b+c%2F1"),
        ("a  b\nc\n", "it said a b c"),
        ('a"<b>', "it said a&quot;&lt;b&gt;"),
        ("a\tb\u200bc", "it said abc"),
        ("é/\\", "it said https://ps.example.net/?spec=%C3%A9%2F%5C"),
        ("é/ b", "it said https://ps.example.net/?spec=%C3%A9%2F+b"),
        ("é/ b", "https://ps.example.net/?spec=%C3%A9/%20b"),
        ("a\u200b\x1bb", 'it said "a\\u200b\\\\u001bb"'),
        ("é\x7f5", 'it said "é\\u007f5"'),
        ('a"b\\c', 'it said "a\\\\\\"b\\\\\\\\c"'),
        ("a\ud800b/", "it said a%ED%A0%80b%2F"),
    ],
)
def test_a_secret_is_found_however_it_is_written(secret, text):
    """As it is, in JSON, also within JSON, as Python writes it, in a URL, and as a page or a terminal shows it."""
    said = redact(text, {"_key": secret})

    assert "(hidden)" in said
    assert str(secret) not in said
    for known in ("(hidden)", "it said", "twice", "https://ps.example.net/?spec="):
        said = said.replace(known, "")
    assert not set("abc12345é\\*") & set(said)


def test_only_the_gates_take_secrets_out():
    """A message that had to do it itself would be one that could forget it."""
    assert {module for module in MODULES if "redaction" in own_imports(module)} == GATES


def test_other_texts_stay():
    """Only secrets are removed."""

    assert redact("bad value abd", {"_key": "abc", "open": "abd"}) == "bad value abd"


def test_without_secrets_nothing_is_hidden():
    """Most tasks have none."""

    assert redact("bad value", {"open": "bad"}) == "bad value"


def test_a_secret_that_is_part_of_another_leaves_nothing_of_it():
    """The longer one is looked for first."""

    assert redact("key abcdef, abc", {"_a": "abc", "_b": "abcdef"}) == "key (hidden), (hidden)"


def test_the_word_that_hides_is_not_itself_searched():
    """A secret may be one of its letters."""

    assert redact("key abc", {"_a": "abc", "_b": "d", "_c": "hidden"}) == "key (hidden)"


@pytest.mark.parametrize("shown", ["correct-ho", "c", "correct-horse-batter"])
def test_a_secret_that_was_cut_short_is_found(shown):
    """Long values are cut by jq, and end with dots."""

    assert redact(f'object ({{"_k":"{shown}...}})', {"_k": "correct-horse-battery"}) == 'object ({"_k":"(hidden)...})'


def test_a_short_secret_does_not_break_a_text_with_dots():
    """It has no shorter beginning."""

    assert redact("wait... x", {"_k": "x"}) == "wait... (hidden)"


def test_long_secrets_cost_little_time():
    """A private key has some thousands of characters, and the text may be long as well."""
    begin = time.process_time()
    said = redact("a" * 20_000 + "..." + "k" * 50, {"_keys": ["k" * 5000 + str(number) for number in range(20)]})

    assert said.startswith("aaa")
    assert time.process_time() - begin < 1


def test_what_is_left_of_a_long_secret_is_found():
    """However much of it is left."""
    secret = "".join(chr(ord("a") + number % 26) for number in range(500))

    assert redact(f"key {secret[:300]}… is wrong", {"_key": secret}) == "key (hidden)… is wrong"


def test_many_secrets_cost_little_time():
    """Every task of a large batch may have its own, and each message is searched for all of them."""
    redactor = Redactor.of([{"_keys": [f"key-{number:06}" for number in range(10_000)]}])
    redactor.message("collect them")
    begin = time.process_time()
    texts = [redactor.message(f"posting key-{number:06} to key-00…") for number in range(100)]

    assert texts == ["posting (hidden) to (hidden)…"] * 100
    assert time.process_time() - begin < 1
