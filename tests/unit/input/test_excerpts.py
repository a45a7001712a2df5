"""Problems with the line of the input that they are about, and a caret under the place."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import partial

import pytest

from pscheduler_batch.errors import Change, InputError, Problem
from pscheduler_batch.input.excerpts import render_problems
from pscheduler_batch.input.loader import load_batch
from tests.support.call_count import calls_of


def rendered(text):
    """Load what is wrong, and give the lines that are written of it."""
    with pytest.raises(InputError) as caught:
        load_batch(text, source="a.json")
    return render_problems(caught.value.problems, text=caught.value.text, source="a.json").split("\n")


def columns(text):
    """Return how many columns of a terminal a text takes."""
    wide = sum(1 for c in text if unicodedata.east_asian_width(c) in "WF")
    return len(text) + wide - sum(1 for c in text if unicodedata.category(c) in ("Mn", "Me"))


def pointed_at(lines):
    """Return what stands above the carets."""
    shown, carets = lines[-2:]
    begin = carets.index("^")
    behind = next(n for n in range(len(shown) + 1) if columns(shown[:n]) >= begin)
    return shown[behind : behind + carets.count("^")]


@pytest.mark.parametrize(
    "before",
    ["", "\t\t", '"label": "日本語", ', '"label": "e\u0301a\u0300", ', '"label": "\u00a0\u202e", ', '"label": "💤", '],
    ids=["nothing", "tabs", "wide", "combining", "invisible", "emoji"],
)
def test_the_carets_stand_under_the_value(before):
    """Whatever the characters before it take in columns."""
    lines = rendered(f'{{"jobs": [\n{{{before}"task": {{}}, "enabled": "yes"}}]}}')

    assert pointed_at(lines) == '"yes"'


def test_a_name_is_underlined_where_the_name_is_wrong():
    """Not its value."""
    assert pointed_at(rendered('{"jobs": [{"task": {}, "colour": "blue"}]}')) == '"colour"'


def test_an_object_is_pointed_at_where_it_begins():
    """It may go on over many lines."""
    assert pointed_at(rendered('{"jobs": [{"task": {}, "enabled": {\n"x": 1}}]}')) == "{"


@pytest.mark.parametrize("count", [0, 10_000])
def test_of_a_long_line_only_what_is_near_is_shown(count):
    """With dots where something is left out."""
    ones = "1," * count
    lines = rendered(f'{{"global": {{"data": [{ones} 1]}}, "jobs": [{{"task": 5}}], "#": [{ones} 1]}}')

    assert pointed_at(lines) == "5"
    assert max(map(len, lines)) <= 130
    assert (lines[1].strip()[0] == "…") == (lines[1][-1] == "…") == bool(count)


def test_characters_without_a_width_do_not_make_a_line_endless():
    """Any number of accents fit on one letter."""
    lines = rendered('{"jobs": [{"label": "' + "\u0301" * 100_000 + '", "task": 5}]}')

    assert max(map(len, lines)) < 400


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\x9b", "\u202e", "\u2028", "\ue000", "\x7f"])
def test_nothing_gets_through_that_a_terminal_would_obey(character):
    """Wherever it is: in a name, in a value, in a label, in text that is no JSON."""
    name = json.dumps(character, ensure_ascii=False)[1:-1]
    said = [
        *rendered(f'{{"jobs": [{{"task": {{}}, "a{name}": 1}}]}}'),
        *rendered(f'{{"jobs": [{{"task": {{}}, "enabled": "{name}"}}]}}'),
        *rendered(f'{{"jobs": [}} {character}'),
    ]

    assert all(c.isprintable() for line in said for c in line)


def test_a_name_of_any_length_makes_no_line_of_any_length():
    """Its beginning and its end say enough."""
    lines = rendered(json.dumps({"jobs": [{"task": {}, "x" * 10_000: 1}]}))

    assert max(map(len, lines)) < 600
    assert lines[0].startswith("a.json:1:24: error: /jobs/0/xxx")


@pytest.mark.parametrize(
    "task",
    [
        '{"_key": "swordfish"}',
        '{"\\u005fkey": "swordfish"}',
        '{"_keys": {"a": ["swordfish"]}}',
        '{"a": {"b": [1, {"_key": "swordfish"}]}}',
        '{"_key": "a\\"swordfish"}',
        '{"_keys": [\n"swordfish"]}',
    ],
)
def test_secrets_in_the_line_are_blotted_out(task):
    """However they are written, and also where they began in a line before; carets stay where they belong."""
    lines = rendered(f'{{"jobs": [{{"task": {task}, "enabled": "yes"}}]}}')

    assert "swordfish" not in "".join(lines)
    assert pointed_at(lines) == '"yes"'


@pytest.mark.parametrize("task", ['{"_key": "swordfish"}', '{"_keys": {"a": ["x", "swordfish"]}}'])
@pytest.mark.parametrize("label", ["swordfish", "with swordfish, twice: swordfish", '\\"swordfish\\"'])
@pytest.mark.parametrize("value", ['"yes"}]}', "yes}]}"], ids=["json", "broken"])
def test_secrets_are_blotted_out_where_they_are_open_as_well(task, label, value):
    """In another line of the input, too, and in text that is not JSON; carets stay where they belong."""
    lines = rendered(f'{{"jobs": [{{"task": {task},\n"label": "{label}", "enabled": {value}')

    assert "swordfish" not in "".join(lines)
    assert value.startswith(pointed_at(lines))


def test_an_open_secret_that_is_wrong_is_not_quoted():
    """Neither in the error nor in the excerpt."""
    lines = rendered('{"jobs": [{"task": {"_key": "swordfish"}, "enabled": "swordfish"}]}')

    assert lines[0] == 'a.json:1:54: error: /jobs/0/enabled: found "*********", expected true or false'
    assert pointed_at(lines) == '"*********"'


def test_an_open_secret_that_is_cut_is_hidden_all_the_same():
    """The excerpt ends in the middle of it."""
    label = "swordfish" * 100
    lines = rendered(f'{{"jobs": [{{"task": {{"_key": "swordfish"}}, "enabled": "yes", "label": "{label}"}}]}}')

    assert "sword" not in "".join(lines)
    assert pointed_at(lines) == '"yes"'


@pytest.mark.parametrize("secret", ["1", '"a"', '"on"'])
def test_of_a_short_secret_only_whole_words_are_blotted_out(secret):
    """A letter or a digit is in many other words, which would be illegible."""
    job = f'"task": {{"_key": {secret}, "port": [101, 1]}}, "label": "a ton", "x": "on", "enabled": 11'
    lines = rendered(f'{{"jobs": [{{{job}}}]}}')
    shown = secret.strip('"')

    assert "101" in lines[-2]
    assert "ton" in lines[-2]
    assert re.search(rf"\b{shown}\b", lines[-2]) is None


def test_a_secret_that_is_cut_is_hidden_all_the_same():
    """The line may be cut in the middle of it."""
    secret = "swordfish" * 100

    assert "sword" not in "".join(rendered(f'{{"jobs": [{{"task": {{"_key": "{secret}"}}, "enabled": "yes"}}]}}'))


def test_many_problems_in_a_large_input_cost_little_each():
    """What is done is no square of how much there is: the third hundred costs about what the second one did."""
    job = {"task": {"_key": "swordfish"}, "enabled": "yes"}
    texts = [json.dumps({"jobs": [job] * count}) for count in (100, 200, 300)]
    rendered(texts[0])  # What is done once is done now.
    first, second, third = (calls_of(partial(rendered, text)) for text in texts)

    assert third - second < 1.1 * (second - first)


def test_what_shows_the_place_itself_is_not_shown_again():
    """Such as a script that does not compile."""
    problem = Problem("/jobs/0/task-transform", "the script does not compile: x\n    line 1: x\n            ^", 1, 2)

    assert render_problems([problem], text='{"jobs": 1}', source=None).count("\n") == 2


def test_a_task_is_shown_before_and_after():
    """Where a transform made the mistake."""
    change = Change("/jobs/0/task-transform", "/test/spec", '{"a": 1}', '{"a": 2}')
    said = render_problems([Problem("/jobs/0/task", "bad", change=change)], text=None, source="a.json")

    assert said.split("\n") == [
        "a.json: error: /jobs/0/task: bad",
        '    /test/spec before: {"a": 1}',
        '    /test/spec after:  {"a": 2}',
    ]


def test_a_warning_says_that_it_is_one():
    """In the place of the word error."""
    batch = load_batch('{"jobs": []}', source="a.json")
    said = render_problems(batch.warnings, text=batch.text, source=batch.source)

    assert said.split("\n") == [
        "a.json:1:10: warning: /jobs: there are no jobs, so nothing will be run",
        '    {"jobs": []}',
        "             ^",
    ]


def test_no_problems_are_no_text():
    """Not even a newline."""
    assert render_problems([], text="{}", source="a.json") == ""


def test_text_that_only_begins_like_an_object_has_an_excerpt():
    """Its secrets are guessed."""
    lines = render_problems([Problem("/", "wrong", 1, 1)], text='a={"_key": "abc"}', source="x").split("\n")

    assert lines == ["x:1:1: error: wrong", '    a={"_key": *****}', "    ^"]
