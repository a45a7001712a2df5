"""Read what options add to the data of a batch (ADR 69), and which part of it they select (ADR 70)."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Dict, Optional, Set

from pscheduler_batch.cli.options import Options
from pscheduler_batch.errors import InputError, OptionError, Problem
from pscheduler_batch.input.selection import Selection
from pscheduler_batch.input.values import Values, combine, read_data, read_settings, value_in
from pscheduler_batch.model import JSON, JSONObject
from pscheduler_batch.output.console import read_input
from pscheduler_batch.text import show


def given_values(options: Options) -> Optional[Values]:
    """
    Read the values that the options add to the data of the batch; None if there are none.

    Raises:
        OptionError: An option is wrong.
        CommandError: A file cannot be read.
    """
    if not (options.set or options.set_file or options.set_env or options.data):
        return None
    files: Dict[str, JSONObject] = {}
    seen: Set[str] = set()
    for number, file in enumerate(options.data, start=1):
        name = file if file == "-" else os.path.realpath(file)
        if name in seen:
            problem = Problem("/", "this file is given twice", number, 1, end_column=1 + len(file))
            raise OptionError([problem], source="--data", text="\n".join(options.data))
        seen.add(name)
        files[file] = read_data(read_input(file, what="the data"), source=file)
    settings = (
        *read_settings(options.set, source="--set"),
        *read_settings(options.set_file, source="--set-file", value_of=_content),
        *read_settings(options.set_env, source="--set-env", value_of=_variable),
    )
    return combine(tuple(files.items()), settings)


def given_selection(options: Options) -> Optional[Selection]:
    """
    Read which jobs and iterations the options select; None for all.

    Raises:
        InputError: The file of ``--only-failed`` is not the output of a batch.
        CommandError: It cannot be read.
    """
    if not (options.job or options.skip_job or options.only_failed is not None):
        return None
    earlier = None
    if options.only_failed is not None:
        # What reads outputs takes long to import.
        reader = import_module("pscheduler_batch.cli.earlier_output")
        earlier = reader.read_earlier(options.only_failed, quiet=options.quiet)
    return Selection(options.job, options.skip_job, earlier)


def _content(file: str) -> JSON:
    """Return the JSON in a file, or its text without the line end after it."""
    content = read_input(file, what="a value")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError([Problem("/", f"{show(file)} is not UTF-8 text")]) from None
    return value_in(text.removesuffix("\n"))


def _variable(name: str) -> JSON:
    """Return the text of a variable, also if it is JSON: a token may consist of digits."""
    try:
        return os.environ[name]
    except KeyError:
        raise InputError([Problem("/", f"the environment variable {show(name)} is not set")]) from None
