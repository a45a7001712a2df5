"""The options ``--expect`` and ``--expect-file`` of ``batch`` and the commands for its output."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from pscheduler_batch.cli.option_sections import FILE, OnePerLine, option

_Function = TypeVar("_Function", bound=Callable[..., Any])


def expect_options(
    section: str, condition: str = "this is met, such as 'rtt*: p95(rtt) < 10 ms'"
) -> Callable[[_Function], _Function]:
    """
    Declare both options.

    Args:
        section: Their section of the help text.
        condition: What the help says to expect.
    """
    expect = option(
        "--expect",
        section=section,
        metavar="EXPECTATION",
        type=OnePerLine(),
        multiple=True,
        help=f"Exit with status 4 unless {condition}; may be repeated.",
    )
    expect_file = option(
        "--expect-file",
        section=section,
        metavar="FILE",
        type=FILE,
        help="Read expectations from FILE, one on each line.",
    )
    return lambda function: expect(expect_file(function))
