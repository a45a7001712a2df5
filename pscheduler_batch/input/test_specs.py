"""
The specs of the tests that pScheduler ships: their pairs, with types, versions and explanations (ADR 67).

``json_schemas/tests.json`` has the facts. They serve ``--check``, ``--schema`` and ``batch-new``; a server decides for
itself, and may be newer, so what they say against a spec is a warning.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pkgutil import get_data
from typing import Any, Dict, Mapping, Tuple

Schema = Mapping[str, Any]

# What the kind of a spec ends with, as opposed to "batch" and "task".
_SPEC = " spec"


@dataclass(frozen=True)
class SpecPair:
    """
    A pair of a spec.

    Attributes:
        about: What it is for, in a sentence.
        required: Whether every spec of the test must have it.
        types: The schemas of its values, each with the first and the last version of the spec that it is for.
    """

    about: str
    required: bool
    types: Tuple[Tuple[int, int, Schema], ...]

    @property
    def since(self) -> int:
        """The first version of the spec that has the pair."""
        return self.types[0][0]


@dataclass(frozen=True)
class TestSpec:
    """
    The specs of a test.

    Attributes:
        about: What the test does, in a sentence.
        versions: The highest version of its specs.
        strict: Whether pScheduler refuses unknown pairs; otherwise it ignores them.
        pairs: The pairs of all versions by their names.
    """

    # The name is not that of a class with tests.
    __test__ = False

    about: str
    versions: int
    strict: bool
    pairs: Mapping[str, SpecPair]


@cache
def known_tests() -> Mapping[str, TestSpec]:
    """Return the specs of the tests that pScheduler ships, by the names of the tests."""
    facts = json.loads(get_data("pscheduler_batch", "input/json_schemas/tests.json") or b"")
    return {name: _to_spec(test, facts["types"]) for name, test in facts["tests"].items()}


def _to_spec(facts: Mapping[str, Any], types: Mapping[str, Schema]) -> TestSpec:
    pairs = {name: _to_pair(pair, types, facts["versions"]) for name, pair in facts["pairs"].items()}
    return TestSpec(facts["about"], facts["versions"], facts["strict"], pairs)


def _to_pair(facts: Mapping[str, Any], types: Mapping[str, Schema], newest: int) -> SpecPair:
    spans = tuple(
        (variant.get("since", 1), variant.get("until", newest), _to_rule(variant["type"], types))
        for variant in facts.get("types", [facts])
    )
    return SpecPair(facts["about"], facts.get("required", False), spans)


def _to_rule(type_of_value: Any, types: Mapping[str, Schema]) -> Schema:
    if isinstance(type_of_value, str):
        return types[type_of_value]
    *others, last = map(json.dumps, type_of_value)
    return {"description": f"{', '.join(others)} or {last}", "enum": type_of_value}


def kind_of_spec(test: str) -> str:
    """Return the kind of document that the specs of a test are, for :mod:`~pscheduler_batch.input.schemas`."""
    return f"{test}{_SPEC}"


def versions_of_spec(kind: str) -> Tuple[int, ...]:
    """Return the versions of the specs of a known test, in ascending order."""
    return tuple(range(1, known_tests()[kind[: -len(_SPEC)]].versions + 1))


def schema_of_spec(kind: str, version: int) -> Schema:
    """Return the JSON Schema of a version of the specs of a known test, with descriptions as in ``json_schemas/``."""
    test = known_tests()[kind[: -len(_SPEC)]]
    properties: Dict[str, Schema] = {"schema": {"description": str(version), "const": version}}
    for name, pair in test.pairs.items():
        for first, last, rule in pair.types:
            # A test that is not strict accepts a pair of a later version.
            if first <= version <= last or (not test.strict and version < first):
                properties.setdefault(name, rule)
    required = [name for name, pair in test.pairs.items() if pair.required]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"the {kind}",
        "description": f"the {kind} as an object",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "$defs": {},
    }
