"""
The command line of a test: its options in pScheduler's ``task`` command.

They follow from the schemas of the specification, in which each pair is an option (:func:`.spec.option`). Arguments
become a specification in the lowest version that has all its pairs, which is not yet checked (recordings n01 to n03).
The help and the messages have the form of Python's ``optparse``, as those of pScheduler do (recordings n04 and n05).
"""

from __future__ import annotations

import json
import math
from optparse import IndentedHelpFormatter, OptionParser
from typing import Any, Callable, Dict, List, Mapping, NoReturn, Sequence

from pscheduler_batch.embedded.documents import load_json
from pscheduler_batch.embedded.spec import Schema, parse_si
from pscheduler_batch.embedded.test import UsageError

_WIDTH = 78
_NUMBERS = {"integer": "int", "number": "float"}


class CommandLine:
    """The options of one test."""

    def __init__(self, schemas: Sequence[Schema]) -> None:
        """Use the schemas of version 1, 2 and so on; later ones have the pairs of the earlier ones, too."""
        self._pairs: Dict[str, Schema] = {}
        self._since: Dict[str, int] = {}
        for version, schema in enumerate(schemas, start=1):
            pairs = {name: rule for name, rule in schema["properties"].items() if name != "schema"}
            self._pairs.update(pairs)
            self._since = {**dict.fromkeys(pairs, version), **self._since}

    def read(self, arguments: Sequence[str]) -> Dict[str, Any]:
        """
        Return the specification that some arguments describe.

        Raises:
            UsageError: They are wrong, or ask for help.
        """
        values, rest = self._parser().parse_args(list(arguments))
        if rest:
            raise UsageError(f"Unusable arguments: {' '.join(rest)}")
        given = {name: value for name, value in vars(values).items() if value is not None}
        spec = {name: _converted(name, self._pairs[name], given[name]) for name in sorted(given)}
        return {**spec, "schema": max((self._since[name] for name in spec), default=1)}

    def write(self, spec: Mapping[str, Any]) -> List[str]:
        """Return the arguments that describe a valid specification; switches come last, as in pScheduler."""
        words: List[str] = []
        switches: List[str] = []
        for name in sorted(spec.keys() & self._pairs.keys()):
            rule, value = self._pairs[name], spec[name]
            if not isinstance(value, bool):
                words += [word for text in _texts(rule, value) for word in (_options(name, rule)[0], text)]
            elif value:
                switches.append(f"--{name}")
            elif rule.get("x-negatable"):
                switches.append(f"--no-{name}")
        return words + switches

    def _parser(self) -> OptionParser:
        parser = _Parser(usage="", add_help_option=False)
        parser.add_option("-h", "--help", action="callback", callback=_help, help="show this help message and exit")
        for name in sorted(self._pairs):
            rule = self._pairs[name]
            text = rule.get("description", "")
            short = [f"-{rule['x-short']}"] if "x-short" in rule else []
            options = [*short, *_options(name, rule)]
            if rule.get("type") == "boolean":
                parser.add_option(*options, action="store_true", dest=name, help=text)
                if rule.get("x-negatable"):
                    parser.add_option(f"--no-{name}", action="store_false", dest=name, help=f"The opposite of --{name}")
            else:
                parser.add_option(
                    *options,
                    action="append" if _form(rule) == "headers" else "store",
                    type=_NUMBERS.get(_form(rule), "string"),
                    dest=name,
                    metavar=name.replace("-", "_").upper(),
                    help=text,
                )
        return parser


class _Parser(OptionParser):
    def error(self, msg: str) -> NoReturn:
        raise UsageError(msg)


def _help(_option: object, _name: str, _value: object, parser: OptionParser) -> NoReturn:
    text = parser.format_option_help(IndentedHelpFormatter(width=_WIDTH))
    raise UsageError(text.partition("\n")[2].strip())


def _options(name: str, rule: Schema) -> List[str]:
    return [f"--{option}" for option in rule.get("x-names", [name])]


def _converted(name: str, rule: Schema, value: Any) -> Any:
    convert = _FORMS.get(_form(rule))
    if convert is None:
        return value
    try:
        return convert(value)
    except ValueError as error:
        text = ", ".join(value) if isinstance(value, list) else value
        raise UsageError(f'Invalid value "{text}" for {name}: {error}') from error


def _form(rule: Schema) -> str:
    """Return how a value is written on the command line: as the schema says, else as its type is written, or JSON."""
    types = rule.get("type")
    if "x-form" in rule:
        return str(rule["x-form"])
    if isinstance(types, list):
        return "si"
    return "json" if types in (None, "object", "array") else str(types)


def _texts(rule: Schema, value: Any) -> List[str]:
    form = _form(rule)
    if form == "headers":
        return [f"{header}: {text}" for header, text in value.items()]
    if form == "range":
        return [f"{value['lower']}-{value['upper']}"]
    return [json.dumps(value) if form == "json" else str(value)]


def _header_pairs(texts: Sequence[str]) -> Dict[str, str]:
    pairs = {}
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon:
            raise ValueError("must be in the form NAME: VALUE")
        pairs[name.strip()] = value.strip()
    return pairs


def _range(text: str) -> Dict[str, int]:
    lower, hyphen, upper = text.strip().partition("-")
    if not (hyphen and lower.isdecimal() and upper.isdecimal() and int(lower) < int(upper)):
        raise ValueError("must be in the form LOWER-UPPER, with at least two ports")
    return {"lower": int(lower), "upper": int(upper)}


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


_FORMS: Mapping[str, Callable[[Any], Any]] = {
    "headers": _header_pairs,
    "json": load_json,
    "lower": str.lower,
    "milliseconds": lambda text: f"PT{int(text) / 1000}S" if text.isdecimal() else text,
    "number": _finite,
    "range": _range,
    "seconds": lambda text: f"PT{text}S" if text.isdecimal() else text,
    "si": parse_si,
}
