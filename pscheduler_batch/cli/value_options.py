"""The options ``--set``, ``--set-file``, ``--set-env`` and ``--data``, which add values to the data of a batch."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

import click

from pscheduler_batch.cli.option_sections import OnePerLine, option

_Function = TypeVar("_Function", bound=Callable[..., Any])


def value_options(section: str) -> Callable[[_Function], _Function]:
    """
    Declare the options.

    Args:
        section: Their section of the help text.
    """
    declared = (
        option(
            "--set",
            section=section,
            metavar="NAME=VALUE",
            type=OnePerLine(),
            multiple=True,
            help="Set a value in the global data, such as hosts[0].name=ps1; may be repeated.",
        ),
        option(
            "--set-file",
            section=section,
            metavar="NAME=FILE",
            type=OnePerLine(),
            multiple=True,
            help="Set a value to the content of FILE.",
        ),
        option(
            "--set-env",
            section=section,
            metavar="NAME=VARIABLE",
            type=OnePerLine(),
            multiple=True,
            help="Set a text to that of an environment variable, such as _token=TOKEN.",
        ),
        option(
            "--data",
            section=section,
            metavar="FILE",
            type=click.Path(),
            multiple=True,
            help="Merge the JSON object in FILE over the global data; may be repeated.",
        ),
    )

    def declare(function: _Function) -> _Function:
        for each in reversed(declared):
            function = each(function)
        return function

    return declare
