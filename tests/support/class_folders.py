"""Class folders with small plug-ins, which do what the specification of their test says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pscheduler_batch.embedded.classes.methods import TEST_METHODS, TIME_LIMITS, TOOL_METHODS

# Much longer than a method takes on any machine.
PATIENT = dict.fromkeys(TIME_LIMITS, 60.0)

# Each method is a copy of this. Pairs of a specification that it knows:
#   fails, hangs    lists of methods
#   prints          the output of methods
#   invalid         why the specification is
#   participants    the list
#   declined        the reasons of a tool, by its name
#   duration        of a run
#   seconds         how long a run takes from its start
#   results         how many results a run gives before it ends
#   notes           a file in which a run notes what happens
_METHOD = r"""#!{python} -IS
import json, os, signal, sys, time
from datetime import datetime

kind, name, method = sys.argv[0].split("/")[-3:]
description = json.loads({description!r})
if method == "enumerate":
    print(json.dumps(description))
    sys.exit()
given = json.loads(sys.stdin.read())
spec = given.get("test", given).get("spec", given) if isinstance(given, dict) else {{}}
if method in spec.get("fails", ()):
    sys.exit(method + " does not work")
if method in spec.get("hangs", ()):
    time.sleep(600)
if method in spec.get("prints", {{}}):
    print(spec["prints"][method])
    sys.exit()
around = {{"environment": sorted(os.environ), "directory": os.getcwd()}}


def note(text):
    if "notes" in spec:
        with open(spec["notes"], "a") as notes:
            notes.write(text + "\n")


def leave(number, frame):
    note("terminated")
    sys.exit(3)


def run():
    signal.signal(signal.SIGTERM, leave)
    note("running in " + os.environ["TMPDIR"])
    start = datetime.fromisoformat(given["schedule"]["start"]).timestamp()
    time.sleep(max(0, start - time.time()))
    for number in range(spec.get("results", 0)):
        print("\x1e" + json.dumps({{"succeeded": True, "number": number}}), flush=True)
    time.sleep(spec.get("seconds", 0))
    open(os.environ["TMPDIR"] + "/left", "w").close()
    note("done")
    return {{"succeeded": True, "result": {{"input": given, "with": name, **around}}, "error": "", "diags": ""}}


def cli_to_spec():
    if "--help" in given:
        sys.exit("Options of " + name)
    return dict(zip((word.lstrip("-") for word in given[::2]), given[1::2]))


def can_run():
    reasons = spec.get("declined", {{}}).get(name)
    return {{"can-run": True}} if reasons is None else {{"can-run": False, "reasons": reasons}}


def result_format():
    result = given["result"]
    return sys.argv[1] + ": " + ("by " + result["with"] if "with" in result else str(result.get("number")))


def merged_results():
    (only,) = given["results"]
    return {{"succeeded": only["succeeded"], **(only.get("result") or {{}})}}


answer = {{
    "spec-is-valid": lambda: {{"valid": "invalid" not in spec, "error": spec.get("invalid")}},
    "cli-to-spec": cli_to_spec,
    "spec-to-cli": lambda: ["--environment", ",".join(around["environment"])],
    "participants": lambda: {{"participants": spec.get("participants", [None]), "null-reason": "No host specified"}},
    "spec-format": lambda: sys.argv[1],
    "result-format": result_format,
    "can-run": can_run,
    "duration": lambda: {{"duration": spec.get("duration", "PT10S")}},
    "participant-data": lambda: {{"input": given, **around}},
    "run": run,
    "merged-results": merged_results,
}}[method]()
print(answer if isinstance(answer, str) else json.dumps(answer))
"""


class SampleClasses:
    """
    A class folder, with a test ``sample`` and a tool ``sampler`` to begin with.

    Attributes:
        path: The directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.add_test("sample")
        self.add_tool("sampler")

    def add_test(self, name: str, /, **more: object) -> None:
        """Add a test."""
        self._add("test", name, TEST_METHODS, {"scheduling-class": "background", **more})

    def add_tool(self, name: str, /, **more: object) -> None:
        """Add a tool, by default one for the test ``sample``."""
        self._add("tool", name, TOOL_METHODS, {"tests": ["sample"], "preference": 0, **more})

    def _add(self, kind: str, name: str, methods: tuple, more: dict) -> None:
        common = {"schema": 1, "name": name, "description": f"The {kind} {name}", "version": "1.0"}
        description = json.dumps({**common, "maintainer": {"name": "Nobody"}, **more})
        for method in methods:
            self.write(f"{kind}/{name}/{method}", _METHOD.format(python=sys.executable, description=description))

    def write(self, path: str, text: str, *, mode: int = 0o755) -> None:
        """Write a file."""
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
