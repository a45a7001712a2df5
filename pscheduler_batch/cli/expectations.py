"""Read the expectations of ``--expect`` and ``--expect-file``."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from pscheduler_batch.errors import ExpectationError, InputError
from pscheduler_batch.input.json_text import decode_text
from pscheduler_batch.metrics.expectations import Expectation, read_expectations
from pscheduler_batch.output.console import PROGRAM, read_input


def given_expectations(
    given: Sequence[str], file: Optional[str], *, program: str = PROGRAM, of_changes: bool = False
) -> Tuple[Expectation, ...]:
    """
    Read the expectations of a file, then those of the command line.

    Args:
        given: The values of ``--expect``. In messages, each is a line of a text with that name.
        file: The value of ``--expect-file``.
        program: The name of the command.
        of_changes: Whether they are about the changes of metrics.

    Raises:
        ExpectationError: Some are wrong.
        CommandError: The file cannot be read.
    """
    from_file: Tuple[Expectation, ...] = ()
    if file is not None:
        data = read_input(file, what="the expectations", program=program)
        try:
            text = decode_text(data, source=file, what="expectations")
        except InputError as error:
            raise ExpectationError(error.problems, source=file, text=error.text) from error
        from_file = read_expectations(text.split("\n"), source=file, with_comments=True, of_changes=of_changes)
    return (*from_file, *read_expectations(given, source="--expect", of_changes=of_changes))
