"""
Check batches and tasks against their specifications, with messages that a newcomer can act on.

The rules are the JSON Schema files in ``json_schemas/``; each part of them has a description that completes the
sentence "expected ...". This module turns violations into sentences: what was found, what was expected, what may have
been meant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Dict, FrozenSet, List, Optional, Sequence, Tuple

from pscheduler_batch.errors import Problem
from pscheduler_batch.input.json_values import Finding
from pscheduler_batch.input.locations import rank
from pscheduler_batch.input.schemas import (
    VERSIONS,
    Schema,
    Violation,
    find_violations,
    is_valid,
    load_schema,
    versions_of,
)
from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.pointers import Path, pointer, value_at
from pscheduler_batch.text import closest, list_names, shorten, show

# Pairs that only the output of a batch has (ADR 14): depth and name.
_OUTPUT_PAIRS = {(0, "batch"), (2, "results")}
_OUTPUT_HINT = (
    "this is the output of an earlier batch; to run it again, remove the results first: "
    "jq 'del(.batch, .jobs[].results)'"
)


def check_task(task: Any) -> List[Problem]:
    """
    Check a task, as it is after the last transform, against the specification of its own ``schema``.

    Args:
        task: The task; its ``schema`` is 1 by default, and 5 at most.

    Returns:
        The errors, in the order of the task; their pointers are relative to the task, "/" for all of it.
    """
    return [
        Problem(pointer(finding.path), finding.reason, at_name=finding.at_name) for finding in explain("task", task)
    ]


def explain(kind: str, document: Any) -> List[Finding]:
    """
    Find all errors in a document, in the order of the document.

    Args:
        kind: "batch", "task", or the spec of a test (:func:`~pscheduler_batch.input.test_specs.kind_of_spec`).
        document: Plain JSON without comments.
    """
    versions = versions_of(kind)
    declared = document.get("schema", 1) if isinstance(document, Mapping) else 1
    if _is_number(declared) and declared in versions:
        version = int(declared)
        if is_valid(kind, version, document):
            return []
        return _in_order(document, _explain_version(kind, version, document))
    # Check the rest by the newest rules, which allow the most.
    refusal = Finding(("schema",), _why_not_a_version(declared, kind))
    rest = _explain_version(kind, versions[-1], {**document, "schema": versions[-1]})
    return _in_order(document, [refusal, *rest])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _why_not_a_version(declared: Any, kind: str) -> str:
    versions = versions_of(kind)
    expected = f"expected a version of the {kind} format from 1 to {versions[-1]}"
    return f"found {show(declared)}, {expected}{_unquoted(declared, ['integer'])}"


def _explain_version(kind: str, version: int, document: Any) -> List[Finding]:
    violations = find_violations(kind, version, document)
    outputs = [Finding((*v.path, v.name), _OUTPUT_HINT, at_name=True) for v in violations if _is_of_an_output(v, kind)]
    findings = _in_order(document, outputs)[:1]
    meant = _meant_names(violations)
    later = _Later(kind, version, document)
    for violation in violations:
        misspelt = violation.keyword == "required" and violation.name in meant.get(violation.path, ())
        if not misspelt and not _is_of_an_output(violation, kind):
            findings.append(_to_finding(violation, document, later))
    # Two rules with the same description may be violated by one value.
    return list(dict.fromkeys(findings))


def _is_of_an_output(violation: Violation, kind: str) -> bool:
    place = (len(violation.path), violation.name)
    return kind == "batch" and violation.keyword == "additionalProperties" and place in _OUTPUT_PAIRS


def _meant_names(violations: Sequence[Violation]) -> Dict[Path, List[Optional[str]]]:
    """Map objects to the names that unknown ones probably mean: a misspelt pair is not reported as missing too."""
    meant: Dict[Path, List[Optional[str]]] = {}
    for violation in violations:
        if violation.keyword == "additionalProperties":
            name = closest(violation.name, violation.node["properties"])
            meant.setdefault(violation.path, []).append(name)
    return meant


class _Later:
    """The rules of a version that later versions no longer have."""

    def __init__(self, kind: str, version: int, document: Any) -> None:
        self._kind = kind
        self._version = version
        self._document = document
        self._keys: Dict[int, FrozenSet[Tuple[Path, str, str]]] = {}

    def needed(self, violation: Violation) -> Optional[str]:
        """Return words on the `schema` that allows what this version does not, if any does."""
        for version in versions_of(self._kind)[self._version :]:
            keys = self._keys_of(version)
            # A value may be invalid there for another reason; a name is either known or not.
            wrong = violation.key in keys or (not violation.name and violation.path in {path for path, _, _ in keys})
            if not wrong:
                or_later = " or higher" if version < versions_of(self._kind)[-1] else ""
                declared = f"it has {self._version}" if "schema" in self._document else "the default is 1"
                return f'requires "schema": {version}{or_later} in the {self._kind}; {declared}'
        return None

    def _keys_of(self, version: int) -> FrozenSet[Tuple[Path, str, str]]:
        if version not in self._keys:
            document = {**self._document, "schema": version}
            found = find_violations(self._kind, version, document)
            self._keys[version] = frozenset(violation.key for violation in found)
        return self._keys[version]


def _to_finding(violation: Violation, document: Any, later: _Later) -> Finding:
    path, name, node = violation.path, violation.name, violation.node
    if violation.keyword == "dependentSchemas":
        return Finding((*path, name), f'"{name}" {node["description"]}', at_name=True)
    if violation.keyword == "required":
        return Finding(path, f'required pair "{name}" is missing')
    needed = later.needed(violation) if isinstance(document, Mapping) else None
    if violation.keyword == "additionalProperties":
        reason = f'"{shorten(name)}" {needed}' if needed else _why_unknown(name, node)
        return Finding((*path, name), reason, at_name=True)
    value = value_at(document, path)
    if needed:
        return Finding(path, f"found {show(value, path)}, which {needed}")
    return Finding(path, _why_wrong(value, path, node))


def _why_wrong(value: Any, path: Path, node: Schema) -> str:
    expected = f"expected {node['description']}"
    types = [node["type"]] if isinstance(node.get("type"), str) else node.get("type", [])
    if node.get("format") == "duration":
        if isinstance(value, str):
            return f"found {show(value, path)}, which {_why_not_a_duration(value)}"
        if _is_number(value) and value >= 0:
            return f'found {show(value, path)}, {expected}; {show(value)} seconds is "PT{show(value)}S"'
    hint = _unquoted(value, types)
    if isinstance(value, list) and not path:
        hint = '; an array of jobs belongs in the pair "jobs"' if node.get("title") == "a batch" else ""
    return f"found {show(value, path)}, {expected}{hint}"


def _why_not_a_duration(text: str) -> str:
    try:
        parse_duration(text)
    except ValueError as error:
        return str(error)
    return "is not in the usual form"


def _unquoted(value: Any, types: Sequence[str]) -> str:
    """Return a hint to remove the quotes if the content would be valid without them."""
    if not isinstance(value, str) or "string" in types:
        return ""
    try:
        inside = json.loads(value.lower())
    except (RecursionError, ValueError):
        return ""
    fits = ("boolean" in types and isinstance(inside, bool)) or (
        _is_number(inside) and not {"integer", "number"}.isdisjoint(types)
    )
    return "; remove the quotes" if fits else ""


def _why_unknown(name: str, node: Schema) -> str:
    reason = f'{node["title"]} has no pair "{shorten(name)}"'
    if name == "$schema":
        return f"{reason}: pScheduler's format has none; remove it, and associate the schema with the file name instead"
    known = list(node["properties"])
    # What is in documents of other programs does not belong in a batch.
    everywhere = {} if node.get("x-foreign") else _homes()
    homes = everywhere.get(name, [])
    meant = closest(name, known)
    if homes and not (meant and _is_same_word(meant, name)):
        return f"{reason}; it belongs in {homes[0]}"
    if meant:
        return f'{reason}; did you mean "{meant}"?'
    elsewhere = closest(name, everywhere)
    if elsewhere:
        return f'{reason}; did you mean "{elsewhere}", which belongs in {everywhere[elsewhere][0]}?'
    return f"{reason}; its pairs are {list_names(known)}"


def _is_same_word(one: str, other: str) -> bool:
    return one.replace("-", "") == other.replace("-", "").replace("_", "").replace(" ", "").lower()


@cache
def _homes() -> Dict[str, List[str]]:
    """Map each name of a pair to the objects that may contain it, from the outside to the inside."""
    homes: Dict[str, List[str]] = {}
    for kind in ("batch", "task"):
        schema = load_schema(kind, VERSIONS[kind][-1])
        for node in (schema, *schema["$defs"].values()):
            for name in node.get("properties", {}) if "title" in node else ():
                titles = homes.setdefault(name, [])
                if node["title"] not in titles:
                    titles.append(node["title"])
    return homes


def _in_order(document: Any, findings: Sequence[Finding]) -> List[Finding]:
    """Sort findings by their place in the document."""
    return sorted(findings, key=lambda finding: (rank(document, finding.path), finding.reason))
