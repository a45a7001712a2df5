"""
Validate documents against the JSON Schema files in ``json_schemas/``, one for each version.

What is valid becomes a batch in :mod:`~pscheduler_batch.input.loader`.

This module hides the differences between versions of the validator: some write the path to a rule with its ``$ref``
steps, others with references followed. Values that a validator cannot take (numbers above 64 bits, great depth) are cut
down first, as no rule is about them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pkgutil import get_data
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple, Union

from pscheduler_batch.input.test_specs import schema_of_spec, versions_of_spec
from pscheduler_batch.pointers import Path

# The versions of each kind of document, in ascending order; the file names contain them. A new one is its own file,
# which the description of `schema` names in all files of the kind.
VERSIONS = {"batch": (1, 2, 3), "task": (1, 2, 3, 4, 5)}

# Documents of other programs, whose versions have no numbers in them.
_FOREIGN = {"psconfig": (1,)}

# No rule reaches deeper than this; the contexts of task-5.json are the deepest.
_RULE_DEPTH = 12
_MAX_INTEGER = 2**63 - 1

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Violation:
    """
    A violated rule.

    Attributes:
        path: The part of the document; for ``additionalProperties``, ``required`` and ``dependentSchemas`` the object.
        keyword: The keyword of JSON Schema.
        name: The pair that is unknown, missing, or requires another one; empty for all other keywords.
        node: The part of the schema that contains the rule.
    """

    path: Path
    keyword: str
    name: str
    node: Schema

    @property
    def key(self) -> Tuple[Path, str, str]:
        """The key that identifies the same violation under another version."""
        return self.path, self.keyword, self.name


def versions_of(kind: str) -> Tuple[int, ...]:
    """Return the versions of a kind of document, in ascending order; a spec has a kind for each test."""
    return VERSIONS.get(kind) or _FOREIGN.get(kind) or versions_of_spec(kind)


@cache
def load_schema(kind: str, version: int) -> Schema:
    """Read ``json_schemas/KIND-VERSION.json``, or make the schema of a spec."""
    if kind not in VERSIONS and kind not in _FOREIGN:
        return schema_of_spec(kind, version)
    # importlib.resources would take 10 ms to import.
    schema: Schema = json.loads(get_data("pscheduler_batch", f"input/json_schemas/{kind}-{version}.json") or b"")
    return schema


def is_valid(kind: str, version: int, document: Any) -> bool:
    """Return whether a document is valid; this takes microseconds for a task."""
    validator = _validator(kind, version)
    try:
        return bool(validator.is_valid(document))
    except (SystemError, ValueError):
        return bool(validator.is_valid(_cut_down(document, 0)))


def find_violations(kind: str, version: int, document: Any) -> List[Violation]:
    """Return every violation in a document once, in no particular order."""
    validator = _validator(kind, version)
    try:
        errors = list(validator.iter_errors(document))
    except (SystemError, ValueError):
        errors = list(validator.iter_errors(_cut_down(document, 0)))
    schema = load_schema(kind, version)
    found: Dict[Tuple[Path, str, str], Violation] = {}
    for error in errors:
        for violation in _to_violations(schema, error):
            found.setdefault(violation.key, violation)
    return list(found.values())


@cache
def _validator(kind: str, version: int) -> Any:
    from jsonschema_rs import Draft202012Validator  # noqa: PLC0415 - it takes some 60 ms to import

    return Draft202012Validator(dict(load_schema(kind, version)))


def _to_violations(schema: Schema, error: Any) -> Iterator[Violation]:
    path: Path = tuple(error.instance_path)
    steps = list(error.schema_path)
    if "dependentSchemas" in steps:
        at = steps.index("dependentSchemas")
        inside = steps[at + 2 :].count("properties")
        yield Violation(path[: len(path) - inside], "dependentSchemas", steps[at + 1], _walk(schema, steps[: at + 2]))
        return
    keyword = steps[-1]
    node = _walk(schema, steps[:-1])
    if keyword == "additionalProperties":
        for name in error.kind.unexpected:
            yield Violation(path, keyword, name, node)
    else:
        yield Violation(path, keyword, error.kind.property if keyword == "required" else "", node)


def _walk(schema: Schema, steps: Sequence[Union[str, int]]) -> Schema:
    """Return a part of the schema, following references where a step says so."""
    node: Any = schema
    for step in steps:
        node = _walk(schema, node["$ref"][len("#/") :].split("/")) if step == "$ref" else node[step]
    found: Schema = node
    return found


def _cut_down(value: Any, depth: int) -> Any:
    if isinstance(value, int) and abs(value) > _MAX_INTEGER:
        return _MAX_INTEGER if value > 0 else -_MAX_INTEGER
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        inside = {} if depth == _RULE_DEPTH else value
        return {_cut_down(name, depth): _cut_down(item, depth + 1) for name, item in inside.items()}
    if isinstance(value, (list, tuple)):
        return [] if depth == _RULE_DEPTH else [_cut_down(item, depth + 1) for item in value]
    return value
