"""
Templates of pSConfig as batches: every task of a template is a job (ADR 68).

Which addresses a group puts together is in :mod:`~pscheduler_batch.drafts.psconfig_groups`; here its tests, archives
and contexts are filled in for each of them. The rules are those of perfsonar-psconfig 5.2.4.
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple, Union

from pscheduler_batch.drafts.draft import JobDraft, factored
from pscheduler_batch.drafts.psconfig_groups import Address, Groups, TemplateError
from pscheduler_batch.errors import InputError, Problem
from pscheduler_batch.input.json_text import parse
from pscheduler_batch.input.locations import locate_findings, locate_problems
from pscheduler_batch.input.validation import explain
from pscheduler_batch.model import JSON, JSONObject
from pscheduler_batch.pointers import Path, pointer
from pscheduler_batch.text import closest, list_names, shorten

_VARIABLE = re.compile(r"\{%\s+(.+?)\s+%\}")
_INDEXED = re.compile(r"(address|pscheduler_address|lead_bind_address)\[(\d{1,3})\]")

# What a template may have that a batch has no place for.
_WITHOUT_COUNTERPART = ("includes", "subtasks")


def psconfig_jobs(data: Union[bytes, str], *, source: str) -> Tuple[List[JobDraft], List[str]]:
    """
    Return the jobs of a template, and sentences on what of it has no counterpart in a batch.

    Args:
        data: The template.
        source: Its file or URL for messages.

    Raises:
        InputError: It is not a template, or has what cannot be turned into tasks; the error has the places.
    """
    parsed = parse(data, source=source, what="a pSConfig template")
    findings = explain("psconfig", parsed.value)
    if findings:
        raise InputError(locate_findings(findings, parsed.text), source=source, text=parsed.text)
    template = _Template(parsed.value)
    try:
        jobs = template.jobs()
    except TemplateError as error:
        problem = Problem(pointer(error.path), str(error))
        raise InputError(locate_problems([problem], parsed.text), source=source, text=parsed.text) from error
    return jobs, template.notes


class _Template:
    def __init__(self, document: JSONObject) -> None:
        self._document = document
        self._groups = Groups(document)
        disabled = [name for name, task in self.tables("tasks").items() if task.get("disabled")]
        self.notes = [
            f'"{name}" of the template has no counterpart in a batch'
            for name in _WITHOUT_COUNTERPART
            if document.get(name)
        ]
        if disabled:
            self.notes.append(f"disabled tasks of the template are left out: {list_names(disabled)}")

    def tables(self, name: str) -> Mapping[str, Any]:
        """Return one of the objects at the top of the template."""
        table: Mapping[str, Any] = self._document.get(name, {})
        return table

    def jobs(self) -> List[JobDraft]:
        """Return the jobs of all tasks that are not disabled."""
        jobs = [self.job(name) for name, task in self.tables("tasks").items() if not task.get("disabled")]
        if not jobs:
            raise TemplateError(("tasks",), "all tasks are disabled")
        return jobs

    def job(self, name: str) -> JobDraft:
        """Return the job of a task."""
        task = self.tables("tasks")[name]
        path: Path = ("tasks", name)
        test = self._referred("tests", task["test"], (*path, "test"))
        self._referred("groups", task["group"], (*path, "group"))
        members = self._groups.members(task["group"])
        by = task.get("scheduled-by", 0)
        if by >= len(members[0]):
            raise TemplateError((*path, "scheduled-by"), f"found {by}, but there are {len(members[0])} addresses")
        tasks = [self._task(name, test, addresses, addresses[by]) for addresses in members]
        if any("contexts" in made for made in tasks):
            for made, addresses in zip(tasks, members):
                made.setdefault("contexts", {"contexts": [[] for _ in addresses]})
        common, dimensions = factored(name, tasks, f"The addresses of group {task['group']}")
        return JobDraft(name, common, dimensions, list(self._notes_of(name, task, path)))

    def _referred(self, table: str, name: str, path: Path) -> Mapping[str, Any]:
        found = self.tables(table)
        if name not in found:
            near = closest(name, found)
            hint = f'did you mean "{near}"?' if near else f"it has {list_names(found) if found else 'none'}"
            raise TemplateError(path, f'the template has no "{shorten(name)}" in {table}; {hint}')
        referred: Mapping[str, Any] = found[name]
        return referred

    def _notes_of(self, name: str, task: JSONObject, path: Path) -> Iterator[str]:
        if "schedule" in task:
            schedule = self._referred("schedules", task["schedule"], (*path, "schedule"))
            words = [f"{key} {json.dumps(value)}" for key, value in schedule.items() if key != "_meta"]
            yield f"pSConfig ran it on schedule {task['schedule']}: {', '.join(words)}."
            yield "A batch runs once, so repeat the batch, for example with cron."
        if task.get("subtasks"):
            yield f"Its subtasks have no counterpart: {', '.join(task['subtasks'])}."
            self.notes.append(f"the subtasks of task {name} have no counterpart in a batch")

    def _task(self, name: str, test: JSONObject, addresses: Sequence[Address], scheduler: Address) -> Dict[str, Any]:
        task = self.tables("tasks")[name]
        path: Path = ("tasks", name)

        def filled(value: JSON, where: Path) -> Any:
            return _Filling(addresses, scheduler).fill(value, where)

        spec = filled(test["spec"], ("tests", task["test"], "spec"))
        made: Dict[str, Any] = {"test": {"type": test["type"], "spec": spec}}
        names = [*task.get("archives", ()), *self._groups.host_of(scheduler).get("archives", ())]
        archives = []
        for archive in dict.fromkeys(names):
            found = self._referred("archives", archive, (*path, "archives"))
            archives.append(
                {key: filled(value, ("archives", archive, key)) for key, value in found.items() if key != "_meta"}
            )
        if archives:
            made["archives"] = archives
        contexts = [self._contexts(address, filled) for address in addresses]
        if any(contexts):
            made["contexts"] = {"contexts": contexts}
        if addresses[0].get("lead-bind-address"):
            made["lead-bind"] = addresses[0]["lead-bind-address"]
        if task.get("tools"):
            made["tools"] = task["tools"]
        if "priority" in task:
            made["priority"] = task["priority"]
        if "reference" in task:
            made["reference"] = filled(task["reference"], (*path, "reference"))
        version = max((needed for key, needed in _NEEDED.items() if key in made), default=1)
        return {**({"schema": version} if version > 1 else {}), **made}

    def _contexts(self, address: Address, filled: Any) -> List[JSON]:
        contexts = []
        for name in address.get("contexts", ()):
            found = self._referred("contexts", name, ("contexts",))
            contexts.append(
                {key: filled(value, ("contexts", name, key)) for key, value in found.items() if key != "_meta"}
            )
        return contexts


# The lowest schema of a task with these pairs.
_NEEDED = {"contexts": 2, "priority": 3}


class _Filling:
    """Replaces the variables of a template for some addresses."""

    def __init__(self, addresses: Sequence[Address], scheduler: Address) -> None:
        self._addresses = addresses
        self._scheduler = scheduler

    def fill(self, value: JSON, path: Path) -> JSON:
        """
        Return a value with its variables replaced; a text that is one variable becomes the value of it.

        Raises:
            TemplateError: A variable has no counterpart, or an index is too high.
        """
        if isinstance(value, Mapping):
            return {name: self.fill(part, (*path, name)) for name, part in value.items()}
        if isinstance(value, list):
            return [self.fill(part, (*path, number)) for number, part in enumerate(value)]
        if not isinstance(value, str):
            return value
        whole = _VARIABLE.fullmatch(value)
        if whole:
            return self._value(whole[1], path)

        def replaced(found: re.Match[str]) -> str:
            text = self._value(found[1], path)
            text = json.dumps(text) if isinstance(text, bool) else text
            return f"[{text}]" if value[: found.start()].endswith("://") and _is_ipv6(text) else text

        return _VARIABLE.sub(replaced, value)

    def _value(self, variable: str, path: Path) -> Union[str, bool]:
        indexed = _INDEXED.fullmatch(variable)
        if indexed:
            return self._address(indexed[1], int(indexed[2]), path)
        if variable == "scheduled_by_address":
            return str(self._scheduler["address"])
        if variable == "flip":
            # Only pSConfig's agents have to take turns; a batch submits all tasks itself.
            return False
        if variable == "localhost":
            return "localhost"
        raise _refusal(variable, path)

    def _address(self, kind: str, index: int, path: Path) -> str:
        if index >= len(self._addresses):
            raise TemplateError(
                path, f"{kind}[{index}]: the group has {len(self._addresses)} addresses at once, from 0"
            )
        address = self._addresses[index]
        if kind == "address":
            return str(address["address"])
        other = str(address.get(kind.replace("_", "-")) or address["address"])
        return f"[{other}]" if kind == "pscheduler_address" and _is_ipv6(other) else other


def _refusal(variable: str, path: Path) -> TemplateError:
    if variable.startswith("jq "):
        reason = "a jq macro, which a batch has no counterpart for; write the value, or a transform into the batch"
    else:
        reason = "not a variable of pSConfig; these are address[N], pscheduler_address[N], lead_bind_address[N], "
        reason += "scheduled_by_address, flip and localhost"
    return TemplateError(path, f"{{% {shorten(variable)} %}} is {reason}")


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6  # noqa: PLR2004
    except ValueError:
        return False
