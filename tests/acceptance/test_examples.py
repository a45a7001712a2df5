"""Run every example with the real command on the embedded server: examples/ and tests/examples/good/."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Sequence

import isodate
import pytest

from pscheduler_batch.iso8601 import parse_timestamp
from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.drawings.matrix import matrices_of
from pscheduler_batch.report.job_runs import job_runs_of
from pscheduler_batch.scheduler.tasks import MARK

ROOT = Path(__file__).parents[2]
EXAMPLES = [*sorted((ROOT / "examples").glob("*.json")), *sorted((ROOT / "tests" / "examples" / "good").glob("*.json"))]
FORMATS = ("application/json", "text/plain", "text/html")

# Formats that pScheduler's tests do not have (recording g-m-thr-result-html).
UNSUPPORTED = {"throughput": ("text/html",)}

# Most of an example's time is waiting, so some of them run at once; more would make a small machine late.
AT_ONCE = 4
LONGEST = 60

Done = subprocess.CompletedProcess
Promise = Callable[[Any], None]


@pytest.fixture(scope="module")
def outputs(request) -> Iterator[Callable[[Path], Done[str]]]:
    """Run the selected examples, a few at a time, and return a function for the outcome of one."""
    wanted = {item.callspec.params["example"] for item in request.session.items if _is_for_an_example(item)}
    with ThreadPoolExecutor(AT_ONCE) as executor:
        running: Dict[Path, Future[Done[str]]] = {path: executor.submit(run, path) for path in sorted(wanted)}
        try:
            yield lambda path: running[path].result()
        finally:
            for future in running.values():
                future.cancel()


def _is_for_an_example(item: pytest.Item) -> bool:
    return getattr(item, "module", None) is sys.modules[__name__] and "example" in getattr(item, "fixturenames", ())


def environ_of_a_user() -> Dict[str, str]:
    """Return the environment without the variables of the command; the embedded server does not need BETA."""
    return {name: value for name, value in os.environ.items() if name != "BETA" and not name.startswith("PSCHEDULER_")}


def run(path: Path) -> Done[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "pscheduler_batch", "--embedded", str(path)],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
        cwd=ROOT,
        env=environ_of_a_user(),
    )


def without_comments(value: Any) -> Any:
    """Return a document without the pairs whose names begin with #."""
    if isinstance(value, dict):
        return {name: without_comments(item) for name, item in value.items() if not name.startswith("#")}
    if isinstance(value, list):
        return [without_comments(item) for item in value]
    return value


def without_mark(task: Any) -> Any:
    """Return a task without its mark, and without a reference that has nothing else."""
    if not isinstance(task["reference"], dict):
        return task
    reference = {name: value for name, value in task["reference"].items() if name != MARK}
    assert len(reference) == len(task["reference"]) - 1
    rest = {name: value for name, value in task.items() if name != "reference"}
    return {**rest, "reference": reference} if reference else rest


def name_of(path: Path) -> str:
    """Return the name under which the check of an example is registered."""
    return path.stem


def runs_of(job: Any) -> List[Any]:
    """Return the runs of a job's iterations, in order."""
    return [run for result in job["results"] for run in result["runs"]]


def json_of(job: Any) -> List[Any]:
    """Return the JSON results of a job's runs, in order."""
    return [run["application/json"] for run in runs_of(job)]


def specs_of(job: Any) -> List[Any]:
    """Return the submitted specs, in order."""
    return [result["task"]["test"]["spec"] for result in job["results"]]


def duration_of(document: Any) -> timedelta:
    """Return the duration of the batch."""
    took = isodate.parse_duration(document["batch"]["duration"])
    assert isinstance(took, timedelta)
    return took


# What each example promises beyond what all of them do: by the name of its file, a function that checks the output.


def promise_rtt(document: Any) -> None:
    """Three rtt measurements, of 2, 4 and 6 packets."""
    assert [result["sent"] for result in json_of(document["jobs"][0])] == [2, 4, 6]


def promise_document_rtt_sweep(document: Any) -> None:
    """The counts of the document are requested and measured."""
    (job,) = document["jobs"]
    counts = [5, 10, 15, 20, 25]
    assert [spec["count"] for spec in specs_of(job)] == counts
    assert [len(result["roundtrips"]) for result in json_of(job)] == counts


def promise_document_different_in_parallel(document: Any) -> None:
    """Several latency results and one of throughput, the two at the same time."""
    latency, throughput = document["jobs"][0]["results"]
    assert [latency["task"]["test"]["type"], throughput["task"]["test"]["type"]] == ["latencybg", "throughput"]
    assert len(latency["runs"]) >= 6
    assert len(throughput["runs"]) == 1
    assert throughput["runs"][0]["application/json"]["summary"]["summary"]["throughput-bits"] > 0
    assert duration_of(document) < timedelta(seconds=2 + 8 + 4)


def promise_latency_under_load(document: Any) -> None:
    """Round trips before, during and after a throughput test, of which the report knows which are which."""
    pings, throughput = document["jobs"][0]["results"]
    assert len(pings["runs"][0]["application/json"]["roundtrips"]) == 100
    assert len(throughput["runs"][0]["application/json"]["summary"]["streams"]) == 4
    rtt = next(job for job in report_of(document).jobs if job.test == "rtt")
    assert rtt.idle >= 10
    assert rtt.loaded > 0
    assert rtt.metrics["rtt-loaded-p95"] > 0
    increase = rtt.metrics["rtt-loaded-median"] - rtt.metrics["rtt-idle-median"]
    assert rtt.metrics["rtt-increase"] == pytest.approx(increase, abs=1e-9)


def promise_serial_sweep(document: Any) -> None:
    """One iteration for each size, each with packets of that size and the 8 bytes that ICMP adds."""
    (job,) = document["jobs"]
    sizes = document["global"]["data"]["sizes"]
    assert [spec["length"] for spec in specs_of(job)] == sizes
    measured = [{trip["length"] for trip in result["roundtrips"]} for result in json_of(job)]
    assert measured == [{size + 8} for size in sizes]


def promise_two_parameters(document: Any) -> None:
    """Each number of streams with each size of blocks, as a matrix."""
    data = document["global"]["data"]
    pairs = [(streams, block) for streams in data["streams"] for block in data["blocks"]]
    assert [(spec["parallel"], spec["buffer-length"]) for spec in specs_of(document["jobs"][0])] == pairs
    (matrix,) = matrices_of(job_runs_of(report_of(document).rows))
    assert (matrix.title, matrix.axes) == ("Throughput", ("parallel", "buffer-length"))
    assert all(cell.shade is not None for _, cells in matrix.rows for cell in cells)


def promise_parallel_backoff(document: Any) -> None:
    """Four of two seconds each, half a second apart: longer than all at once, shorter than in series."""
    (job,) = document["jobs"]
    assert len(job["results"]) == 4
    assert all("start" not in result["task"]["schedule"] for result in job["results"])
    assert timedelta(seconds=3 * 0.5 + 2) < duration_of(document) < timedelta(seconds=4 * 2)


def promise_synchronized_start(document: Any) -> None:
    """One start for all, the setup time after the start of the batch."""
    (job,) = document["jobs"]
    starts = {result["task"]["schedule"]["start"] for result in job["results"]}
    assert len(job["results"]) == 3
    assert len(starts) == 1
    after = datetime.fromisoformat(starts.pop()) - datetime.fromisoformat(document["batch"]["start"])
    assert timedelta(seconds=2) <= after < timedelta(seconds=4)


def promise_tests_by_reference(document: Any) -> None:
    """A different test in each iteration, and the note of the post-transform in each task, beside the mark."""
    results = document["jobs"][0]["results"]
    assert [result["task"]["test"]["type"] for result in results] == ["rtt", "trace", "idle"]
    notes = [{"site": "my-desk", "iteration": number} for number in range(3)]
    assert [without_mark(result["task"])["reference"] for result in results] == notes


def promise_continue_if(document: Any) -> None:
    """The second job ends the batch, so the third has no results."""
    assert [len(job["results"]) for job in document["jobs"]] == [1, 2, 0]


def promise_iterations_by_transform(document: Any) -> None:
    """Two hosts, twice each, alternately."""
    hosts = [spec["dest"] for spec in specs_of(document["jobs"][0])]
    assert hosts == ["127.0.0.1", "localhost"] * 2


def promise_several_results(document: Any) -> None:
    """A result of the first job after each whole second, and one of the second job also for the half second left."""
    assert [[len(result["runs"]) for result in job["results"]] for job in document["jobs"]] == [[3], [4]]
    for job in document["jobs"]:
        lead_run = job["results"][0]["lead-run"]
        start, end = (parse_timestamp(lead_run[name]) for name in ("start-time", "end-time"))
        assert end - start >= timedelta(seconds=3.5)


def promise_expectations(document: Any) -> None:
    """What the expectations beside it are about; tests/acceptance/test_expectations.py judges them."""
    assert [len(runs_of(job)) for job in document["jobs"]] == [3, 1]


def promise_labels_repeat(document: Any) -> None:
    """Each job has its own results."""
    durations = [[spec["duration"] for spec in specs_of(job)] for job in document["jobs"]]
    assert durations == [["PT0.1S"], ["PT0.2S", "PT0.2S"], ["PT0.3S"]]


def promise_task_replaced_whole(document: Any) -> None:
    """The tasks of the global data, each with a schedule and a mark."""
    tasks = [{**task, "schedule": {}} for task in document["global"]["data"]["tasks"]]
    assert [without_mark(result["task"]) for result in document["jobs"][0]["results"]] == tasks


def promise_test_filled_from_reference(document: Any) -> None:
    """The pre-transform fills empty tasks and does not change others."""
    assert [specs_of(job)[0]["duration"] for job in document["jobs"]] == ["PT0.1S", "PT0.2S"]


def promise_continue_if_succeeded(document: Any) -> None:
    """All three jobs run."""
    assert [len(job["results"]) for job in document["jobs"]] == [1, 1, 1]


def promise_archives_contexts_debug(document: Any) -> None:
    """The task is submitted unchanged, except for the mark and the schedule."""
    (job,) = document["jobs"]
    expected = {**job["task"], "schedule": {"slip": "PT5M", "sliprand": False}}
    assert without_mark(job["results"][0]["task"]) == expected


def promise_secrets(document: Any) -> None:
    """The secrets are in the tasks and in no result."""
    (job,) = document["jobs"]
    assert job["results"][0]["task"]["_key"] == "swordfish-of-the-task"
    assert "swordfish" not in json.dumps(runs_of(job))


def promise_disabled_with_mistakes(document: Any) -> None:
    """Only the last job runs, and the others are unchanged in the output."""
    assert [len(job["results"]) for job in document["jobs"]] == [0, 0, 1]


def promise_switched_off_pairs(document: Any) -> None:
    """Disabled pairs have no effect."""
    assert [result["duration"] for result in json_of(document["jobs"][0])] == ["PT0.1S", "PT0.1S"]


def promise_array_of_tasks(document: Any) -> None:
    """Three tasks in their order, whichever finishes first."""
    results = document["jobs"][0]["results"]
    assert [result["task"]["reference"] for result in results] == ["first-0", "second-1", "third-2"]


def promise_numbers_survive(document: Any) -> None:
    """The number is exactly the same in the input and in the task."""
    (job,) = document["jobs"]
    assert job["results"][0]["task"]["reference"]["serial"] == 9007199254740993


PROMISES: Dict[str, Promise] = {
    name[len("promise_") :].replace("_", "-"): check
    for name, check in tuple(globals().items())
    if name.startswith("promise_")
}


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_example_succeeds_without_a_word(example, outputs):
    """The command exits with 0 and prints only warnings."""
    done = outputs(example)
    # What is shown of the input under a warning is indented.
    said = [line for line in done.stderr.splitlines() if ": warning: " not in line and not line.startswith(" ")]

    assert (done.returncode, said) == (0, []), done.stdout[-2000:]


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_output_is_the_input_with_results(example, outputs):
    """Without its results and the batch pair, the output is the input without its comments."""
    document = json.loads(outputs(example).stdout)
    del document["batch"]
    for job in document["jobs"]:
        del job["results"]

    assert document == without_comments(json.loads(example.read_text(encoding="utf-8")))


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_every_result_has_its_task_and_all_formats_of_its_runs(example, outputs):
    """Each result has a complete task and at least one run that succeeded, in every format of its test."""
    jobs = json.loads(outputs(example).stdout)["jobs"]
    for result in (result for job in jobs for result in job["results"]):
        several = {"lead-run"} if result["task"]["test"]["type"] in {"idlebgm", "latencybg"} else set()
        assert set(result) == {"task", "runs", *several}
        assert set(result["task"]["test"]) == {"type", "spec"}
        assert result["runs"]
        for found in result["runs"]:
            check_formats(found, UNSUPPORTED.get(result["task"]["test"]["type"], ()))


def check_formats(found: Any, unsupported: Sequence[str]) -> None:
    """Check that a run has every format, except those that pScheduler does not have, for which it gives a reason."""
    errors = found.pop("errors", {})
    assert set(found.pop("run")) == {"href", "state", "start-time", "end-time", "participants"}
    assert set(found) == set(FORMATS)
    assert found["application/json"]["succeeded"] is True
    for name in FORMATS[1:]:
        if name in unsupported:
            assert found[name] is None
            assert "Unsupported format" in errors.pop(name)
        else:
            assert isinstance(found[name], str)
            assert found[name]
    assert errors == {}


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_example_keeps_its_promise(example, outputs):
    """The output shows what the example is about."""
    document = json.loads(outputs(example).stdout)

    PROMISES[example.stem](document)


def test_every_promise_is_of_an_example():
    """Every registered check belongs to an example, and no two examples have the same name."""
    names = [path.stem for path in EXAMPLES]

    assert not [(one, other) for one, other in combinations(names, 2) if one == other]
    assert sorted(PROMISES) == sorted(names)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_example_says_what_it_shows(example):
    """Each example has a comment at its top."""
    first, comment = next(
        (name, value)
        for name, value in json.loads(example.read_text(encoding="utf-8")).items()
        if name not in ("schema", "global")
    )

    assert first == "#"
    assert comment


def test_examples_are_all_listed():
    """examples/README.md lists every example."""
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in (ROOT / "examples").glob("*.json") if f"]({path.name})" not in listed]

    assert missing == []
