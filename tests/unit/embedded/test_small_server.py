"""A server of few cores: what its requests and runs cost, and what becomes of them when there are too many."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from pscheduler_batch.embedded.api.app import make_app
from pscheduler_batch.embedded.faults.cores import TOO_LONG, Cores
from pscheduler_batch.embedded.pace import Pace
from tests.support.embedded_bench import RUN_KEYS, Bench, at, nap_task, seconds_of

OVERLOADED = f"Unable to determine participants: {TOO_LONG}\n"
POST = ("POST", "tasks")


def at_once(bench, *requests):
    """Make requests at the same time; give the seconds that each took, and its answer."""

    async def timed(method, url, task=None):
        begin = bench.loop.time()
        reply = await bench._client.request(method, url, json=task)
        return round(bench.loop.time() - begin, 3), reply

    async def gather():
        return await asyncio.gather(*(timed(*request) for request in requests))

    return bench.loop.run_until_complete(gather())


def seconds(answers):
    """Return how long each request took."""
    return [took for took, _ in answers]


def statuses(answers):
    """Return the status of each answer."""
    return [reply.status_code for _, reply in answers]


def ends(bench, cores, *jobs):
    """Do work that begins at different times; give when each ended, negative if it was killed."""

    async def do(begin, work, limit, processes):
        await asyncio.sleep(begin)
        done = await cores.work(work, limit=limit, processes=processes)
        return round(bench.loop.time() - start, 3) * (1 if done else -1)

    async def gather():
        return await asyncio.gather(*(do(*job) for job in jobs))

    start = bench.loop.time()
    return bench.loop.run_until_complete(gather())


@pytest.mark.parametrize(
    ("count", "jobs", "expected"),
    [
        (2, [(0, 3, 99, 1)], [3]),
        (2, [(0, 3, 99, 1)] * 2, [3, 3]),
        (2, [(0, 3, 99, 1)] * 4, [6] * 4),
        (1, [(0, 2, 99, 1), (1, 4, 99, 1)], [3, 6]),
        (2, [(0, 4, 99, 2)], [2]),
        (2, [(0, 4, 99, 2), (0, 1, 99, 1)], [2.5, 1.5]),
        (0.5, [(0, 1, 99, 1)], [2]),
        (1, [(0, 0, 99, 1)], [0]),
        (1, [(0, 5, 4, 1), (0, 3, 99, 1)], [-4, 5]),
        (1, [(0, 5, 4, 1)] * 3, [-4] * 3),
    ],
)
def test_work_under_way_shares_the_cores(bench, count, jobs, expected):
    """Each process progresses at its part of the cores, at most at one; what is killed leaves the rest to others."""
    cores = Cores(count)

    assert ends(bench, cores, *jobs) == expected
    assert cores.processes == 0


def test_work_of_many_lengths_ends_in_the_order_of_its_lengths(bench):
    """However many times the speed changes, no time is lost, and none is gained."""
    done = ends(bench, Cores(3), *((0.1 * number, 1 + number % 7, 1000, 1) for number in range(100)))

    assert min(done) > 0
    assert max(done) == pytest.approx(sum(1 + number % 7 for number in range(100)) / 3, abs=0.2)


def test_work_that_is_given_up_leaves_the_cores_to_others(bench):
    """As when the server is stopped."""
    cores = Cores(1)

    async def give_up():
        given_up = asyncio.ensure_future(cores.work(100, limit=1000))
        other = asyncio.ensure_future(cores.work(3, limit=1000))
        await asyncio.sleep(2)
        given_up.cancel()
        return await other

    start = bench.loop.time()

    assert bench.loop.run_until_complete(give_up())
    assert bench.loop.time() - start == pytest.approx(4)
    assert cores.processes == 0


@pytest.mark.parametrize(("number", "expected"), [(1, 1.3), (2, 2.6), (4, 5.2)])
def test_posts_to_a_small_server_take_as_long_as_there_are_many(bench, number, expected):
    """One alone takes 1.3 s, and two to four at once in all as long as one after the other."""
    bench.state.faults.shrink(2)
    answers = at_once(bench, *[(*POST, nap_task())] * number)

    assert seconds(answers) == [pytest.approx(expected)] * number
    assert len(bench.state.tasks) == number


def test_too_many_posts_are_refused_in_the_words_of_a_real_server(bench):
    """They are killed, and have made no tasks (recording o10); the cores are free again."""
    bench.state.faults.shrink(2)
    answers = at_once(bench, *[(*POST, nap_task())] * 10)

    assert seconds(answers) == [pytest.approx(12)] * 10
    assert {(reply.status_code, reply.text) for _, reply in answers} == {(500, OVERLOADED)}
    assert bench.state.tasks == {}
    assert seconds(at_once(bench, (*POST, nap_task()))) == [pytest.approx(1.3)]


def test_a_server_can_be_as_much_faster_as_a_test_needs(bench):
    """Works and limits alike, so that it is driven into failing by as many requests."""
    bench.state.faults.shrink(2, speed=10)
    answers = at_once(bench, *[(*POST, nap_task())] * 4)
    refused = at_once(bench, *[(*POST, nap_task())] * 10)

    assert (seconds(answers), statuses(answers)) == ([pytest.approx(0.52)] * 4, [200] * 4)
    assert (seconds(refused), statuses(refused)) == ([pytest.approx(1.2)] * 10, [500] * 10)


@pytest.mark.parametrize(("done", "tasks"), [(True, 1), (False, 0)])
def test_a_post_that_takes_too_long_has_made_its_task_or_not(bench, done, tasks):
    """As with the other faults, either can be asked for."""
    rule = bench.state.faults.share("tasks", Cores(1), 9, limit=5, body="no time", done=done)
    reply = bench.request(*POST, json=nap_task())

    assert (reply.status_code, reply.text, bench.elapsed) == (500, "no time\n", pytest.approx(5))
    assert len(bench.state.tasks) == tasks
    assert rule.uses == 1


@pytest.mark.parametrize("done", [True, False])
def test_a_request_that_is_in_time_is_answered_as_usual(bench, done):
    """The task has been made before or after the work."""
    bench.state.faults.share("tasks", Cores(1), 3, done=done)
    bench.post(nap_task())

    assert bench.elapsed == pytest.approx(3)
    assert [(task.added - bench.now()).total_seconds() for task in bench.state.tasks.values()] == [-3 if done else 0]


def test_the_cores_can_be_shared_by_some_requests_only(bench):
    """Rules select requests as those of the other faults do."""
    cores = Cores(1)
    bench.state.faults.share("hostname", cores, 4, after=1, times=2)
    bench.state.faults.share("tasks", cores, 1, method="POST", task=lambda task: task["reference"] == "b")
    tasks = [(*POST, nap_task(reference=name)) for name in "ab"]

    assert seconds(at_once(bench, ("GET", "hostname"))) == [0]
    assert seconds(at_once(bench, ("GET", "hostname"), *tasks)) == [5, 0, 2]
    assert seconds(at_once(bench, *[("GET", "hostname")] * 2)) == [4, 0]


def test_a_client_that_is_gone_has_posted_its_task(bench):
    """A server does not notice that before it answers, so a batch that is killed may have made a task."""
    bench.state.faults.shrink(2)
    messages = [{"type": "http.request", "body": json.dumps(nap_task()).encode(), "more_body": False}]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/pscheduler/tasks",
        "query_string": b"",
        "headers": [],
        "server": ("127.0.0.1", 443),
        "client": ("127.0.0.1", 9),
    }

    async def receive():
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(_message):
        pass

    bench.loop.run_until_complete(make_app(bench.state, bench.scheduler, keep_alive=False)(scope, receive, send))

    assert len(bench.state.tasks) == 1


def test_what_requests_to_a_small_server_cost(bench):
    """Finding participants and rendering results take processes of their own; all others are cheap."""
    bench.state.faults.shrink(2)
    run = bench.finished_run(bench.post(nap_task("PT1S")))["href"]
    spec = json.dumps({"duration": "PT1S"})

    def cost(method, url, **params):
        bench.request(method, url, params=params or None)
        return round(bench.elapsed, 3)

    assert cost("GET", "tests/nap/participants", spec=spec) == 0.45
    assert [cost("GET", f"{run}/result", format=f"text/{form}") for form in ("plain", "html")] == [0.4, 0.4]
    assert cost("GET", f"{run}/result", format="application/json") == 0.01
    assert cost("GET", run, **{"wait-merged": "true"}) == 0.01
    assert cost("DELETE", run.partition("/runs")[0]) == 0.01


def test_a_poll_waits_without_work(bench):
    """It takes as long as the run, not longer, and leaves the cores to others."""
    cores = bench.state.faults.shrink(2)
    run = bench.first_run(bench.post(nap_task("PT5S")))
    during = []
    bench.loop.call_later(1, lambda: during.append(cores.processes))
    bench.get(run["href"], wait_merged="true", wait=60)

    assert during == [0]
    assert bench.state.tasks.popitem()[1].runs[0].state == "finished"


def test_a_run_that_starts_on_a_small_server_is_on_time_if_it_can(bench):
    """Its process starts before the measurement does."""
    bench.state.faults.share_runs(Cores(1), start=2, merge=3)
    run = bench.finished_run(bench.post(nap_task("PT10S")))

    assert run["state"] == "finished"
    # The nap of 10 s, the 2 s of the pace for the end, and the merge.
    assert seconds_of(run["end-time"]) - seconds_of(run["start-time"]) == pytest.approx(15)


def test_a_run_that_starts_late_on_a_small_server_measures_later(bench):
    """With three cores' work for one core, a start takes longer than there was time before it."""
    bench.state.faults.share_runs(Cores(1), start=5, merge=0, limit=30)
    run = bench.finished_run(bench.post(nap_task("PT10S")))

    assert seconds_of(run["end-time"]) - seconds_of(run["start-time"]) == pytest.approx(10 + 2 + 2)


def test_a_run_that_cannot_start_in_time_fails_in_the_words_of_a_real_server(bench):
    """They are its errors (recording n34), and there is no result."""
    rule = bench.state.faults.share_runs(Cores(1), start=20, merge=0, limit=6)
    run = bench.finished_run(bench.post(nap_task("PT10S")))

    assert (run["state"], run["errors"]) == ("failed", TOO_LONG)
    assert (
        run["result"] == run["result-full"][0] == {"diags": "", "error": TOO_LONG, "result": None, "succeeded": False}
    )
    assert run["result-merged"] == {"succeeded": False}
    assert sorted(run) == sorted([*RUN_KEYS, "clock-survey"])
    assert seconds_of(run["end-time"]) - seconds_of(run["start-time"]) == pytest.approx(3)
    assert rule.failed == 1


def test_several_results_that_cannot_be_measured_in_time_are_none(bench):
    """The lead run fails for the same reason, without results as always."""
    bench.state.faults.share_runs(Cores(1), start=20, merge=0, limit=6)
    href = bench.post(nap_task("PT20S", kind="naps"))
    bench.wait(60)
    (url,) = bench.get(f"{href}/runs").json()
    run = bench.get(url).json()

    assert (run["state"], run["errors"], run["result-merged"]) == ("failed", TOO_LONG, None)


def test_a_run_that_cannot_be_merged_in_time_keeps_what_was_measured(bench):
    """The words are those of recording o11."""
    rule = bench.state.faults.share_runs(Cores(1), start=0, merge=20, limit=6)
    run = bench.finished_run(bench.post(nap_task("PT10S")))

    assert (run["state"], run["errors"]) == ("failed", None)
    assert run["result"] == {"diags": "slept", "error": "", "result": {}, "succeeded": True}
    assert run["result-full"] == [run["result"]]
    assert run["result-merged"]["error"] == f"Tool bed failed to merge results: {TOO_LONG}"
    assert rule.failed == 1


def test_a_run_without_a_result_needs_no_merging(bench):
    """It failed for a reason of its own, which stays."""
    rule = bench.state.faults.share_runs(Cores(1), start=0, merge=20, limit=6)
    run = bench.finished_run(bench.post(nap_task(spec={"fail": "it broke"})))

    assert (run["state"], run["result"]["error"], rule.failed) == ("failed", "it broke", 0)


def test_the_runs_of_one_task_can_be_the_slow_ones(bench):
    """The first rule for a task counts, and the runs of all others are as fast as usual."""
    bench.state.faults.share_runs(
        Cores(1), start=20, merge=0, limit=6, task=lambda task: task.get("reference") == "slow"
    )
    hrefs = [bench.post(nap_task("PT1S", reference=name)) for name in ("slow", "other")]

    assert [bench.finished_run(href)["state"] for href in hrefs] == ["failed", "finished"]


def test_requests_can_keep_runs_from_starting(bench):
    """They share their cores, so eight POSTs at once are too many for the runs of those before."""
    bench.state.faults.shrink(2)
    href = bench.post(nap_task("PT10S"))
    bench.wait(1.9)
    at_once(bench, *[(*POST, nap_task())] * 16)

    assert bench.first_run(href)["errors"] == TOO_LONG


def test_a_synchronized_start_of_many_is_whole_on_a_small_server(bench):
    """Sixteen runs at once are no reason to kill any."""
    bench.state.faults.shrink(2)
    hrefs = [bench.post(nap_task(schedule={"start": at(60)})) for _ in range(16)]
    runs = [bench.finished_run(href) for href in hrefs]

    assert {(run["state"], seconds_of(run["start-time"])) for run in runs} == {("finished", 60)}


class Batch:
    """
    Parallel tasks of three seconds, with a fixed number of requests at once.

    Attributes:
        results: The number of runs that succeeded.
        seconds: How long it took.
    """

    def __init__(self, bench, tasks, at_once):
        self._bench = bench
        self.results = 0
        start = bench.loop.time()
        bench.loop.run_until_complete(self._gather(tasks, at_once))
        self.seconds = bench.loop.time() - start

    async def _gather(self, tasks, at_once):
        # Before Python 3.10, it is bound to the loop that runs when it is made.
        self._slots = asyncio.Semaphore(at_once)
        await asyncio.gather(*(self._iterate() for _ in range(tasks)))

    async def _iterate(self):
        posted = await self._ask("POST", "tasks", json=nap_task("PT3S"))
        if posted.status_code != 200:
            return
        run = (await self._ask("GET", f"{posted.json()}/runs/first")).json()
        await asyncio.sleep(seconds_of(run["end-time"]) - seconds_of(self._bench.now().isoformat()))
        run = (await self._ask("GET", f"{run['href']}?wait-merged=true")).json()
        for form in ("plain", "html"):
            await self._ask("GET", f"{run['href']}/result?format=text/{form}")
        self.results += run["state"] == "finished"

    async def _ask(self, method, url, **kwargs):
        async with self._slots:
            return await self._bench._client.request(method, url, **kwargs)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_few_requests_numberget_every_result_of_a_small_server(number):
    """As on a real one, 24 tasks take some 50 s, whether two, three or four requests are made at once."""
    batch = small_batch(number)

    assert batch.results == 24
    assert batch.seconds == pytest.approx(50, rel=0.15)


def test_eight_requests_numberlose_results_of_a_small_server():
    """As on a real one, which gave 9 to 17 of 24."""

    assert small_batch(8).results <= 17


def small_batch(number):
    """Run 24 tasks on a server of two cores."""
    bench = Bench(pace=replace(Pace.real(), participants=0, posting=0))
    bench.state.faults.shrink(2)
    try:
        return Batch(bench, 24, number)
    finally:
        bench.close()


def test_all_is_fast_again_without_faults(bench):
    """Clearing them includes those of runs."""
    bench.state.faults.shrink(2)
    bench.state.faults.share("tasks", Cores(1), 99, method="POST")
    bench.state.faults.share_runs(Cores(1), start=99, merge=0)
    bench.state.faults.clear()
    run = bench.finished_run(bench.post(nap_task("PT1S")))

    assert run["state"] == "finished"


def test_another_fault_that_was_there_first_is_used(bench):
    """So a small server can also refuse, reset or garble some requests."""
    bench.state.faults.refuse("tasks", 503, "away", times=1)
    bench.state.faults.shrink(2)
    answers = [bench.request(*POST, json=nap_task()).status_code for _ in range(2)]

    assert answers == [503, 200]
