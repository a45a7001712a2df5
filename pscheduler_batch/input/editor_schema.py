"""
One JSON Schema of a batch, for editors (ADR 40).

It is generated from the rules in ``json_schemas/``, so it cannot contradict the checks. Unlike them it covers all
versions of the format and the tasks inside, because an editor knows one schema for one kind of file.

A task may be anything before it is transformed. Where a transform applies, an editor explains and completes the pairs
of the task without validating them; elsewhere it validates them. The spec of a test is never validated, as a server may
know more about it than this program (ADR 67).
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, Dict, Iterator, List, Mapping

from pscheduler_batch.input.schemas import VERSIONS, Schema, load_schema
from pscheduler_batch.input.test_specs import SpecPair, TestSpec, known_tests

IDENTIFIER = "urn:pscheduler-batch:schema:batch"

_DEFINITIONS = "#/$defs/"
_HINT = "hint-"

# The parts of a rule that a hint copies.
_EXPLANATIONS = ("title", "description", "markdownDescription", "default", "examples")


def schema_text() -> str:
    """
    Return the schema that ``--schema`` prints.

    Returns:
        JSON Schema, draft 2020-12, of all versions of batches and of the tasks in them.
    """
    return json.dumps(make_schema(), indent=2, ensure_ascii=False) + "\n"


def make_schema() -> Dict[str, Any]:
    """Return the schema as an object; see :func:`schema_text`."""
    batch = _all_versions("batch")
    task = _all_versions("task")
    definitions: Dict[str, Any] = {
        **deepcopy(dict(task.pop("$defs"))),
        **deepcopy(dict(batch.pop("$defs"))),
        "untransformed-job": _untransformed_job(),
        "task": {**task, "allOf": list(_later_pairs_of_tasks())},
    }
    definitions.update(_hints({**load_schema("task", VERSIONS["task"][-1])["$defs"], "task": task}))
    tasks = definitions["tasks"]
    tasks["$ref"] = tasks["items"]["$ref"] = f"{_DEFINITIONS}{_HINT}task"
    specs = known_tests()
    definitions.update({f"{_HINT}{name}-spec": _hint_of_spec(spec) for name, spec in specs.items()})
    for name in ("test", f"{_HINT}test"):
        definitions[name]["allOf"] = [_spec_of_test(test) for test in specs]
        definitions[name]["properties"]["type"]["examples"] = list(specs)
    schema = {
        "$schema": load_schema("batch", VERSIONS["batch"][-1])["$schema"],
        "$id": IDENTIFIER,
        "title": "A batch of pScheduler tasks",
        "description": "What `pscheduler batch` runs. Pairs whose names begin with # are comments.",
        **batch,
        "allOf": [*_later_pairs_of_jobs(), _untransformed()],
        "$defs": definitions,
    }
    explained: Dict[str, Any] = _explained(schema, definitions)
    for definition in explained["$defs"].values():
        # An editor would show these instead of the description at the place where the definition is used.
        definition.pop("title", None)
        definition.pop("description", None)
    return explained


def _all_versions(kind: str) -> Dict[str, Any]:
    """Derive a schema for all versions from the newest one; other rules say which pairs came later."""
    newest: Dict[str, Any] = deepcopy(dict(load_schema(kind, VERSIONS[kind][-1])))
    for name in ("$schema", "$comment", "title", "description"):
        del newest[name]
    version = newest["properties"]["schema"]
    del version["const"]
    version.update({"enum": list(VERSIONS[kind]), "default": 1})
    newest["required"].remove("schema")
    return newest


def _later_pairs_of_jobs() -> Iterator[Dict[str, Any]]:
    """Return rules for the pairs of a job that the declared version of the batch does not have."""
    jobs = {number: load_schema("batch", number)["$defs"]["enabled-job"]["properties"] for number in VERSIONS["batch"]}
    first, newest = jobs[VERSIONS["batch"][0]], jobs[VERSIONS["batch"][-1]]
    for name, pair in newest.items():
        before = [
            number for number, known in jobs.items() if name not in known or known[name].get("$ref") != pair.get("$ref")
        ]
        if before:
            rule = {name: _needs("batch", before, {"type": "object"} if name in first else {})}
            job = {"if": _disabled(), "else": {"properties": rule}}
            yield {"if": _is_one_of(before), "then": {"properties": {"jobs": {"items": job}}}}


def _later_pairs_of_tasks() -> Iterator[Dict[str, Any]]:
    """Return rules for the pairs of a task that its declared version does not have."""
    tasks = {number: load_schema("task", number)["properties"] for number in VERSIONS["task"]}
    for name in tasks[VERSIONS["task"][-1]]:
        before = [number for number in tasks if name not in tasks[number]]
        if before:
            yield {"if": _is_one_of(before), "then": {"properties": {name: _needs("task", before, {})}}}


def _is_one_of(versions: List[int]) -> Dict[str, Any]:
    """Return the condition that an object has one of some versions; a missing version means 1, and meets it."""
    return {"properties": {"schema": {"enum": versions}}}


def _needs(kind: str, versions: List[int], what: Dict[str, Any]) -> Dict[str, Any]:
    """Return a rule against something that some versions do not have, with a message for editors."""
    needed = versions[-1] + 1
    or_more = "" if needed == VERSIONS[kind][-1] else " or more"
    return {"not": what, "errorMessage": f'This needs "schema": {needed}{or_more} in the {kind}.'}


def _untransformed() -> Dict[str, Any]:
    """Return the rule that tasks are valid, unless a transform of the whole batch applies to them."""
    transforms = [{"required": ["transform-pre"]}, {"required": ["transform-post"]}]
    return {
        "if": {"properties": {"global": {"anyOf": transforms}}, "required": ["global"]},
        "else": {"properties": {"jobs": {"items": {"$ref": f"{_DEFINITIONS}untransformed-job"}}}},
    }


def _untransformed_job() -> Dict[str, Any]:
    task = {"$ref": f"{_DEFINITIONS}task"}
    tasks = {"if": {"type": "array"}, "then": {"items": task}, "else": task}
    return {
        "if": {"anyOf": [{"required": ["task-transform"]}, _disabled()]},
        "else": {"properties": {"task": tasks}},
    }


def _disabled() -> Dict[str, Any]:
    return {"properties": {"enabled": {"const": False}}, "required": ["enabled"]}


def _hints(definitions: Mapping[str, Schema]) -> Dict[str, Any]:
    return {f"{_HINT}{name}": _hint_of(node) for name, node in definitions.items()}


def _hint_of(node: Schema) -> Dict[str, Any]:
    """Return the explanations of a rule without the rule."""
    hint: Dict[str, Any] = {name: deepcopy(node[name]) for name in _EXPLANATIONS if name in node}
    if "properties" in node:
        hint["properties"] = {name: _hint_of(part) for name, part in node["properties"].items()}
    if isinstance(node.get("items"), Mapping):
        hint["items"] = _hint_of(node["items"])
    if "$ref" in node:
        hint["$ref"] = f"{_DEFINITIONS}{_HINT}{node['$ref'][len(_DEFINITIONS) :]}"
    values = [True, False] if node.get("type") == "boolean" else node.get("enum")
    if values is not None:
        hint.setdefault("examples", list(values))
    return hint


def _hint_of_spec(spec: TestSpec) -> Dict[str, Any]:
    """Return the explanations of the pairs of a spec, with values to choose from."""
    pairs = {name: _hint_of_pair(pair, spec) for name, pair in spec.pairs.items()}
    numbers = list(range(1, spec.versions + 1))
    return {"properties": {"schema": {"description": "The version of the spec.", "examples": numbers}, **pairs}}


def _hint_of_pair(pair: SpecPair, spec: TestSpec) -> Dict[str, Any]:
    first, last, rule = pair.types[-1]
    needs = [f'"schema": {first}' + (" or more" if first < spec.versions else "")] if pair.since > 1 else []
    until = [f"until version {last}"] if last < spec.versions else []
    notes = [*(["required"] if pair.required else []), *(f"requires {need}" for need in needs), *until]
    kind = rule["description"]
    description = f"{pair.about} Its value is {kind}{''.join(f'; {note}' for note in notes)}."
    values = rule.get("examples", rule.get("enum"))
    return {"description": description, **({} if values is None else {"examples": values})}


def _spec_of_test(test: str) -> Dict[str, Any]:
    return {
        "if": {"properties": {"type": {"const": test}}, "required": ["type"]},
        "then": {"properties": {"spec": {"$ref": f"{_DEFINITIONS}{_HINT}{test}-spec"}}},
    }


def _explained(node: Any, definitions: Mapping[str, Any]) -> Any:
    """Use the descriptions made for editors, and copy those of definitions to where they are used."""
    if isinstance(node, list):
        return [_explained(part, definitions) for part in node]
    if not isinstance(node, Mapping):
        return node
    explained = {name: _explained(part, definitions) for name, part in node.items() if name != "markdownDescription"}
    if isinstance(node.get("markdownDescription"), str):
        explained["description"] = node["markdownDescription"]
    reference = node.get("$ref")
    if isinstance(reference, str) and "description" not in node:
        definition = definitions[reference[len(_DEFINITIONS) :]]
        explained.update({name: definition[name] for name in ("title", "description") if name in definition})
    if isinstance(node.get("pattern"), str):
        explained["patternErrorMessage"] = f"Expected {node['description']}."
    return explained
