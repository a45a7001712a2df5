"""Text that is not JSON, and what of it may be shown."""

from __future__ import annotations

import pytest

from pscheduler_batch.errors import InputError
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.redaction import blot_secrets


def problem_of(text):
    """Load what is wrong, and give the one problem."""
    with pytest.raises(InputError) as caught:
        load_batch(text)
    (problem,) = caught.value.problems
    return problem


def test_the_caret_stands_under_the_wrong_place():
    """The line is shown as it is, tabs as one character each."""
    problem = problem_of('{\n\t"jobs": [1 2]\n}')

    assert (problem.line, problem.column) == (2, 13)
    assert problem.reason.splitlines()[1:] == ['     "jobs": [1 2]', "    " + " " * 12 + "^"]


def test_of_a_very_long_line_only_what_is_near_is_shown():
    """A minified file is one line of megabytes."""
    lines = problem_of('{"jobs": [' + "0, " * 10_000 + "x" + ", 0" * 10_000 + "]}").reason.splitlines()

    assert len(lines) == 3
    assert max(map(len, lines)) < 200
    assert lines[1][lines[2].index("^")] == "x"


def test_a_line_without_an_end_of_json_ends_at_its_last_character():
    """The caret stands behind what is there."""
    problem = problem_of('{"jobs": [\n  {"task": {}},\n\n')

    assert (problem.line, problem.column) == (2, 16)
    assert "the [ at line 1, column 10 is not closed" in problem.reason


def test_control_characters_are_not_shown():
    """A terminal would obey them."""
    assert "\x1b" not in problem_of('{"jobs": \x1b[31m}').reason


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"_key": "abc", "a": 1}', '{"_key": *****, "a": 1}'),
        ('{"_key" "abc", "a": 1}', '{"_key" *****, "a": 1}'),
        ('{"_key": "abc" "def"}', '{"_key": ***********}'),
        ('{"_key":\n  "abc"\n}', '{"_key":\n  *****\n}'),
        ("{'_key': 'abc'}", "{'_key': *****}"),
        ("{_key: abc}", "{_key: ***}"),
        ('{"_key": "abc\n}', '{"_key": ****\n}'),
        ('{"_key": "a\\"b"}', '{"_key": ******}'),
        ('{"_key": {"a": ["b", "c"]}, "d": 1}', '{"_key": *****************, "d": 1}'),
        ('{"_key": ["b", "c"', '{"_key": *********'),
        ('// don\'t\n{"_key": "abc"}', '// don\'t\n{"_key": *****}'),
        ('// don\'t "_key": "abc", isn\'t', "// don't \"_key\": *****, isn't"),
        ('["_a", "_b"]', '["_a", "_b"]'),
        ('{"a": "_b"}', '{"a": "_b"}'),
    ],
)
def test_secrets_in_broken_text_are_blotted_out(text, shown):
    """As much as may be a secret's is hidden, and every character keeps its place."""
    assert blot_secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        '{"jobs": [{"task": {"_key": "swordfish" "x": 1}}]}',
        '{"jobs": [{"task": {"_key" "swordfish"}}]}',
        '{"jobs": [{"task": {"_key":\n"swordfish" oops}}]}',
        "{\"jobs\": [{\"task\": {'_key': 'swordfish'}}]}",
        '{"jobs": [{"task": {"_key": "swordfish}}]}\n',
        '{"jobs": [{"task": {"_key": swordfish}}]}',
        '{"jobs": [{"task": {"_keys": {\n"a": "b",\n"c": "swordfish" "d"}}}]}',
        '{"jobs": [{"task": {"_keys": [\n' + '"x",\n' * 1000 + '"swordfish" oops]}}]}',
        '{"x": [' + '"y", ' * 50_000 + '], "_key": "swordfish" oops}',
    ],
)
def test_no_message_about_broken_text_shows_a_secret(text):
    """Wherever the text breaks."""
    assert "swordfish" not in str(problem_of(text))
