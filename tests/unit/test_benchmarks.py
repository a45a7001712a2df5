"""The parts of the benchmarks: figures and guards are right, and the floor makes the same requests as the batch."""

from __future__ import annotations

import json
import socket
import ssl
import sys
from dataclasses import replace
from urllib.parse import quote

import pytest

from benchmarks.batches import runs_batch
from benchmarks.cases.extent import Extent
from benchmarks.cases.limits import SPEED, Done, best_limit, count_results, run_limited, small_batch
from benchmarks.cases.runs import count_requests, run_batch, run_floor
from benchmarks.cases.starts import spread
from benchmarks.command import main
from benchmarks.figures import Limit, Row
from benchmarks.guard import complaints
from benchmarks.measuring import BenchmarkError, by_turns, read_status, run_program
from benchmarks.replies import FIRST, HTML, PLAIN, POST, Pages, Request
from benchmarks.server import Setting, read_head
from benchmarks.serving import serving, serving_small
from benchmarks.table import render_json, render_markdown, render_text
from tests.support.recorded_exchanges import RECORDED, shape

ROW = Row("b", "runs", figures=(8.0, 2.0, 3.0), floors=(1.0, 5.0, 1.5), target=Limit(4), guard=6.0)
FAILED = Row("e", "memory", trouble="it ended with\nstatus 1")
MACHINE = {"machine": "a fast one"}
HOST = "127.0.0.1:4443"
NOON = 1_772_366_400.0


def get(pages, target, now=NOON):
    """Send a request to the pages and return the response."""
    return pages.answer(Request("GET", target, HOST), now)


def post(pages, now=NOON, **schedule):
    """Post a task and return the path of its URL."""
    body = json.dumps({"test": {"type": "idle", "spec": {}}, "schedule": schedule}).encode()
    href = json.loads(pages.answer(Request("POST", "/pscheduler/tasks", HOST, body), now).body)
    return href[len(f"https://{HOST}") :]


def recorded(name):
    """Return the JSON of a recorded response."""
    return json.loads((RECORDED / f"{name}.json").read_text())["json"]


def ask(host, request):
    """Send something to a server and read until it closes the connection."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    name, _, port = host.rpartition(":")
    with socket.create_connection((name, int(port)), 30) as plain, tls.wrap_socket(plain) as secured:
        secured.sendall(request)
        return b"".join(iter(lambda: secured.recv(65536), b""))


def test_a_ratio_is_that_of_the_medians():
    """A single slow run does not change the figure."""

    assert (ROW.figure, ROW.floor, ROW.ratio) == (3.0, 1.5, 2.0)


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Limit(2), True),
        (Limit(1.9), False),
        (Limit(3, of="figure"), True),
        (Limit(2.9, of="figure"), False),
        (None, None),
    ],
)
def test_a_target_is_met_by_the_ratio_or_by_the_figure(target, met):
    """A target limits the ratio or the figure."""

    assert replace(ROW, target=target).is_met is met


def test_a_target_of_what_was_not_measured_is_neither_met_nor_missed():
    """Without measurements there is no figure, no ratio and no verdict."""

    assert Row("b", "runs", target=Limit(4)).is_met is None


def test_the_table_has_each_figure_beside_its_floor():
    """The columns are in order, and the machine is below them."""
    text = render_text([replace(ROW, counts={"requests per run": 4.0, "share": 0.25})], MACHINE)
    row = " ".join(text.splitlines()[1].split())

    assert row == "b runs 3.00 s 1.50 s 2.0 x 4 x met requests per run 4, share 0.25"
    assert text.endswith("machine: a fast one\n")


@pytest.mark.parametrize("render", [render_text, render_markdown])
def test_a_table_says_on_one_line_why_something_was_not_measured(render):
    """A row that failed has a reason instead of figures."""
    (line,) = [line for line in render([ROW, FAILED], MACHINE).splitlines() if "memory" in line]

    assert "failed" in line
    assert "it ended with status 1" in line


def test_markdown_has_as_many_cells_in_each_line():
    """A vertical bar in a text does not start another cell."""
    table = render_markdown([replace(ROW, what="this|that")], {}).strip().splitlines()

    assert len({line.replace("\\|", "").count("|") for line in table}) == 1


def test_json_has_all_that_is_known():
    """The output has the single measurements and the values derived from them."""
    (row,) = json.loads(render_json([ROW], MACHINE))["rows"]

    assert row["figures"] == [8.0, 2.0, 3.0]
    assert (row["ratio"], row["is_met"]) == (2.0, True)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (replace(ROW, guard=1.5), "2.0 times the floor; the limit is 1.5"),
        (replace(ROW, floors=()), "no ratio"),
        (replace(ROW, counts={"look-ups": 3}, count_guards={"look-ups": 1}), "look-ups: 3; the limit is 1"),
        (replace(ROW, count_guards={"look-ups": 1}), "look-ups were not counted"),
        (FAILED, "it ended with"),
    ],
)
def test_the_guard_says_what_is_off(row, said):
    """The guard reports a ratio, a count, or a failed measurement."""
    (complaint,) = complaints([ROW, row])

    assert said in complaint
    assert complaint.startswith(f"({row.case}) {row.what}: ")


def test_the_guard_knows_no_times():
    """A slow machine is not an error, and a missed target is not clearly off."""
    slow = replace(ROW, figures=(8000.0,), floors=(4000.0,), target=Limit(1, of="figure"))

    assert complaints([slow]) == []


def test_measurements_take_turns():
    """Other load affects both measurements."""
    order = []
    ones, others = by_turns(lambda: order.append("a") or "a", lambda: order.append("b") or "b", 3)

    assert "".join(order) == "abbaab"
    assert (ones, others) == (["a"] * 3, ["b"] * 3)


def test_a_measurement_that_fails_is_a_row_that_says_so():
    """The other rows are still measured."""
    told = []

    def fail(_row):
        raise BenchmarkError("no server")

    row = Extent(short=True, repeat=None, tell=told.append).row(Row("b", "runs"), fail)

    assert row.trouble == "no server"
    assert told == ["(b) runs"]


@pytest.mark.parametrize(("short", "repeat", "times"), [(False, None, 5), (True, None, 2), (True, 7, 7)])
def test_how_often_something_is_measured_can_be_said(short, repeat, times):
    """A short run measures less often, unless the number is given."""

    assert Extent(short=short, repeat=repeat, tell=print).times(5) == times


def test_a_program_is_measured():
    """A program is measured by time, memory and output."""
    taken = run_program([sys.executable, "-c", "print(input())"], b"hello\n", keep_output=True)

    assert taken.stdout == b"hello\n"
    assert taken.cpu_seconds > 0
    assert taken.seconds > 0
    assert 1 < taken.megabytes < 1000


def test_a_program_that_fails_is_quoted():
    """The error quotes the last line of standard error."""
    with pytest.raises(BenchmarkError, match=r"-c .* ended with status 1: ValueError: no$"):
        run_program([sys.executable, "-c", "raise ValueError('no')"])


def test_the_state_of_a_process_is_read_number_by_number():
    """Fields that are not numbers are left out."""

    assert read_status("Name:\tpython\nVmHWM:\t  2048 kB\nCpus:\t\n") == {"VmHWM": 2048}


def test_the_head_of_a_request_is_read_whatever_the_case_of_its_names():
    """Field names are case-insensitive."""
    request, length = read_head(b"POST /x HTTP/1.1\r\nhOsT: a:1\r\nCONTENT-LENGTH: 7")

    assert (request.method, request.target, request.host, length) == ("POST", "/x", "a:1", 7)


@pytest.mark.parametrize(
    ("after", "name"), [(0.5, "first-runs/g31-first"), (2.0, "runs/t-idle2-waitmerged")], ids=["at once", "when done"]
)
def test_the_server_describes_runs_as_recorded(after, name):
    """Keys, their order and types are those of real servers, and so is the state except just before the start."""
    pages = Pages(length=1.0)
    described = json.loads(get(pages, f"{post(pages)}/runs/first", NOON + after).body)
    expected = {**recorded(name), "state": described["state"], "state-display": described["state-display"]}

    assert shape(described) == shape(expected)
    assert described["state"] == ("running" if after < 1 else "finished")


def test_the_server_names_participants_as_recorded():
    """The only participant is the host of the spec, or null."""
    named = [
        json.loads(get(Pages(), f"/pscheduler/tests/idle/participants?spec={quote(json.dumps(spec))}").body)
        for spec in ({}, {"host": "127.0.0.1"})
    ]

    assert [participants["participants"] for participants in named] == [
        recorded("participants/b10-part-idle")["participants"],
        recorded("participants/b11-part-idle-host")["participants"],
    ]


def test_a_run_is_waited_for_until_it_is_done_or_the_time_is_up():
    """A long poll waits for the run, requested by its URL or as the first run."""
    pages = Pages(length=5.0)
    task = post(pages)
    run = json.loads(get(pages, f"{task}/runs/first").body)["href"][len(f"https://{HOST}") :]
    first = get(pages, f"{task}/runs/first?wait-merged=true&wait=30")
    short, long = (get(pages, f"{run}?wait-merged=true&wait={wait}") for wait in (2, 30))

    assert (short.delay, json.loads(short.body)["state"]) == (2.0, "running")
    assert (long.delay, json.loads(long.body)["state"]) == (5.0, "finished")
    assert (first.delay, first.body) == (long.delay, long.body)


def test_a_task_starts_when_its_schedule_says():
    """The run starts at the start of its task as well."""
    pages = Pages()
    task = post(pages, start="2026-03-01T12:00:10+00:00")
    before, after = (json.loads(get(pages, f"{task}/runs/first", NOON + passed).body) for passed in (9, 10))

    assert before["start-time"] == "2026-03-01T12:00:10+00:00"
    assert (before["state"], after["state"]) == ("running", "finished")


def test_a_result_is_there_when_the_run_is_done():
    """Before the end of the run it is a 404 (recording g01); its size is the requested one."""
    pages = Pages(length=1.0, result_bytes=60_000)
    task = post(pages)
    document = get(pages, f"{task}/runs/first", NOON + 1)
    target = f"{json.loads(document.body)['result-href'][len(f'https://{HOST}') :]}?format=text%2Fplain"

    assert get(pages, target).status == "404 NOT FOUND"
    assert get(pages, target, NOON + 1).media_type == "text/plain; charset=utf-8"
    assert 50_000 < len(json.dumps(json.loads(document.body)["result-merged"])) < 70_000


def test_the_floor_client_makes_the_requests_of_a_batch():
    """Otherwise it would not be a floor; if this fails, update the steps of the floor client."""
    runs = 4
    with serving(Setting(hosts=2)) as server:
        batch = run_batch(server, runs_batch(server.hosts, runs, parallel=True), runs)
        floor = run_floor(server, runs)

    assert batch.counted.kinds == floor.counted.kinds
    assert {kind: batch.counted.kinds[kind] for kind in (POST, FIRST, PLAIN, HTML)} == dict.fromkeys(
        (POST, FIRST, PLAIN, HTML), runs
    )
    assert batch.counted.connections == floor.counted.connections == batch.counted.requests


def test_connections_are_kept_where_the_server_keeps_them():
    """The floor client needs one connection for the participants and one per thread; each is counted once."""
    with serving(Setting(keep=True)) as server:
        done = run_floor(server, 6, at_once=1)
        again = server.count()

    assert (done.counted.requests, done.counted.connections) == (25, 2)
    assert (again.requests, again.connections) == (0, 0)
    assert count_requests([done], 6)[0]["requests per run"] == 4


@pytest.mark.parametrize(
    ("request_line", "status"),
    [("GET /pscheduler/nosuch", b"404 NOT FOUND"), ("GET /pscheduler/tests/idle/participants", b"400 BAD REQUEST")],
)
def test_the_server_outlives_what_it_does_not_know(request_line, status):
    """The server says so, closes the connection, and responds to the next request."""
    with serving(Setting()) as server:
        for _ in range(2):
            said = ask(server.hosts[0], f"{request_line} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

            assert said.split(b"\r\n")[0] == b"HTTP/1.1 " + status


def test_the_spread_of_starts_is_that_of_those_with_a_free_slot():
    """POSTs without a free slot wait."""

    assert spread([[2.0, 1.0, 9.0], [5.0]], slots=2) == 1000.0


def test_the_best_fixed_limit_is_the_fastest_that_loses_nothing():
    """By the median; a limit that lost something once is no good, however fast it is."""
    rounds = [
        {1: Done(5.0, 0), 2: Done(4.0, 0), 8: Done(1.0, 0)},
        {1: Done(5.0, 0), 2: Done(9.0, 0), 8: Done(1.0, 3)},
        {1: Done(5.0, 0), 2: Done(4.0, 0), 8: Done(1.0, 0)},
    ]

    assert best_limit(rounds) == 2
    with pytest.raises(BenchmarkError, match="every fixed limit lost results"):
        best_limit([{8: Done(1.0, 3)}])


def test_results_of_runs_that_failed_or_never_were_are_none():
    """Only iterations all of whose runs succeeded count."""
    runs = [{"application/json": {"succeeded": succeeded}} for succeeded in (True, False)]
    results = [{"runs": runs[:1]}, {"runs": runs}, {"runs": []}, {"runs": runs[:1] * 2}]

    assert count_results({"jobs": [{"results": results}]}) == 2


@pytest.mark.parametrize("setup", [None, 1.0])
def test_a_small_server_runs_a_batch(setup):
    """With a fixed limit as well, and every POST is counted once."""
    with serving_small(SPEED) as server:
        done = run_limited(small_batch(2, setup), server.host, 2, 1)
        posts = [server.count_posts() for _ in range(2)]

    assert done.lost == 0
    assert posts == [2, 0]


@pytest.mark.parametrize("limit", [8, 3])
def test_a_fixed_limit_is_fixed(limit):
    """From the first request on, however slow the server is; it is slower than the client on a busy machine."""
    with serving(Setting(post_delay=1.0)) as server:
        run_limited(runs_batch(server.hosts, 2 * limit, parallel=True), server.hosts[0], 2 * limit, limit)
        counted = server.count()

    assert counted.open_at_once == limit


def test_a_case_is_measured_by_the_command(capsys):
    """A short run plans; each script is compiled alone, and all of them once together with ``$global``."""
    status = main(["--case", "a", "--short", "--repeat", "1", "--json"])
    said = capsys.readouterr()
    rows = json.loads(said.out)["rows"]

    assert (status, [row["trouble"] for row in rows]) == (0, [None] * 4), said.err
    assert [row["counts"].get("compilations") for row in rows] == [4, 4, 4, None]


@pytest.mark.parametrize(
    "arguments", [["--case", "z"], ["--repeat", "0"], ["--repeat", "often"], ["--json", "--markdown"]]
)
def test_wrong_options_are_refused(arguments, capsys):
    """The exit status is 2 and a line describes the error."""
    with pytest.raises(SystemExit) as refusal:
        main(arguments)

    assert refusal.value.code == 2
    assert arguments[0] in capsys.readouterr().err
