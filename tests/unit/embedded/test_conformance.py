"""The embedded server answers as the recorded ones did in the same situations (tests/recorded, docs/conformance.md)."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Callable, Dict

import pytest

from pscheduler_batch.embedded import tests as embedded_tests
from pscheduler_batch.embedded.faults.cores import Cores
from pscheduler_batch.embedded.test import Test
from pscheduler_batch.embedded.tests.rtt import RttTest
from tests.support.embedded_bench import DAWN, Bench, nap_task
from tests.support.recorded_exchanges import Recorded, recorded, shape

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NOBODY = "00000000-0000-4000-8000-000000000000"
IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT10S"}}, "schedule": {}}
LATER = {"test": IDLE["test"], "schedule": {"start": (DAWN + timedelta(minutes=1)).isoformat()}}
FAILING = nap_task(spec={"fail": "Timeout"})
NOOP = {"test": {"type": "noop", "spec": {"data": {}, "fail": 1}}, "schedule": {}}
SEVERAL = {"test": {"type": "idlebgm", "spec": {"duration": "PT20S", "interval": "PT5S"}}, "schedule": {}}
REPEATED = {**IDLE, "schedule": {"start": "PT10S", "slip": "PT10S", "repeat": "PT30S", "max-runs": 3}}
REPEATING = {"schema": 1, "test": IDLE["test"], "schedule": {"repeat": "PT20S", "max-runs": 3}}
SLIPPING = {"test": IDLE["test"], "schedule": {"slip": "PT5M"}}
SECRET_SPEC = {"test": {"type": "noop", "spec": {"data": {"_secret": "hush", "x": 1}}}, "schedule": {}}
SECRET = {
    **IDLE,
    "schema": 2,
    "reference": {"x": 1, "_secret": "hush", "#comment": "c"},
    "_key": "hush",
    "lead-bind": "127.0.0.1",
    "archives": [{"archiver": "http", "data": {"_url": "https://127.0.0.1:9/x", "op": "put"}}],
}


@dataclass
class Scene:
    """
    A server in which something has happened.

    Attributes:
        task: The task's URL, "" where there is none.
        run: The run's URL, "" where there is none.
    """

    bench: Bench
    task: str = ""
    run: str = ""

    def post(self, task) -> Scene:
        """Post a task."""
        self.task = self.bench.post(task)
        return self

    def wait_for(self, state: str) -> Scene:
        """Let time go by until the first run is in some state."""
        self.run = self.bench.first_run(self.task)["href"]
        for _ in range(1000):
            if self.bench.get(self.run).json()["state"] == state:
                return self
            self.bench.wait(0.25)
        raise AssertionError(f"it was never {state}")

    def cancel(self, url: str) -> Scene:
        """Cancel a task or a run."""
        self.bench.delete(url)
        return self

    def overload(self) -> Scene:
        """Let the server have too little time for anything."""
        self.bench.state.faults.shrink(0.01)
        return self

    def overload_merging(self) -> Scene:
        """Let the server have too little time for merging results."""
        self.bench.state.faults.share_runs(Cores(0.01), start=0, merge=1)
        return self

    def interrupt(self) -> Scene:
        """Let the server be away until it can do nothing more for the run."""
        self.bench.loop.run_until_complete(self.bench.scheduler.close())
        self.bench.wait(100)

        async def resume():
            self.bench.scheduler.resume()

        self.bench.loop.run_until_complete(resume())
        self.bench.wait(1)
        return self

    def wait(self, seconds: float) -> Scene:
        """Let time go by."""
        self.bench.wait(seconds)
        return self

    def second_run(self) -> Scene:
        """Look at the second run from now on."""
        self.run = self.bench.get(f"{self.task}/runs").json()[1]
        return self


def never_starting(scene: Scene) -> Scene:
    """Take the time that another exclusive run has."""
    scene.post(nap_task(kind="nap-alone")).wait_for("pending")
    return scene.post(nap_task(kind="nap-alone")).wait_for("nonstart")


SITUATIONS: Dict[str, Callable[[Scene], Scene]] = {
    "posted": lambda scene: scene.post(IDLE),
    "pending": lambda scene: scene.post(LATER).wait_for("pending"),
    "running": lambda scene: scene.post(IDLE).wait_for("running"),
    "cleanup": lambda scene: scene.post(IDLE).wait_for("cleanup"),
    "finished": lambda scene: scene.post(IDLE).wait_for("finished"),
    "no-html": lambda scene: scene.post(nap_task()).wait_for("finished"),
    "failed": lambda scene: scene.post(NOOP).wait_for("failed"),
    "failed-cleanup": lambda scene: scene.post(NOOP).wait_for("cleanup"),
    "failed-with-errors": lambda scene: scene.post(FAILING).wait_for("failed"),
    "failed-with-errors-cleanup": lambda scene: scene.post(FAILING).wait_for("cleanup"),
    "exclusive-finished": lambda scene: scene.post(nap_task(kind="nap-alone")).wait_for("finished"),
    "not-merged": lambda scene: scene.overload_merging().post(IDLE).wait_for("failed"),
    "overloaded": lambda scene: scene.overload(),
    "nonstart": never_starting,
    "missed": lambda scene: scene.post(IDLE).wait_for("pending").interrupt(),
    "overdue": lambda scene: scene.post(IDLE).wait_for("running").wait(4).interrupt(),
    "canceled": lambda scene: scene.post(IDLE).wait_for("running").cancel(scene.task),
    "deleted-at-once": lambda scene: scene.post({"test": IDLE["test"], "schedule": {}}).cancel(scene.task),
    "deleted-while-pending": lambda scene: scene.post(LATER).wait_for("pending").cancel(scene.task),
    "deleted-run": lambda scene: scene.post(LATER).wait_for("pending").cancel(scene.run),
    "repeated": lambda scene: scene.post(REPEATED).wait_for("finished").wait(100),
    "repeated-deleted": lambda scene: scene.post(REPEATED).wait_for("finished").wait(100).cancel(scene.task),
    "repeating": lambda scene: scene.post(REPEATING).wait_for("finished"),
    "slipping": lambda scene: scene.post(SLIPPING).wait_for("finished"),
    "several-pending": lambda scene: scene.post(SEVERAL).wait_for("pending"),
    "several-running": lambda scene: scene.post(SEVERAL).wait_for("running"),
    "several": lambda scene: scene.post(SEVERAL).wait_for("finished"),
    "extra": lambda scene: scene.post(SEVERAL).wait_for("finished").second_run(),
    "secret-posted": lambda scene: scene.post(SECRET),
    "secret-running": lambda scene: scene.post(SECRET).wait_for("running"),
    "secret": lambda scene: scene.post(SECRET).wait_for("finished"),
    "secret-spec-pending": lambda scene: scene.post(SECRET_SPEC).wait_for("pending"),
    "secret-spec": lambda scene: scene.post(SECRET_SPEC).wait_for("finished"),
}


class Rtt(RttTest):
    """The test of that name on a machine that lets everybody send echo requests."""

    @staticmethod
    def _no_icmp(spec):
        return None


@cache
def supplied() -> Dict[str, Test]:
    """Make all the measurements that come with the package, found by the names of their modules."""
    names = [module.name for module in pkgutil.iter_modules(embedded_tests.__path__)]
    modules = {name: importlib.import_module(f"{embedded_tests.__name__}.{name}") for name in names}
    return {**{name: getattr(module, f"{name.capitalize()}Test")() for name, module in modules.items()}, "rtt": Rtt()}


@pytest.fixture
def bench():
    """The server in a time of its own, with all that it can measure."""
    bench = Bench()
    bench.state.tests.update(supplied())
    bench.state.hostname = "ps"
    yield bench
    bench.close()


def here(scene: Scene, target: str) -> str:
    """Return what was asked for with the identifiers of this server, where they are identifiers of something."""
    for kind, url in (("tasks", scene.task), ("runs", scene.run)):
        name = url.rpartition("/")[2]
        if name:
            target = re.sub(f"(?<=/{kind}/)(?!{NOBODY}){UUID}", name, target)
    target = re.sub(f"(?<=task=){UUID}", scene.task.rpartition("/")[2], target)
    return target.lstrip("/")


def ask(exchange: Recorded, bench: Bench):
    """Ask the embedded server what was asked for, in the same situation."""
    situation = exchange.document.get("embedded", {}).get("situation")
    scene = Scene(bench) if situation is None else SITUATIONS[situation](Scene(bench))
    target = here(scene, exchange.target) if exchange.target else "https://ps.example.net/pscheduler"
    headers = {"Content-Type": exchange.document["sent-type"]} if exchange.sent is not None else {}
    return bench.request(exchange.method, target, content=exchange.sent, headers=headers)


def shape_of(exchange: Recorded, document):
    """Return the form of JSON; a result's own is the test's affair."""
    return shape(document, "result-merged" if exchange.step == "results" else "")


def answer_of(exchange: Recorded):
    """Return what of the recorded answer counts: status, media type, and the form of JSON or the words of a refusal."""
    document = exchange.document
    if "json" in document:
        return document["status"], document["type"], shape_of(exchange, document["json"])
    return document["status"], document["type"], document["text"] if document["status"] >= 400 else "text"


def answer_here(exchange: Recorded, reply):
    """Return the same of an answer of the embedded server's."""
    kind = reply.headers["content-type"]
    if kind == "application/json":
        return reply.status_code, kind, shape_of(exchange, reply.json())
    return reply.status_code, kind, reply.text if reply.status_code >= 400 else "text"


def waited_in_vain(exchange: Recorded) -> bool:
    """Return whether a poll ended because its time was over: there was no run, or no merged result."""
    document = exchange.document
    if "seconds" not in document or document["status"] != 200:
        return "seconds" in document
    return "wait-merged" in exchange.target and document["json"]["result-merged"] is None


ALIKE = [exchange for exchange in recorded() if "differs" not in exchange.document.get("embedded", {})]
IN_VAIN = [exchange for exchange in ALIKE if waited_in_vain(exchange)]
UNLIKE = [exchange for exchange in recorded() if "differs" in exchange.document.get("embedded", {})]


@pytest.mark.parametrize("exchange", ALIKE, ids=lambda exchange: f"{exchange.step}/{exchange.name}")
def test_the_embedded_server_answers_as_recorded(exchange, bench):
    """Status, media type, keys in their order, types and states are the same, and so are the words of refusals."""

    assert answer_here(exchange, ask(exchange, bench)) == answer_of(exchange)


@pytest.mark.parametrize("exchange", IN_VAIN, ids=lambda exchange: f"{exchange.step}/{exchange.name}")
def test_waiting_for_nothing_takes_as_long_as_recorded(exchange, bench):
    """Polls end when their time is over, which is for some of them twice what was asked for."""
    ask(exchange, bench)

    assert bench.elapsed == pytest.approx(exchange.document["seconds"], abs=1)


@pytest.mark.parametrize("exchange", UNLIKE, ids=lambda exchange: f"{exchange.step}/{exchange.name}")
def test_what_is_said_to_differ_does(exchange, bench):
    """Or else it need not be said."""

    assert answer_here(exchange, ask(exchange, bench)) != answer_of(exchange)
