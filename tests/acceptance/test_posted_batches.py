"""Tasks that are batches, posted to an embedded server with our plug-ins."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from pscheduler_batch.embedded.classes.class_folder import load_classes
from pscheduler_batch.embedded.faults.rules import Rule
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.plugins.nested_run import NESTED
from tests.support.class_folders import PATIENT
from tests.support.commands import job, task, wait_for
from tests.support.interruption_points import HOUR, is_done
from tests.support.methods import InstalledClasses
from tests.support.server_clients import ServerClient

FAILING = task("noop", data="x", fail=1.0)


class Site:
    """
    A host whose server runs batches as tasks.

    Attributes:
        server: The server.
        client: A client of it.
    """

    def __init__(self, folder):
        self._classes = InstalledClasses(folder)
        self.allow()
        classes = load_classes(self._classes.path, time_limits=PATIENT)
        assert classes.problems == []
        self.server = EmbeddedServer(keep_alive=True, classes=classes)
        self.server.start()
        self.client = ServerClient(self.server)

    def allow(self, **pairs):
        """Write the permission file; the underscores of names are hyphens."""
        self._classes.allow(**{"tests": ["*"], **{name.replace("_", "-"): value for name, value in pairs.items()}})

    def write_permission(self, text):
        """Write the permission file as it is given."""
        self._classes.permission.write_text(text)

    def nested(self):
        """Return the tasks that batches have submitted which are tasks themselves."""
        return [each for each in self.server.state.tasks.values() if NESTED in each.document.get("reference", {})]

    def unfinished(self):
        """Return how many of those would go on."""
        return sum(each.enabled and not is_done(each) for each in self.nested())

    def run(self, *jobs):
        """Run a batch as a task that has plenty of time, and return its run."""
        return self.client.run("batch", batch={"jobs": list(jobs)}, duration="PT30M")

    def close(self):
        """Stop the server."""
        self.client.close()
        self.server.stop()


@pytest.fixture
def site(tmp_path):
    """A host whose server runs batches as tasks, and allows them everything."""
    site = Site(tmp_path)
    yield site
    site.close()


def test_a_client_is_told_all_errors_of_a_batch(site):
    """Before it posts anything, and for the options of the command line as well."""
    wrong = json.dumps({"batch": {"jobs": [{"label": 7}, {"label": "x", "iterations": "many"}]}})
    verdict = site.client.get("tests/batch/spec/is-valid", spec=wrong).json()
    help_text = site.client.get("tests/batch/spec", args='["--help"]').text

    assert verdict["valid"] is False
    assert all(place in verdict["error"] for place in ("/jobs/0", "/jobs/1/iterations"))
    assert "--url" in help_text


def test_a_batch_with_failing_runs_is_a_failed_run(site):
    """Its result has all runs even so, and says how many failed."""
    run = site.run(job("good"), job("bad", task=FAILING, iterations=2))
    merged = run["result-merged"]

    assert (run["state"], merged["succeeded"], merged["error"]) == ("failed", False, "2 of 3 runs failed")
    assert [len(each["results"]) for each in merged["batch"]["jobs"]] == [1, 2]
    assert "bad/0" in run["result"]["diags"]


def test_a_batch_that_takes_too_long_ends_in_time_with_what_it_has(site):
    """It is not killed by the server, and leaves no task behind; a script that may end it hides its length."""
    script = {"continue-if": {"script": "true"}}
    batch = {"schema": 2, "jobs": [job("good"), {**job("long", task=HOUR), **script}]}
    run = site.client.run("batch", batch=batch, duration="PT24S")
    good, long = run["result-merged"]["batch"]["jobs"]

    assert (run["state"], run["errors"]) == ("failed", None)
    assert (
        run["result-merged"]["error"]
        == "the batch was stopped at the end of its time on the schedule; a longer duration in its spec gives it more"
    )
    assert good["results"][0]["runs"][0]["application/json"]["succeeded"] is True
    assert "stopped at the end of its time on the schedule before it was " in long["results"][0]["error"]
    assert site.unfinished() == 0


def with_pairs(**pairs):
    """Return a job whose task has more pairs."""
    return job(task={**task(), **{name.replace("_", "-"): value for name, value in pairs.items()}})


@pytest.mark.parametrize(
    ("pairs", "spec", "reason"),
    [
        ({"enabled": False}, {}, "batches are not enabled on this host"),
        ({"tests": ["rtt"]}, {}, 'test "noop" is not allowed; allowed: rtt'),
        (
            {"hosts": ["b.example"]},
            {"jobs": [job(task=task("rtt", dest="c.example"))]},
            'host "c.example" is not allowed',
        ),
        (
            {"hosts": []},
            {"jobs": [job(task=task("dns", query="x", nameserver="192.0.2.1"))]},
            'host "192.0.2.1" is not',
        ),
        ({"max_iterations": 2}, {"jobs": [job(iterations=3)]}, "3 iterations, at most 2 are allowed"),
        ({"max_duration": "PT10M"}, {"duration": "PT11M"}, "the batch takes PT11M, at most PT10M is allowed"),
        ({"max_duration": "PT10M"}, {"jobs": [job(task=HOUR)]}, "at most PT10M is allowed"),
        ({}, {"jobs": [with_pairs(archives=[{"archiver": "bitbucket", "data": {}}])]}, '"archives" is not allowed'),
        ({}, {"jobs": [with_pairs(schema=2, contexts={"contexts": [[]]})]}, '"contexts" is not allowed'),
        ({}, {"jobs": [with_pairs(schema=2, lead_bind="127.0.0.1")]}, '"lead-bind" is not allowed'),
        ({}, {"jobs": [with_pairs(schema=3, priority=9)]}, '"priority" is not allowed'),
        (
            {"batch_url": ["b.example"]},
            {"url": "https://c.example/x"},
            "fetching a batch from c.example is not allowed",
        ),
    ],
)
def test_a_batch_that_the_site_does_not_allow_is_refused(site, pairs, spec, reason):
    """The client reads why; nothing is run."""
    site.allow(**pairs)
    given = {"batch": {"jobs": spec.get("jobs", [job()])}}
    if "url" in spec:
        given = {"batch-url": spec["url"], "duration": "PT5M"}
    if "duration" in spec:
        given["duration"] = spec["duration"]
    reply = site.client.post_task({"test": {"type": "batch", "spec": given}, "schedule": {}})

    assert (reply.status_code, site.server.state.tasks) == (422, {}), reply.text
    assert "  Declined\n    batch-processor\n" in reply.text
    assert reason in reply.text


def test_a_name_of_a_batch_that_the_site_does_not_have_is_refused(site):
    """With a directory of batches or without one."""
    spec = {"batch-url": "mesh.json", "duration": "PT5M"}
    without = site.client.post("batch", **spec)
    site.allow(batch_folder="/nonexistent")
    missing = site.client.post("batch", **spec)

    assert (without.status_code, missing.status_code) == (400, 400)
    assert "mesh.json: this host has no directory of batches" in without.text
    assert "mesh.json: cannot read this batch: No such file or directory" in missing.text


def test_a_permission_file_with_an_error_allows_nothing(site):
    """The client is told where the error is."""
    site.write_permission('{\n  "enabled": true,\n  "test": ["*"]\n}\n')
    reply = site.client.post("batch", batch={"jobs": [job()]})

    assert reply.status_code == 422
    assert "permission.json:3:3: error: " in reply.text


def test_a_batch_that_a_transform_makes_forbidden_is_refused(site):
    """Tasks are judged as they would be posted."""
    site.allow(tests=["noop"])
    sly = {**job(), "task-transform": {"script": '.test = {"type": "idle", "spec": {"duration": "PT1S"}}'}}
    reply = site.client.post("batch", batch={"jobs": [sly]})

    assert (reply.status_code, 'test "idle" is not allowed' in reply.text) == (422, True)


class Counting:
    """An action of a fault that makes requests take a moment, and counts them."""

    def __init__(self):
        self.total = self.most = self._now = 0

    async def __call__(self, app, scope, receive, send):
        """Execute a request."""
        self.total += 1
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(0.1)
        await app(scope, receive, send)
        self._now -= 1


def test_a_batch_makes_no_more_requests_at_once_than_the_site_allows(site):
    """However parallel it is."""
    site.allow(max_connections=1)
    posts = Counting()
    site.server.state.faults.add(Rule("tasks", posts, method="POST"))
    run = site.run(job(parallel=True, iterations=6, sync_start=False))

    assert (run["state"], posts.total, posts.most) == ("finished", 7, 1)


def test_a_batch_that_is_canceled_in_the_middle_cancels_its_tasks(site):
    """Nothing tells it, so it looks every ten seconds, which this test waits for."""
    posted = site.client.post("batch", batch={"jobs": [job("long", parallel=True, iterations=3, task=HOUR)]})
    wait_for(lambda: site.unfinished() == 3)
    site.client.cancel(posted.json())
    wait_for(lambda: site.unfinished() == 0)

    assert len(site.nested()) == 3
    assert site.client.get(f"{posted.json()}/runs/first").json()["state"] == "canceled"


def test_a_server_that_is_restarted_in_the_middle_has_none_of_its_tasks_left(site):
    """The batch notices that its tool is gone, and cancels its tasks as soon as there is a server again."""
    site.client.post("batch", batch={"jobs": [job("long", parallel=True, iterations=3, task=HOUR)]})
    wait_for(lambda: site.unfinished() == 3)
    site.server.restart()

    wait_for(lambda: site.unfinished() == 0)


def test_twenty_batches_at_once(site):
    """Each has its own tasks and results, and nothing is left of any."""
    with ThreadPoolExecutor(20) as threads:
        runs = list(threads.map(site.run, [job(f"batch-{number}", iterations=2) for number in range(20)]))
    results = [run["result-merged"]["batch"]["jobs"][0] for run in runs]

    assert [run["state"] for run in runs] == ["finished"] * 20
    assert [result["label"] for result in results] == [f"batch-{number}" for number in range(20)]
    assert (len(site.nested()), site.unfinished()) == (40, 0)
