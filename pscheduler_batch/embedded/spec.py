"""
The specification of a test: the schemas of its fields, checking it against them, and reading values from it.

Errors are worded as pScheduler words them (recordings b30 to b38, c11 and c12): the place as a path, then the sentence
of the Python ``jsonschema`` library, or the schema's own sentence (``x-invalid-message``) if it has one. Only one error
is reported, the one nearest to the top of the specification.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from jsonschema_rs import validator_for

from pscheduler_batch.embedded.documents import without_secrets
from pscheduler_batch.embedded.test import SpecError
from pscheduler_batch.iso8601 import parse_duration

Schema = Dict[str, Any]

_LONGEST_SHOWN = 200

DURATION: Schema = {
    "type": "string",
    "pattern": r"^P([0-9]+([.,][0-9]+)?W)?([0-9]+([.,][0-9]+)?D)?"
    r"(T([0-9]+([.,][0-9]+)?H)?([0-9]+([.,][0-9]+)?M)?([0-9]+([.,][0-9]+)?S)?)?$",
    "x-invalid-message": "%s is not a valid ISO 8601 duration.",
    "x-duration": True,
}
HOST: Schema = {
    "type": "string",
    "pattern": r"^[^\s/?#]+$",
    "x-invalid-message": "%s is not a valid host name or address.",
}
HOST_PORT: Schema = {**HOST, "x-invalid-message": "%s is not a valid host and port."}
CARDINAL: Schema = {"type": "integer", "minimum": 1}
CARDINAL_ZERO: Schema = {"type": "integer", "minimum": 0}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
STRING: Schema = {"type": "string"}
PROBABILITY: Schema = {"type": "number", "minimum": 0.0, "maximum": 1.0}
IP_VERSION: Schema = {"type": "integer", "enum": [4, 6]}
IP_TOS: Schema = {"type": "integer", "minimum": 0, "maximum": 255}
IP_PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
SI_CARDINAL: Schema = {
    "type": ["integer", "string"],
    "minimum": 1,
    "maxLength": 30,
    "pattern": r"^[0-9]+([.][0-9]+)?\s*([KkMmGgTtPpEeZzYy][Ii]?)?$",
    "x-invalid-message": "%s is not a valid number, with or without an SI unit.",
}


def option(
    schema: Schema,
    description: str,
    *,
    short: str = "",
    names: Sequence[str] = (),
    form: str = "",
    negatable: bool = False,
) -> Schema:
    """
    Return the schema of a pair, with what makes it an option of pScheduler's ``task`` command (recording n05).

    Args:
        schema: The schema of the value.
        description: The text for the help of the option.
        short: Its letter, if it has one.
        names: Its long names, if they differ from the name of the pair.
        form: How the value is written on the command line, if that does not follow from its type: ``seconds`` or
            ``milliseconds`` (a duration that may also be a whole number of these), ``lower`` (converted to lower case),
            ``range`` (LOWER-UPPER), ``headers`` (NAME: VALUE, repeated) or ``json``.
        negatable: Whether a switch has an opposite, ``--no-NAME``.
    """
    extras = {"x-short": short, "x-names": list(names), "x-form": form, "x-negatable": negatable}
    return {**schema, "description": description, **{name: value for name, value in extras.items() if value}}


_SI_POWERS = {unit: power for power, unit in enumerate("kmgtpezy", start=1)}


def object_schema(properties: Mapping[str, Schema], *, version: int, required: Sequence[str]) -> Schema:
    """Return the schema of one version of a specification; from version 2 on, ``schema`` is required."""
    return {
        "type": "object",
        "properties": {"schema": {"type": "integer", "enum": [version]}, **properties},
        "required": [*(["schema"] if version > 1 else []), *required],
        "additionalProperties": False,
    }


def growing_schemas(*additions: Mapping[str, Schema], required: Sequence[str]) -> Tuple[Schema, ...]:
    """
    Return the schemas of all versions of a specification, each of which adds properties to the one before it.

    Args:
        additions: The properties that are new in version 1, 2 and so on.
        required: The properties that every version requires.
    """
    properties: Dict[str, Schema] = {}
    schemas = []
    for version, added in enumerate(additions, start=1):
        properties = {**properties, **added}
        schemas.append(object_schema(properties, version=version, required=required))
    return tuple(schemas)


class SpecChecker:
    """
    Checks the specifications of one test, in all versions of its schema; each is compiled when first used.

    Attributes:
        schemas: The schemas of version 1, 2 and so on.
    """

    def __init__(self, schemas: Sequence[Schema]) -> None:
        """Take the schemas of version 1, 2 and so on."""
        self.schemas = tuple(schemas)
        self._validator = lru_cache(maxsize=None)(self._compile)

    @property
    def highest(self) -> int:
        """The highest version that a specification may declare."""
        return len(self.schemas)

    def _compile(self, version: int) -> Any:
        return validator_for(self.schemas[version - 1])

    def check(self, spec: Any) -> None:
        """
        Check a specification.

        Raises:
            SpecError: It is invalid; the text is what pScheduler would say (recordings b30 to b38).
        """
        if not isinstance(spec, Mapping):
            raise SpecError(f"At /: {_shown(spec)} is not of type 'object'")
        version = spec.get("schema", 1)
        if isinstance(version, bool) or not isinstance(version, int):
            raise SpecError(f"At /schema: {_shown(version)} is not of type 'integer'")
        if version < 1:
            raise SpecError(f"At /schema: {version} is less than the minimum of 1")
        if version > self.highest:
            raise SpecError(f"Schema version {version} is not supported (highest is {self.highest}).")
        validator = self._validator(version)
        if not validator.is_valid(spec):
            raise SpecError(_worded(self.schemas[version - 1], spec, list(validator.iter_errors(spec))))
        self._check_durations(self.schemas[version - 1], spec)

    @staticmethod
    def _check_durations(schema: Schema, spec: Mapping[str, Any]) -> None:
        for name, rule in schema["properties"].items():
            if rule.get("x-duration") and name in spec:
                try:
                    parse_duration(spec[name])
                except ValueError:
                    message = rule["x-invalid-message"] % _shown(spec[name])
                    raise SpecError(f"At /{name}: {message}") from None


def span(spec: Mapping[str, Any], field: str, default: str) -> timedelta:
    """Return a duration from a specification."""
    return parse_duration(spec.get(field, default))


def seconds(spec: Mapping[str, Any], field: str, default: str) -> float:
    """Return a duration from a specification, in seconds."""
    return span(spec, field, default).total_seconds()


def parse_si(value: Any) -> int:
    """
    Return the value of a number that may have an SI unit.

    >>> parse_si("1.5G"), parse_si("64Ki"), parse_si(9000)
    (1500000000, 65536, 9000)
    """
    if not isinstance(value, str):
        return int(value)
    match = re.fullmatch(r"([0-9.]+)\s*([a-z]?)(i?)", value.strip().lower())
    if match is None:
        raise ValueError(f"{value!r} is not a number")
    number, unit, binary = match.groups()
    base = 1024 if binary else 1000
    try:
        return int(float(number) * base ** _SI_POWERS.get(unit, 0))
    except OverflowError:
        raise ValueError(f"{value!r} is too large") from None


def _worded(schema: Schema, spec: Any, errors: List[Any]) -> str:
    error = min(errors, key=lambda error: len(list(error.instance_path)))
    path = list(error.instance_path)
    steps = list(error.schema_path)
    rule: Any = schema
    for step in steps[:-1]:
        rule = rule[step]
    instance = spec
    for part in path:
        instance = instance[part]
    where = "/" + "/".join(str(part) for part in path)
    return f"At {where}: {_sentence(str(steps[-1]), rule, instance)}"


def _sentence(keyword: str, rule: Schema, instance: Any) -> str:
    if "x-invalid-message" in rule:
        return str(rule["x-invalid-message"] % _shown(instance))
    if keyword == "required":
        missing = next(name for name in rule["required"] if name not in instance)
        return f"{missing!r} is a required property"
    if keyword == "additionalProperties":
        return _unexpected([name for name in instance if name not in rule.get("properties", {})])
    limit = rule.get(keyword)
    sentences = {
        "type": f"is not of type {_types(rule.get('type'))}",
        "enum": f"is not one of {limit!r}",
        "minimum": f"is less than the minimum of {limit!r}",
        "maximum": f"is greater than the maximum of {limit!r}",
        "exclusiveMinimum": f"is less than or equal to the minimum of {limit!r}",
        "exclusiveMaximum": f"is greater than or equal to the maximum of {limit!r}",
        "pattern": f"does not match {limit!r}",
        "minLength": "is too short",
    }
    return f"{_shown(instance)} {sentences.get(keyword, 'is not valid')}"


def _unexpected(names: List[str]) -> str:
    verb = "was" if len(names) == 1 else "were"
    listed = ", ".join(repr(name) for name in names)
    return f"Additional properties are not allowed ({listed} {verb} unexpected)"


def _types(types: Any) -> str:
    return ", ".join(repr(name) for name in ([types] if isinstance(types, str) else types or []))


def _shown(value: Any) -> str:
    """Return the Python notation of a value, shortened and without its secrets."""
    text = repr(without_secrets(value))
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
