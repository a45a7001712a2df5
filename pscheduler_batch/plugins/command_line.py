"""
The options of ``pscheduler task batch``.

``pscheduler task`` has a server turn the arguments into a spec. They come on the standard input there, with the content
of files in the place of arguments that begin with ``@``. So ``--file`` does not read a file then: it would be a file
of the server, and anyone could have it read.
"""

from __future__ import annotations

import argparse
import json
from typing import Any, Dict, NoReturn
from urllib.parse import quote

from pscheduler_batch.errors import BatchError, InputError
from pscheduler_batch.input.excerpts import render_problems
from pscheduler_batch.input.json_text import parse
from pscheduler_batch.output.console import read_input
from pscheduler_batch.plugins.methods import Call, MethodError
from pscheduler_batch.plugins.specification import BATCH, OPTIONS, read_specification
from pscheduler_batch.text import shorten

# What a server accepts of a spec in the URL of a request (recording b39).
LONGEST_SPEC = 8000

_EPILOG = """\
Examples:

  pscheduler task batch --file @mesh.json
      Run the batch in the file mesh.json of this machine.

  pscheduler task batch --url mesh.json --host ps2.example.net
      Run the batch mesh.json of the directory of batches on ps2.example.net.

  pscheduler task batch --url https://www.example.net/mesh.json --duration PT20M
      Fetch a batch from a web server when it is due, and give it 20 minutes.

The server runs a batch only as far as its administrator allows it.
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors and help are the message of the method."""

    def error(self, message: str) -> NoReturn:
        raise MethodError(f"{message}; see pscheduler task batch --help")


def _parser() -> _Parser:
    parser = _Parser(
        "pscheduler task batch",
        # The width of the terminal is not known to the server.
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=80),
        epilog=_EPILOG,
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="Show this help.")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--file", metavar="@FILE", help="The file with the batch; @ makes this machine read it.")
    given.add_argument("--batch", metavar="JSON", help="The batch itself.")
    given.add_argument("--url", help="The name of a batch in the server's directory of batches, or a URL of https.")
    parser.add_argument("--duration", help="The time that the batch may take (ISO 8601); by default as planned.")
    parser.add_argument("--host", help="The host that runs the batch.")
    parser.add_argument("--host-node", help="The name or address of the same host for pScheduler, if it differs.")
    return parser


def cli_to_spec(call: Call) -> str:
    """
    Turn the arguments of the command line, or an array of them on the standard input, into a spec.

    Raises:
        MethodError: They are wrong, or are a plea for help, which is then the message.
    """
    arguments = list(call.arguments)
    here = bool(arguments)
    if not here:
        given = call.json()
        if not isinstance(given, list) or not all(isinstance(each, (str, int, float)) for each in given):
            raise MethodError("the standard input is not an array of arguments")
        arguments = [str(each) for each in given]
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.help:
        if not here:
            # The server sends what a method says when it fails.
            raise MethodError(parser.format_help())
        return parser.format_help()
    spec = _spec_of(options, reads_files=here)
    read_specification(spec)
    _require_fitting(spec)
    return json.dumps(spec)


def _spec_of(options: argparse.Namespace, *, reads_files: bool) -> Dict[str, Any]:
    spec: Dict[str, Any] = {"schema": 1}
    if options.batch is not None:
        spec[BATCH] = _parsed(options.batch.encode(), "--batch")
    elif options.file is not None:
        spec[BATCH] = _read(options.file, reads_files=reads_files)
    values = vars(options)
    for option, name in OPTIONS.items():
        value = values[option.replace("-", "_")]
        if name != BATCH and value is not None:
            spec[name] = value
    return spec


def _read(file: str, *, reads_files: bool) -> Any:
    if file.lstrip().startswith("{"):
        # What @FILE became.
        return _parsed(file.encode(), "--file")
    if not reads_files:
        name = shorten(file)
        raise MethodError(f"--file {name}: a server does not read its files for its clients; write --file @{name}")
    try:
        data = read_input(file)
    except BatchError as error:
        raise MethodError(str(error)) from error
    return _parsed(data, file)


def _parsed(data: bytes, source: str) -> Any:
    try:
        return parse(data, source=source).value
    except InputError as error:
        raise MethodError(render_problems(error.problems, text=error.text, source=source)) from error


def _require_fitting(spec: Dict[str, Any]) -> None:
    """
    Refuse a batch that ``pscheduler task`` could not send.

    Raises:
        MethodError: It is too large.
    """
    size = len(quote(json.dumps(spec), safe=""))
    if size > LONGEST_SPEC:
        raise MethodError(
            f"the batch is too large for a task: {size:,} bytes in a URL, where servers accept {LONGEST_SPEC:,}; "
            "have it put into the server's directory of batches or on a web server, and use --url"
        )
