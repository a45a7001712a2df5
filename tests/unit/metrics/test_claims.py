"""Tests of the grammar of claims."""

from __future__ import annotations

import pytest

from pscheduler_batch.metrics.claims import ClaimError, parse_claim


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rtt*: p95(rtt) < 10 ms", ["rtt*", "p95", "rtt", "<", "10", "ms"]),
        ("throughput>=9.4Gb/s", ["", "", "throughput", ">=", "9.4", "Gb/s"]),
        ("  loss  ==  .5 %  ", ["", "", "loss", "=", ".5", "%"]),
        ("to b: at noon: max ( rtt ) != -1.5e-3 s", ["to b: at noon", "max", "rtt", "!=", "-1.5e-3", "s"]),
        ("throughput > -5 %", ["", "", "throughput", ">", "-5", "%"]),
        ("paths = 1", ["", "", "paths", "=", "1", ""]),
        ("lost <= 5e packets", ["", "", "lost", "<=", "5", "e packets"]),
    ],
)
def test_a_claim_has_its_words(text, words):
    """White space is free, and the last colon ends the pattern, as labels may hold colons."""
    assert [word.text for word in parse_claim(text)] == words


@pytest.mark.parametrize("text", ["rtt*: p95(rtt) < 10 ms", "  a b :  max( loss )!=3   % "])
def test_words_know_their_places(text):
    """Each word is where it says in the text."""
    assert all(text[word.start :].startswith(word.text) for word in parse_claim(text))


@pytest.mark.parametrize(
    ("text", "start", "reason"),
    [
        ("", 0, "expected a metric, such as rtt-p95, found nothing"),
        ("rtt:", 4, "expected a metric, such as rtt-p95, found nothing"),
        (" : loss < 1 %", 1, "expected the label of a job before the colon"),
        ("< 10 ms", 0, 'expected a metric, such as rtt-p95, found "<"'),
        ("p95() < 1 s", 4, 'expected a metric, such as rtt, found ")"'),
        ("p95(rtt < 1 s", 8, 'expected a closing parenthesis, found "<"'),
        ("loss", 4, "expected one of <, <=, >, >=, =, !=, found nothing"),
        ("loss is 3 %", 5, 'expected one of <, <=, >, >=, =, !=, found "is"'),
        ("loss < ", 7, "expected a number, found nothing"),
        ("loss < \u0665 %", 7, 'expected a number, found "\u0665"'),
        ("loss =< 3 %", 6, 'expected a number, found "<"'),
        ("loss < \x1b[2J", 7, 'expected a number, found "\\\\u001b[2J"'),
        ("loss < nan %", 7, 'expected a number, found "nan"'),
    ],
)
def test_what_is_missing_is_named_with_its_place(text, start, reason):
    """The message fits a terminal, whatever was found."""
    with pytest.raises(ClaimError) as caught:
        parse_claim(text)

    assert (caught.value.reason.replace("\\u001b", "\\\\u001b"), caught.value.word.start) == (reason, start)


@pytest.mark.parametrize("text", ["x" * 10**6, "(" * 10**6, "loss < " + "9" * 10**6, ":" * 10**6])
def test_a_long_text_is_refused_at_once(text):
    """No expectation needs it."""
    with pytest.raises(ClaimError, match=r"longer than 1,000 characters"):
        parse_claim(text)
