from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.support.embedded_bench import DAWN, RUN_KEYS, at, nap_task, seconds_of, span

NOBODY = "00000000-0000-4000-8000-000000000000"
SIGNATURE = "the embedded server of pscheduler-batch on here"


def answer(reply):
    """Return the parts of a reply that clients look at."""
    return reply.status_code, reply.headers["content-type"], reply.text


def test_a_task_has_no_run_for_a_moment(bench):
    """Right after the POST there is none, and ``wait=0`` does not wait for one (recordings e01 to e03)."""
    href = bench.post(nap_task())

    assert bench.get(f"{href}/runs").json() == []
    assert bench.get(f"{href}/runs/first", wait=0).status_code == 404
    assert bench.get(f"{href}/runs/next", wait=0).status_code == 404
    assert bench.elapsed == 0


def test_the_first_run_is_answered_the_moment_it_appears(bench):
    """A long poll ends with the pending run, announced start and end included (recordings e04 and g31)."""
    href = bench.post(nap_task())
    run = bench.get(f"{href}/runs/first").json()

    assert bench.elapsed == pytest.approx(1)
    assert list(run) == RUN_KEYS
    assert (run["state"], run["state-display"], run["duration"]) == ("pending", "Pending", "PT11S")
    assert seconds_of(run["start-time"]) - seconds_of(run["added"]) == pytest.approx(4)
    assert seconds_of(run["end-time"]) - seconds_of(run["start-time"]) == pytest.approx(11)
    assert run["result"] is run["result-full"] is run["result-merged"] is run["errors"] is None
    assert (run["task-href"], run["result-href"]) == (href, f"{run['href']}/result")
    assert (run["participants"], run["participant-data"], run["participant-data-full"]) == (["here"], {}, [{}])
    assert bench.get(f"{href}/runs").json() == [run["href"]]


@pytest.mark.parametrize("which", ["first", "next"])
@pytest.mark.parametrize(("query", "seconds"), [("?wait=2", 4), ("", 60)])
def test_a_run_that_never_comes_is_waited_for_twice_as_long_as_asked(bench, which, query, seconds):
    """Then it is 404, for tasks that do not exist too (recordings d14 and e20)."""
    reply = bench.get(f"tasks/{NOBODY}/runs/{which}{query}")

    assert answer(reply) == (404, "text/plain; charset=utf-8", "Resource not found.\n")
    assert bench.elapsed == pytest.approx(seconds)


def test_a_run_goes_through_the_states_in_order(bench):
    """Pending, on deck, running from three seconds before the start, cleanup, finished (f-future-timeline)."""
    href = bench.first_run(bench.post(nap_task("PT10S", schedule={"start": "PT1M"})))["href"]
    seen = []
    for moment in (2, 56, 56.8, 58, 69, 71, 73):
        bench.wait(moment - seconds_of(bench.now().isoformat()))
        run = bench.get(href).json()
        known = [name for name in ("result", "result-full", "result-merged") if run[name] is not None]
        seen.append((run["state"], run["state-display"], known))

    assert seen == [
        ("pending", "Pending", []),
        ("pending", "Pending", []),
        ("on-deck", "On Deck", []),
        ("running", "Running", []),
        ("running", "Running", []),
        ("cleanup", "Cleanup", ["result"]),
        ("finished", "Finished", ["result", "result-full", "result-merged"]),
    ]


def test_a_run_is_rewritten_when_it_is_done(bench):
    """Its end and duration become what they were; it has the same keys as before (recording e08)."""
    run = bench.finished_run(bench.post(nap_task("PT10S", spec={"data": [1]})))

    assert list(run) == RUN_KEYS
    assert (run["state"], run["state-display"]) == ("finished", "Finished")
    assert seconds_of(run["end-time"]) - seconds_of(run["start-time"]) == pytest.approx(12, abs=0.1)
    assert run["duration"] == span(round(seconds_of(run["end-time"]) - seconds_of(run["start-time"]), 6))
    assert run["result"] == {"diags": "slept", "error": "", "result": {}, "succeeded": True}
    assert run["result-full"] == [run["result"]]
    assert run["result-merged"] == {
        "data": [1],
        "schema": 1,
        "duration": "PT10S",
        "succeeded": True,
        "measured-by": SIGNATURE,
    }


def test_a_poll_for_the_merged_result_ends_the_moment_it_is_there(bench):
    """``wait-local`` ends with the local result (recording g32), ``wait-merged`` with everything (g33)."""
    href = bench.first_run(bench.post(nap_task("PT10S")))["href"]
    local = bench.get(href, wait_local="true", wait=40).json()
    local_took = bench.elapsed
    merged = bench.get(href, wait_merged="true", wait=40).json()

    assert (local["state"], local["result-merged"]) == ("cleanup", None)
    assert local_took == pytest.approx(14)
    assert (merged["state"], bench.elapsed) == ("finished", pytest.approx(2))


@pytest.mark.parametrize(("query", "seconds"), [("wait=2", 2), ("", 30)])
@pytest.mark.parametrize("kind", ["wait-merged=true", "wait-local=true"])
def test_a_poll_that_is_over_gives_the_unfinished_run(bench, kind, query, seconds):
    """After the time it is 200 with the run as it is (recordings g05b and h17)."""
    href = bench.first_run(bench.post(nap_task("PT1H")))["href"]
    reply = bench.get(f"{href}?{kind}&{query}")

    assert (reply.status_code, reply.json()["result-merged"]) == (200, None)
    assert bench.elapsed == pytest.approx(seconds)


def test_the_first_run_is_waited_for_and_then_its_result(bench):
    """It is found first, and then as good as asked for by its own name, which was not recorded."""
    href = bench.post(nap_task("PT10S"))
    run = bench.get(f"{href}/runs/first", wait_merged="true", wait=40).json()

    assert (run["state"], run["result-merged"]["duration"]) == ("finished", "PT10S")
    assert bench.elapsed == pytest.approx(1 + 4 + 10 + 2)
    assert run["href"] in bench.get(f"{href}/runs").json()


def test_the_first_run_and_its_result_are_waited_for_one_after_the_other(bench):
    """Up to twice so many seconds for the run, and so many for the result; then it is told as it is."""
    href = bench.post(nap_task("PT10S"))
    run = bench.get(f"{href}/runs/first", wait_merged="true", wait=3).json()

    assert (run["state"], run["result-merged"]) == ("running", None)
    assert bench.elapsed == pytest.approx(1 + 3)


@pytest.mark.parametrize(
    ("query", "status"),
    [("wait-merged=true&wait=0", 500), ("wait-merged=true&wait-local=true", 400), ("wait-merged=true&wait=-1", 400)],
)
def test_a_poll_for_the_first_run_that_makes_no_sense_is_refused(bench, query, status):
    """As for any other run (recordings g05c to g05e)."""
    href = bench.post(nap_task())
    bench.first_run(href)

    assert bench.get(f"{href}/runs/first?{query}").status_code == status


def test_a_first_run_that_is_cancelled_while_it_is_waited_for_is_gone(bench):
    """It is 404 then, as recordings i06 and i10 have it for any run."""
    href = bench.post(nap_task(schedule={"start": "PT1H"}))
    run = bench.first_run(href)["href"]

    async def both():
        waiting = asyncio.ensure_future(bench._client.get(f"{href}/runs/first?wait-merged=true&wait=60"))
        await asyncio.sleep(5)
        await bench._client.delete(run)
        return await waiting

    assert bench.loop.run_until_complete(both()).status_code == 404
    assert bench.now() - DAWN < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("wait-merged=true&wait=0", 500, "Internal problem; see system logs.\n"),
        ("wait-merged=true&wait=soon", 500, "Internal problem; see system logs.\n"),
        ("wait-merged=true&wait=-1", 400, "Wait time must be >= 0\n"),
        ("wait-merged=true&wait-local=true", 400, "Cannot wait on local and merged results\n"),
    ],
)
def test_a_poll_that_makes_no_sense_is_refused(bench, query, status, text):
    """The refusals are those of the recordings g05c to g05f."""
    href = bench.first_run(bench.post(nap_task()))["href"]

    assert answer(bench.get(f"{href}?{query}")) == (status, "text/plain; charset=utf-8", text)


@pytest.mark.parametrize("name", [NOBODY, "xyzzy", "first/result"])
def test_a_run_that_does_not_exist_is_404_at_once(bench, name):
    """It is not waited for (recordings g19, g21, g22 and i10)."""
    href = bench.post(nap_task())

    assert bench.get(f"{href}/runs/{name}?wait-merged=true").status_code == 404
    assert bench.elapsed == 0


def test_the_runs_of_a_task_that_does_not_exist_are_none(bench):
    """They are an empty list with 200 (recording d13), but a malformed name is 404 (recording d15)."""
    assert bench.get(f"tasks/{NOBODY}/runs").json() == []
    assert bench.get("tasks/zzz/runs").status_code == 404


def test_the_next_run_is_there_until_it_is_over(bench):
    """Afterwards there is none (recordings e06 and e09), while the first stays (e08)."""
    href = bench.post(nap_task())
    first = bench.first_run(href)

    assert bench.get(f"{href}/runs/next", wait=1).json()["href"] == first["href"]
    bench.finished_run(href)
    assert bench.get(f"{href}/runs/next", wait=0).status_code == 404
    assert bench.first_run(href)["state"] == "finished"


def test_a_result_that_does_not_exist_yet_is_not_waited_for(bench):
    """It is 404 after a quarter of a second, and with ``wait`` null or 500 (recordings g01 to g05)."""
    href = bench.first_run(bench.post(nap_task()))["result-href"]

    for query in ("", "?wait-merged=True", "?format=text/plain"):
        assert answer(bench.get(href + query)) == (404, "text/plain; charset=utf-8", "Resource not found.\n")
        assert bench.elapsed == pytest.approx(0.25)
    assert answer(bench.get(f"{href}?wait=true")) == (200, "application/json", "null\n")
    assert bench.get(f"{href}?wait=true&format=text/html").status_code == 500
    assert bench.elapsed == 0


def test_a_result_is_given_in_the_form_that_is_wanted(bench):
    """The Accept header does not count; every form says who measured (recordings g10 to g14 and g23)."""
    run = bench.finished_run(bench.post(nap_task()))
    href = run["result-href"]
    plain = f"Duration ... PT10S\nData ....... null\nMeasured by {SIGNATURE}\n"

    assert bench.request("GET", href, headers={"Accept": "text/plain"}).json() == run["result-merged"]
    assert answer(bench.get(href, format="application/json"))[:2] == (200, "application/json")
    assert answer(bench.get(href, format="text/plain")) == (200, "text/plain; charset=utf-8", plain)
    assert answer(bench.get(href, format="application/xml"))[::2] == (400, "Unsupported format application/xml\n")


def test_a_form_that_a_test_does_not_have_is_a_500(bench):
    """One format that fails says nothing about the others (recording g-m-thr-result-html)."""
    href = bench.finished_run(bench.post(nap_task()))["result-href"]

    assert answer(bench.get(href, format="text/html")) == (
        500,
        "text/plain; charset=utf-8",
        "Failed to format result: Unsupported format text/html\n\n",
    )


def test_a_failed_run_says_so_in_every_form(bench):
    """Its state is failed, its merged result not signed (recordings of f-dnsfail, f-noopfail and g-noopfail)."""
    run = bench.finished_run(bench.post(nap_task(spec={"fail": "no sheep"})))
    href = run["result-href"]

    assert (run["state"], run["errors"], run["result"]["error"]) == ("failed", "tool: it failed", "no sheep")
    assert run["result-merged"] == {"succeeded": False}
    assert set(run) == {*RUN_KEYS, "clock-survey"}
    assert answer(bench.get(href)) == (200, "application/json", '{"succeeded":false}\n')
    assert answer(bench.get(href, format="text/plain"))[1:] == ("text/plain; charset=utf-8", "Run failed.\n")
    assert answer(bench.get(href, format="text/html"))[1:] == ("text/html; charset=utf-8", "<p>Run failed.</p>\n")


def test_a_test_that_breaks_is_a_failed_run(bench):
    """The error's text is the run's error, its traceback the diagnostics."""
    run = bench.finished_run(bench.post(nap_task(spec={"raise": "fell out of bed"})))

    assert (run["state"], run["result-merged"]) == ("failed", {"succeeded": False})
    assert run["result"]["error"] == "fell out of bed"
    assert "ValueError: fell out of bed" in run["errors"]
    assert "Traceback" in run["result-full"][0]["diags"]


def test_a_test_that_gives_nothing_is_a_failed_run(bench):
    """A run must come to an end, whatever a test does."""
    run = bench.finished_run(bench.post(nap_task(spec={"nothing": True})))

    assert (run["state"], run["result"]["error"]) == ("failed", "The test ended without a result.")


def test_several_results_are_further_runs(bench):
    """The lead run spans the test and carries nothing, each result is a run of its own (recordings of group h)."""
    href = bench.post(nap_task("PT15S", kind="naps"))
    lead = bench.first_run(href)
    bench.wait(4 + 11)
    assert len(bench.get(f"{href}/runs").json()) == 3
    bench.wait(10)
    every = [bench.get(run).json() for run in bench.get(f"{href}/runs").json()]

    assert [run["state"] for run in every] == ["finished"] * 4
    assert every[0]["href"] == lead["href"]
    assert every[0]["result"] is every[0]["result-full"] is every[0]["result-merged"] is None
    assert [run["result-merged"]["nap"] for run in every[1:]] == [0, 1, 2]
    assert list(every[1]) == RUN_KEYS
    assert (every[1]["duration"], every[1]["priority"], every[1]["limit-diags"]) == ("P0D", 0, None)
    assert every[1]["start-time"] == every[1]["end-time"] == every[1]["added"]
    assert every[1]["result"] is every[1]["result-full"] is every[1]["participant-data"] is None
    assert (
        bench.get(every[1]["result-href"], format="text/html").text == f"<p>Nap 0</p>\n<p>Measured by {SIGNATURE}</p>\n"
    )


def test_polls_for_runs_of_several_results_are_waited_out(bench):
    """Neither the lead run nor a further one ever has everything (recordings h16 and h18)."""
    href = bench.post(nap_task("PT5S", kind="naps"))
    bench.first_run(href)
    bench.wait(20)

    for run in bench.get(f"{href}/runs").json():
        assert bench.get(run, wait_merged="true", wait=2).json()["state"] == "finished"
        assert bench.elapsed == pytest.approx(2)


def test_several_results_of_a_test_that_breaks_end_with_a_failed_lead_run(bench):
    """What was measured before stays."""
    href = bench.post(nap_task("PT15S", kind="naps", spec={"raise": 1}))
    bench.first_run(href)
    bench.wait(30)
    every = [bench.get(run).json() for run in bench.get(f"{href}/runs").json()]

    assert [run["state"] for run in every] == ["failed", "finished"]
    assert "woken up" in every[0]["errors"]
    assert every[0]["result-merged"] is None


def test_the_list_of_runs_can_be_narrowed(bench):
    """``limit`` and ``upcoming`` work as recorded (h14 and h15), ``start`` and ``end`` by time."""
    href = bench.post(nap_task("PT15S", kind="naps"))
    lead = bench.first_run(href)
    assert bench.get(f"{href}/runs", upcoming="true").json() == [lead["href"]]
    bench.wait(30)
    every = bench.get(f"{href}/runs").json()

    assert bench.get(f"{href}/runs", limit=2).json() == every[:2]
    assert bench.get(f"{href}/runs", upcoming="true").json() == []
    assert bench.get(f"{href}/runs", start=at(11)).json() == every[2:]
    assert bench.get(f"{href}/runs", end=at(11)).json() == every[1:2]
    assert bench.get(f"{href}/runs", start="soon").status_code == 500


def test_a_cancelled_run_is_gone_and_its_task_stays(bench):
    """A run can be cancelled alone (recordings i42 to i44), and a finished one stays as it is."""
    task = bench.post(nap_task(schedule={"start": "PT1H"}))
    run = bench.first_run(task)["href"]
    reply = bench.delete(run)
    done = bench.finished_run(bench.post(nap_task()))
    bench.delete(done["href"])

    assert answer(reply) == (200, "text/html; charset=utf-8", "OK\n")
    assert (bench.get(run).status_code, bench.get(f"{task}/runs").json()) == (404, [])
    assert bench.get(task, detail="true").json()["detail"]["enabled"] is True
    assert bench.get(done["href"]).json() == done


def test_secrets_in_results_need_the_key(bench):
    """Without it they are null in every form, with a wrong one there is nothing (recordings j07, j10 and j23)."""
    run = bench.finished_run(bench.post(nap_task(_key="s3cret", spec={"data": {"_pw": "hunter2", "open": 1}})))
    href = run["result-href"]

    assert run["result-merged"]["data"] == {"_pw": None, "open": 1}
    assert "hunter2" not in bench.get(href).text + bench.get(href, format="text/plain").text
    assert bench.get(run["href"], key="s3cret").json()["result-merged"]["data"]["_pw"] == "hunter2"
    assert bench.get(href, key="s3cret").json()["data"]["_pw"] == "hunter2"
    assert "hunter2" in bench.get(href, key="s3cret", format="text/plain").text
    assert [bench.get(url, key="no").status_code for url in (run["href"], href, f"{run['task-href']}/runs/first")] == [
        *(403, 403, 403)
    ]


def test_nothing_is_archived_and_the_run_says_so(bench):
    """The archivings have the recorded keys (j11), appear with the result, and hide the secrets."""
    archive = {"archiver": "http", "data": {"_url": "https://example.net/", "op": "put"}}
    href = bench.post(nap_task(schema=2, archives=[archive]))
    assert "archivings" not in bench.first_run(href)
    run = bench.finished_run(href)
    (archiving,) = run["archivings"]

    assert set(run) == {*RUN_KEYS, "archivings"}
    assert set(archiving) == {
        *("spec", "diags", "archived", "archiver", "completed", "last_attempt", "archiver_data"),
    }
    assert (archiving["archived"], archiving["completed"]) == (False, True)
    assert archiving["spec"] == {"data": {"op": "put", "_url": None}, "runs": "succeeded", "archiver": "http"}
    assert archiving["diags"][0]["stdout"]["error"] == "The embedded server of pscheduler-batch archives nothing."
    assert archiving["diags"][0]["stderr"] == archiving["diags"][0]["stdout"]["error"]


def test_a_result_can_be_discarded(bench):
    """That is what the only archiver of the server does."""
    run = bench.finished_run(bench.post(nap_task(archives=[{"archiver": "bitbucket", "data": {}}])))
    (archiving,) = run["archivings"]

    assert (archiving["archived"], archiving["archiver"]["description"]) == (True, "Discard results")
    assert archiving["diags"][0]["stdout"] == {"succeeded": True}
