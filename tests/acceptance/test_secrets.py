"""
Secrets in every place of a batch are in nothing that the program writes (ADR 75), except for the output.

A new way out of the program is a new line in :data:`EXITS`.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import signal
import subprocess
import sys
import uuid
import warnings
import zlib
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Mapping

import pytest

from pscheduler_batch import BatchProcessor
from pscheduler_batch.embedded.faults.actions import answering, changing
from pscheduler_batch.embedded.faults.rules import Rule
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.embedded.tests.noop import NoopTest
from pscheduler_batch.embedded.tests.rtt import RttTest
from pscheduler_batch.errors import EndedError, InputError
from pscheduler_batch.iso8601 import format_timestamp
from pscheduler_batch.plugins.methods import METHODS, Call, MethodError, run_method
from tests.support.commands import TIME_LIMIT, Ended, environment, job, run_batch, wait_for
from tests.support.interruption_points import left
from tests.support.methods import InstalledClasses
from tests.support.running_command import RunningCommand
from tests.support.terminal import Terminal

# What tells a secret: a word in each of the texts, and a part of the number.
WORD, NUMBER = "c4n4ry", 471147114711
# As Python, JSON and HTML write it, and so long that every message cuts it.
ODD, LONG = f'{WORD} "é\\<b>', f"{WORD} long " + "".join(chr(ord("a") + number % 26) for number in range(700))


def secret_host(server: EmbeddedServer) -> str:
    """Return a name of the server that is a secret; its other name is not."""
    return f"localhost:{server.netloc.rpartition(':')[2]}"


def found_in(text: str) -> str:
    """Return the first secret in a text, with what is around it; empty if there is none."""
    found = re.search(f"{WORD}|471,?147,?114|localhost:", text)
    return text[max(found.start() - 300, 0) : found.end() + 300] if found else ""


def data_of(server: EmbeddedServer) -> Dict[str, Any]:
    """Make the secrets that scripts see as $global."""
    words = {"_word": f"{WORD}-word", "_odd": ODD, "_long": LONG, "_pin": NUMBER, "_host": secret_host(server)}
    return {"inner": [words], **words}


# Its secrets are in each pair that may hold any.
TASK: Mapping[str, Any] = {
    "schema": 2,
    "_key": f"{WORD}-key",
    "test": {"type": "noop", "spec": {"data": {"_in": f"{WORD}-spec", "open": [{"_list": [f"{WORD}-a", NUMBER]}]}}},
    "reference": {"_in": {"deep": f"{WORD}-reference"}},
    "archives": [{"archiver": "bitbucket", "data": {"_token": f"{WORD}-archive"}}],
    "contexts": {"contexts": [[{"context": "changenothing", "data": {"_in": f"{WORD}-context"}}]]},
}
# Copies them to places that are open: values, names and hosts.
COPY = {
    "script": """
        (. as $task | {word: $global._word, odd: $global._odd, long: $global._long, pin: $global._pin,
          list: [$args._arg, $task._key, $task.test.spec.data._in, $task.reference._in.deep,
            $task.archives[0].data._token, $task.contexts.contexts[0][0].data._in],
          ($global._word): {($global._odd): $iteration}}) as $copies
        | .reference.copies = $copies | .test.spec.data.copies = $copies | .test.spec["host-node"] = $global._host
    """,
    "args": {"args": {"_arg": f"{WORD}-argument"}},
}


@dataclass
class Site:
    """
    What runs the program, or a part of it, on a batch with secrets.

    Attributes:
        server: The server that all tasks go to; it quotes every secret when it refuses something.
        folder: Where files go.
    """

    server: EmbeddedServer
    folder: Path

    @property
    def there(self) -> Any:
        """The options that send everything to the server."""
        return ("--assist", self.server.netloc, "--lead", self.server.netloc)

    @property
    def hosts(self) -> Dict[str, str]:
        """The same for Python programs."""
        return {"assist": self.server.netloc, "lead": self.server.netloc}

    @property
    def quote(self) -> str:
        """What a server says that quotes the whole task [c14], in the ways of Python, JSON and messages cut short."""
        known = {**data_of(self.server), **COPY["args"], "task": TASK}
        return f"Invalid: {known} {json.dumps(known)} {LONG[:300]}... is not valid under any of the given schemas"

    def batch(self, *scripts: str, **pairs: Any) -> Dict[str, Any]:
        """Make a batch with a job for each script, which gets tasks with copies of secrets; with none, one job."""
        jobs = [
            job(f"job-{n}", **{"task": TASK, "iterations": 2, "task_transform": {**COPY, "script": script}, **pairs})
            for n, script in enumerate(scripts or ["."])
        ]
        data = {"data": data_of(self.server), "transform-pre": COPY}
        return {"schema": 3, "global": data, "jobs": jobs}

    def run(self, *options: str, batch: Any = None) -> Ended:
        """Run the command."""
        return run_batch(*self.there, *options, batch=batch or self.batch(), PSCHEDULER_BATCH_NO_SUMMARY="")

    def written(self, *options: str, batch: Any = None) -> str:
        """Return all that the command writes, if it is not the output document."""
        ended = self.run(*options, batch=batch)
        return ended.stdout + ended.stderr

    def refuse(self, where: Any = "tasks", status: int = 400, **selection: Any) -> None:
        """Let the server refuse something, and quote secrets."""
        self.server.state.faults.refuse(where, status, self.quote, **selection)

    def refuse_to_cancel(self) -> None:
        """Let the server refuse to cancel tasks, after a moment in which the batch says what it waits for."""

        async def refuse_late(app: Any, scope: Any, receive: Any, send: Any) -> None:
            await asyncio.sleep(1)
            await answering(403, self.quote, "text/plain")(app, scope, receive, send)

        self.server.state.faults.add(Rule("tasks/*", refuse_late, method="DELETE"))

    def fail(self) -> None:
        """Let everything fail that may fail when results are there already, with secrets in each text."""
        self.refuse("tasks", method="POST", after=1)
        self.refuse(re.compile("format=text%2Fhtml"), 500)
        word = json.dumps(f"{WORD}-word").encode()
        self.server.state.faults.add(
            Rule("tasks/*/runs/first", changing(lambda body: body.replace(b'"pending"', word), None))
        )


# Each is wrong in its own way: a transform fails, returns no task, or puts a secret where it must not be.
WRONG = (
    "error($global._word)",
    "error({a: $global._odd, b: $global._long} | tostring)",
    ".test.spec.data.copies.long | .x",
    "$global._odd",
    "[$global._long]",
    ".[$global._word] = $global._pin",
    ".schedule.slip = $global._word",
    ".schedule[$global._odd] = $global._long",
    ".test.type = 5 | .reference = $global._odd",
    '.test = {type: "rtt", spec: {dest: $global._host, count: $global._word, ($global._odd): 1}}',
    '.test = {type: "throughput", spec: {dest: $global._word, duration: $global._long}} | .tool = {}',
    ".archives[0][$global._word] = 1 | .contexts = $global._odd",
    ".reference.big = 9007199254740993 + $global._pin",
)


def bad_batch(site: Site) -> Dict[str, Any]:
    """Make a batch with errors in all its jobs, and one that counts its iterations wrongly."""
    batch = site.batch(*WRONG)
    number = {"script": '"\\($args._arg) \\($global._odd)"', "args": COPY["args"]}
    batch["jobs"] += [
        job("counted", iterations=number),
        job("as-it-is", task={**TASK, "tool": 5, "_other": f"{WORD}-other"}),
    ]
    return batch


def previewed(*options: str) -> Callable[[Site], str]:
    """Return a preview of a batch."""
    others = ".test.type = $global._word | .test.spec = {source: $global._host, dest: $global._word}"
    others += " | .reference[$global._word] = 1"
    return lambda site: "".join(
        site.written(
            *options,
            batch=site.batch(
                ".", others, ".test.spec.count = if $iteration == 0 then $global._pin else 5 end", **pairs
            ),
        )
        for pairs in ({}, {"iterations": 60})
    )


def asked(site: Site) -> str:
    """Return the answers of a server about tests, which quote them."""
    word = f"{WORD}-word"
    wrong = json.dumps({"valid": False, "error": f"At /data/copies: {site.quote}"})
    kinds = f".test.type = {json.dumps(word)}", ".", ".test.spec.fail = 0.5"
    site.server.state.faults.add(Rule("tests/noop/spec/is-valid", answering(200, wrong, "application/json"), times=1))
    site.refuse("tests/noop/participants", 500, times=1)
    first = site.written("--check-server", "--debug", batch=site.batch(*kinds))
    site.refuse("tools", 500)
    return first + site.written("--check-server", "-v", "--format", "json", batch=site.batch(*kinds))


def run_and_logged(*options: str) -> Callable[[Site], str]:
    """Return what is on the standard error when a batch runs and much fails."""

    def run(site: Site) -> str:
        site.fail()
        return site.run(*options).stderr

    return run


def filed(option: str, name: str) -> Callable[[Site], str]:
    """Return the content of a file that is written while a batch runs and much fails."""

    def run(site: Site) -> str:
        site.fail()
        site.run(option, str(site.folder / name))
        content = (site.folder / name).read_text(encoding="utf-8")
        assert content
        return content + "".join(unpacked(content))

    return run


def unpacked(page: str) -> Iterator[str]:
    """Yield what is packed in a page."""
    for pack in re.findall(r">\s*([A-Za-z0-9+/]{16,}={0,2})\s*<", page):
        yield zlib.decompress(base64.b64decode(pack)).decode()


def errors_in_the_output(site: Site) -> str:
    """Return the texts of errors in the output document; its tasks and results are what they are."""
    failing = changing(lambda body: _failed(body, site.quote), None)
    site.server.state.faults.add(Rule("tasks/*/runs/first", failing, task=lambda task: "other" in task["reference"]))
    site.refuse(re.compile("format=text%2Fhtml"), 500)
    site.refuse("tasks", method="POST", after=3)
    first = site.run(batch=site.batch(".", ".reference.other = 1", ".")).document
    errors = list(_errors(first))
    assert len(errors) > len(first["jobs"])
    return "\n".join(errors)


def _failed(body: bytes, error: str) -> bytes:
    return json.dumps({**json.loads(body), "state": "failed", "errors": error, "result-merged": None}).encode()


def _errors(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in {"error", "errors"}:
                yield json.dumps(inner)
            elif name not in {"task", "result-full"}:
                yield from _errors(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _errors(inner)


def live_view(site: Site) -> str:
    """Return what is shown on a terminal, until a batch is interrupted whose tasks cannot be canceled."""
    idle = '.test = {type: "idle", spec: {duration: "PT1H", "host-node": $global._host}}'
    site.refuse_to_cancel()
    with Terminal(
        *site.there, "--cancel-wait", "PT1S", batch=site.batch(idle, parallel=True), folder=site.folder
    ) as shown:
        wait_for(lambda: left(site.server) == 2)
        shown.until_written(r"job-0/1  (posted|pending|running)  \S")
        shown.press("\x03")
        return shown.end().stderr


def interrupted(site: Site) -> str:
    """Return what is said of tasks that are left when a batch is interrupted."""
    idle = '.test = {type: "idle", spec: {duration: "PT1H", "host-node": $global._host}}'
    site.refuse_to_cancel()
    events = site.folder / "events"
    with RunningCommand(*site.there, "-v", "--events", str(events), batch=site.batch(idle, parallel=True)) as running:
        wait_for(lambda: left(site.server) == 2)
        running.until_said("job-0/1: posted")
        running.signal(signal.SIGINT)
        ended = running.end()
    assert "canceling 2 tasks" in ended.stderr
    assert "may still run" in ended.stderr
    return ended.stderr + events.read_text() + "\n".join(_errors(ended.document))


def slow_host(site: Site) -> str:
    """Return what is said of a host that is overloaded, and does not answer in time."""
    site.refuse(re.compile("format=text%2Fplain"), 503, times=1)
    events = site.folder / "events"
    noted = site.run("-v", "--debug", "--events", str(events)).stderr
    assert "overloaded" in noted
    return noted + events.read_text()


def late_start(site: Site) -> str:
    """Return the warnings of a synchronized start that is missed."""
    site.server.state.faults.delay("tasks", 0.3, method="POST")
    noted = site.run(batch=site.batch(parallel=True, iterations=40, setup_time="PT0.1S")).stderr
    assert "to be submitted to" in noted
    return noted


def decided(site: Site) -> str:
    """Return the error of a script that decides whether a batch continues."""
    script = {"script": "error(map(.task) | tostring)"}
    other = {"script": "[map(.task.reference), $global]"}
    ended = [site.run("-v", batch=site.batch(continue_if=each)) for each in (script, other)]
    assert all("continue-if" in each.stderr for each in ended)
    return "".join(each.stderr + each.document["batch"]["error"] for each in ended)


BUG = """
from pscheduler_batch.scheduler.posting import Poster
async def fail(*arguments, **named):
    raise RuntimeError(repr(arguments))
Poster.post = fail
import runpy
runpy.run_module("pscheduler_batch", run_name="__main__")
"""


def traceback_of_a_bug(site: Site) -> str:
    """Return the traceback of an exception that quotes a task."""
    done = subprocess.run(
        [sys.executable, "-c", BUG, *site.there, "--debug"],
        input=json.dumps(site.batch()).encode(),
        capture_output=True,
        env=environment(),
        timeout=TIME_LIMIT,
        check=False,
    )
    assert b"RuntimeError" in done.stderr
    return done.stderr.decode()


def python_errors(site: Site) -> str:
    """Return the texts of exceptions, with the problems in them, and of warnings."""
    said = []
    with pytest.raises(InputError) as caught:
        BatchProcessor(bad_batch(site), **site.hosts)()
    said += [str(caught.value), *map(repr, caught.value.problems), *map(repr, caught.value.warnings)]
    with pytest.raises(EndedError) as ended:
        BatchProcessor(site.batch(continue_if={"script": "error(map(.task) | tostring)"}), **site.hosts)()
    said.append(str(ended.value))
    return "\n".join(said)


def python_callbacks(site: Site) -> str:
    """Return what callbacks are given that is said to be without secrets, and the warning of one that fails."""
    site.fail()
    said = []

    def watch(event: Any) -> None:
        said.extend(str(getattr(event, name, "")) for name in ("error", "words", "reason"))

    def fail(result: Any) -> None:
        said.extend([str(result.error), *map(repr, result.rows())])
        raise ValueError(result.document())

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        BatchProcessor(site.batch(), **site.hosts)(debug=said.append, watch=watch, on_result=fail)
    assert any("callback failed" in str(each.message) for each in caught)
    return "\n".join([*said, *(str(each.message) for each in caught)])


def methods_of_the_plug_ins(site: Site) -> str:
    """Return what the methods say of batches that they refuse."""
    classes = InstalledClasses(site.folder)

    def call(batch: Any, method: str = "can-run", kind: str = "tool", name: str = "batch-processor") -> str:
        given = {"type": "batch", "spec": {"batch": batch}}
        text = json.dumps(given if kind == "tool" else given["spec"]).encode()
        try:
            return run_method(METHODS[kind, name][method], Call((), io.BytesIO(text), str(classes.permission)))
        except MethodError as error:
            return str(error)

    other = site.batch(".test.type = $global._word")
    said = [call(bad_batch(site)), call(bad_batch(site), "spec-is-valid", "test", "batch"), call(other, "duration")]
    host = '.test = {type: "rtt", spec: {dest: $global._word}}'
    for allowed in ({}, {"tests": ["*"]}, {"tests": ["*"], "archives": True, "contexts": True}):
        classes.allow(hosts=["*.example.net"], **allowed)
        said += [call(batch) for batch in (other, site.batch(), site.batch(host))]
    assert 'host \\"(hidden)\\" is not allowed' in said[-1]
    return "\n".join(said)


def result_of_a_batch_that_is_a_task(site: Site) -> str:
    """Return the output of a tool, which everyone may read."""
    site.fail()
    classes = InstalledClasses(site.folder)
    classes.allow(archives=True, contexts=True)
    given = {
        "task-uuid": str(uuid.uuid4()),
        "schedule": {"start": format_timestamp(datetime.now(timezone.utc)), "duration": "PT1H"},
        "test": {"type": "batch", "spec": {"batch": site.batch()}},
    }
    done = subprocess.run(
        [classes.path / "tool/batch-processor/run"],
        input=json.dumps(given).encode(),
        capture_output=True,
        env={**environment(), "PSCHEDULER_LOCALHOST": site.server.netloc},
        timeout=TIME_LIMIT,
        check=False,
    )
    output = json.loads(done.stdout)
    assert len(output["result"]["batch"]["jobs"][0]["results"]) == 2
    # A name may be what it is, as the output is to be read by programs.
    return json.dumps(output).replace(f'"{WORD}-word":', "").replace(f"{json.dumps(ODD)}:", "")


EXITS: Mapping[str, Callable[[Site], str]] = {
    "--check": lambda site: site.written("--check", batch=bad_batch(site)),
    "--check --format json": lambda site: site.written("--check", "--format", "json", batch=bad_batch(site)),
    "--plan": previewed("--plan"),
    "--plan -v": previewed("--plan", "-v"),
    "--dry-run --diff": previewed("--dry-run", "--diff"),
    "--check-server": asked,
    "run -v": run_and_logged("-v"),
    "run --debug": run_and_logged("--debug"),
    "run": run_and_logged(),
    "a batch with errors": lambda site: site.run("-v", batch=bad_batch(site)).stderr,
    "--events": filed("--events", "events"),
    "--stream": filed("--stream", "stream"),
    "--journal": filed("--journal", "journal"),
    **{
        f"--report {name}": filed("--report", f"report.{name}") for name in ("html", "csv", "xml", "txt", "md", "jsonl")
    },
    "--report prom": filed("--report", "report.prom"),
    "errors in the output": errors_in_the_output,
    "live view": live_view,
    "interruption": interrupted,
    "slow host": slow_host,
    "late start": late_start,
    "continue-if": decided,
    "traceback": traceback_of_a_bug,
    "exceptions": python_errors,
    "callbacks": python_callbacks,
    "methods of the plug-ins": methods_of_the_plug_ins,
    "result of a batch that is a task": result_of_a_batch_that_is_a_task,
}


@pytest.fixture
def site(tmp_path):
    """A server of the test's own, as tasks are left on it."""
    tests = {test.name: test for test in (IdleTest(), NoopTest(), RttTest())}
    with EmbeddedServer(tests=tests, pace=Pace(scheduling=0.02, setup=0.03, cleanup=0.01)) as server:
        yield Site(server, tmp_path)


@pytest.mark.parametrize("name", EXITS)
def test_no_secret_leaves(site, name):
    """Whatever place it was in, wherever a transform has put it, and whoever quotes it."""
    text = EXITS[name](site)

    assert text
    assert found_in(text) == ""


def test_secrets_are_where_they_are_looked_for(site):
    """All of them are in the output, with the host that tasks went to; and a journal restores them."""
    journal = str(site.folder / "journal")
    text = site.run("--journal", journal).stdout

    assert all(json.dumps(secret) in text for secret in data_of(site.server).values() if not isinstance(secret, list))
    assert f'"https://{secret_host(site.server)}/pscheduler' in text
    assert site.run("--resume", journal).stdout == text
