"""Every wrong input in examples/bad, each with its whole message in a file beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pscheduler_batch.errors import InputError
from pscheduler_batch.loader import load_batch

EXAMPLES = sorted((Path(__file__).parents[1] / "examples" / "bad").glob("*.json"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_a_wrong_input_is_refused_in_so_many_words(example):
    """The message is the expected one, to the letter, and enough to mend the input."""
    with pytest.raises(InputError) as caught:
        load_batch(example.read_bytes(), source=example.name)

    assert str(caught.value) + "\n" == example.with_suffix(".expected").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_no_message_shows_a_secret_or_speaks_of_schemas(example):
    """Values of names that begin with _ are kept back, and nobody has to know what a schema validator says."""
    message = example.with_suffix(".expected").read_text(encoding="utf-8").replace("swordfish is not secret", "")

    assert "swordfish" not in message
    assert "not valid under" not in message


def test_there_are_examples():
    """The folder has been found."""
    assert EXAMPLES
