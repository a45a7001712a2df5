"""Every wrong input in examples/bad, each with all that checking says of it in a file beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pscheduler_batch.errors import InputError
from pscheduler_batch.input.excerpts import render_problems
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.check_result import render_text

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "bad").glob("*.json"))


def expected_of(example):
    """Read what is to be said."""
    return example.with_suffix(".expected").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_a_wrong_input_is_refused_in_so_many_words(example):
    """The message is the expected one, to the letter, and enough to mend the input."""
    checked = check_batch(example.read_bytes(), source=example.name)

    assert not checked.valid
    assert render_text(checked) + "\n" == expected_of(example)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_what_an_ordinary_run_says_is_part_of_it(example):
    """It stops at the first stage at which something is wrong, and says it in the same words."""
    try:
        load_batch(example.read_bytes(), source=example.name)
    except InputError as error:
        said = render_problems(error.problems, text=error.text, source=error.source)
    else:
        said = ""

    assert set(said.splitlines()) <= set(expected_of(example).splitlines())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_no_message_shows_a_secret_or_speaks_of_schemas(example):
    """Values of names that begin with _ are hidden, and the words of the schema validator do not appear."""
    message = expected_of(example).replace("swordfish is not secret", "")

    assert "swordfish" not in message
    assert "not valid under" not in message


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_no_message_moves_the_cursor_of_a_terminal(example):
    """Neither by control characters nor by marks that turn the direction of writing."""
    assert all(character.isprintable() or character == "\n" for character in expected_of(example))


def test_there_are_examples():
    """The folder has been found."""
    assert EXAMPLES
