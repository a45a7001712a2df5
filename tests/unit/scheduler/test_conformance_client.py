"""What the client makes of every answer that was recorded (tests/recorded, docs/conformance.md)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pscheduler_batch.errors import RefusedError
from pscheduler_batch.scheduler import api as rest
from tests.support.recorded_exchanges import WHOLE_TASKS, recorded

TABLE = (Path(__file__).parents[3] / "docs" / "conformance.md").read_text(encoding="utf-8")
EVERY = recorded()
MET = [exchange for exchange in EVERY if "client" in exchange.document]


def run_read(exchange):
    """Read a run; say whether it is over, and why it went wrong if it did."""
    run = rest.decipher_run(exchange.reply, doing="reading", url=exchange.url)
    return {"state": run.state, "final": rest.is_final(run), "reasons": list(rest.reasons_of(run))}


def text_read(exchange):
    """Read an answer that is text."""
    return {"text": rest.decipher_format(exchange.reply, doing="reading", url=exchange.url)}


def document_read(exchange):
    """Read any JSON."""
    return rest.decipher_json(exchange.reply, doing="reading", url=exchange.url)


READERS = {
    "cancellations": text_read,
    "catalog": lambda exchange: {"name": document_read(exchange)["name"]},
    "first-runs": run_read,
    "participants": lambda exchange: {
        "participants": list(rest.decipher_participants(exchange.reply, url=exchange.url))
    },
    "posts": lambda exchange: {"task": rest.decipher_task_href(exchange.reply, url=exchange.url)},
    "results": text_read,
    "run-lists": lambda exchange: {"hrefs": rest.decipher_hrefs(exchange.reply, doing="reading", url=exchange.url)},
    "runs": run_read,
    "tasks": lambda exchange: {"enabled": document_read(exchange)["detail"]["enabled"]},
}


@pytest.mark.parametrize("exchange", MET, ids=lambda exchange: f"{exchange.step}/{exchange.name}")
def test_the_client_understands_every_answer(exchange):
    """What it needs is taken from the answer, or the refusal is in its message with the server's own words."""
    try:
        read, status = READERS[exchange.step](exchange), 200
    except RefusedError as error:
        url = exchange.url.partition("?")[0]
        read, status = {"error": str(error).partition(f"{url} ")[2]}, error.status_code

    assert (read, status) == (exchange.document["client"], exchange.document["status"])


def test_every_exchange_says_what_it_is_to_the_client():
    """Either what the client makes of it, or why it never gets it."""
    wrong = [exchange.name for exchange in EVERY if ("client" in exchange.document) == ("unmet" in exchange.document)]

    assert not wrong
    assert {exchange.step for exchange in EVERY} == set(READERS)


def test_each_recording_is_in_one_place():
    """A file is named after the recording it was written after, and no recording is in two files."""
    names = [name for exchange in EVERY for name in exchange.document["recordings"]]

    assert sorted(names) == sorted(set(names))
    assert all(exchange.document["recordings"][0] == exchange.name for exchange in EVERY)


def test_the_table_and_the_files_agree():
    """docs/conformance.md lists every file, the recordings it stands for, and what it is to the client."""
    rows = re.findall(
        r"^\| ([\w-]+/[\w-]+) \| ([^|]*?) ?\| ([^|]*) \| ([^|]*) \|$",
        TABLE,
        re.MULTILINE,
    )
    expected = [
        (
            f"{exchange.step}/{exchange.name}",
            ", ".join(exchange.document["recordings"][1:]),
            f"no: {exchange.document['unmet']}" if "unmet" in exchange.document else "yes",
            server_column(exchange),
        )
        for exchange in EVERY
    ]

    assert rows == expected


def test_the_table_and_the_whole_tasks_agree():
    """docs/conformance.md says of each what happens in it."""
    rows = re.findall(r"^\| (whole-tasks/[\w-]+) \| ([^|]*) \|$", TABLE, re.MULTILINE)
    paths = sorted(WHOLE_TASKS.glob("*.json"))

    assert rows == [(f"whole-tasks/{path.stem}", json.loads(path.read_text())["about"]) for path in paths]


def server_column(exchange):
    """Return what a file is to the embedded server."""
    differs = exchange.document.get("embedded", {}).get("differs")
    return "yes" if differs is None else f"differs: {differs}"
