"""
The JSON Schema of a batch for editors, in one piece.

It is made of the rules in ``schemas/``, so that it cannot say anything else than the checks do. Unlike them it is for
every version at once, because an editor knows one schema for one kind of file, and has the task in it.

A task may be anything before it is transformed. Where a transform applies to it an editor explains and completes its
pairs and finds no fault with them; where none does it is held to the rules.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, Dict, Iterator, List, Mapping

from pscheduler_batch.input.schemas import VERSIONS, Schema, load_schema

IDENTIFIER = "urn:pscheduler-batch:schema:batch"

_DEFINITIONS = "#/$defs/"
_HINT = "hint-"

# What a hint keeps of a rule as it is: what explains, and what leads on.
_EXPLANATIONS = ("title", "description", "markdownDescription", "default", "examples")


def schema_text() -> str:
    """
    Write the schema: what ``--schema`` prints.

    Returns:
        JSON with the draft 2020-12, of the batch formats of all versions and the tasks in them.
    """
    return json.dumps(make_schema(), indent=2, ensure_ascii=False) + "\n"


def make_schema() -> Dict[str, Any]:
    """Put the schema together; see :func:`schema_text`."""
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
        # An editor would show these instead of what stands where the definition is used.
        definition.pop("title", None)
        definition.pop("description", None)
    return explained


def _all_versions(kind: str) -> Dict[str, Any]:
    """Make a schema for all versions out of the newest one; what came when is left to other rules."""
    newest: Dict[str, Any] = deepcopy(dict(load_schema(kind, VERSIONS[kind][-1])))
    for name in ("$schema", "$comment", "title", "description"):
        del newest[name]
    version = newest["properties"]["schema"]
    del version["const"]
    version.update({"enum": list(VERSIONS[kind]), "default": 1})
    newest["required"].remove("schema")
    return newest


def _later_pairs_of_jobs() -> Iterator[Dict[str, Any]]:
    """Say what a job may not have, or not as a transform, because of the version that the batch declares."""
    jobs = {number: load_schema("batch", number)["$defs"]["enabled-job"]["properties"] for number in VERSIONS["batch"]}
    first, newest = jobs[VERSIONS["batch"][0]], jobs[VERSIONS["batch"][-1]]
    for name, pair in newest.items():
        before = [number for number in jobs if jobs[number].get(name, {}).get("$ref") != pair["$ref"]]
        if before:
            rule = {name: _needs("batch", before, {"type": "object"} if name in first else {})}
            job = {"if": _disabled(), "else": {"properties": rule}}
            yield {"if": _is_one_of(before), "then": {"properties": {"jobs": {"items": job}}}}


def _later_pairs_of_tasks() -> Iterator[Dict[str, Any]]:
    """Say what a task may not have because of the version that it declares."""
    tasks = {number: load_schema("task", number)["properties"] for number in VERSIONS["task"]}
    for name in tasks[VERSIONS["task"][-1]]:
        before = [number for number in tasks if name not in tasks[number]]
        if before:
            yield {"if": _is_one_of(before), "then": {"properties": {name: _needs("task", before, {})}}}


def _is_one_of(versions: List[int]) -> Dict[str, Any]:
    """Make the condition that an object has one of some versions; none at all means 1, and is one of them."""
    return {"properties": {"schema": {"enum": versions}}}


def _needs(kind: str, versions: List[int], what: Dict[str, Any]) -> Dict[str, Any]:
    """Refuse something that is not in some versions, with a message that editors show."""
    needed = versions[-1] + 1
    or_more = "" if needed == VERSIONS[kind][-1] else " or more"
    return {"not": what, "errorMessage": f'This needs "schema": {needed}{or_more} in the {kind}.'}


def _untransformed() -> Dict[str, Any]:
    """Hold the tasks to the rules where no transform of the whole batch applies to them."""
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
    """Take the explanations of a rule without the rule."""
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


def _explained(node: Any, definitions: Mapping[str, Any]) -> Any:
    """Give each part the explanation that is made for editors, and each use of a definition one of its own."""
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
