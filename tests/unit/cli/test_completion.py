"""What a shell offers for hosts."""

from __future__ import annotations

import os

import click
import pytest
from click.shell_completion import ShellComplete

from pscheduler_batch.cli.batch import batch
from pscheduler_batch.cli.completion import complete_host, known_host_names
from pscheduler_batch.report.formats import FORMATS

HOSTS = """
127.0.0.1 localhost
10.0.0.1\tps1.example.net ps1 # not this
# 10.0.0.2 commented.example.net
::1
"""
KNOWN_HOSTS = """
# a comment
ps2.example.net,192.0.2.2 ssh-ed25519 AAAA
[ps3.example.net]:2222 ssh-ed25519 AAAA
|1|bm90|aW5n ssh-ed25519 AAAA
@revoked ps4.example.net ssh-ed25519 AAAA
@cert-authority *.example.net ssh-ed25519 AAAA
*.wild.example.net,!ps5.example.net,2001:db8::1 ssh-ed25519 AAAA
$(touch,;rm,-rf ssh-ed25519 AAAA
\x1b[31mred ssh-ed25519 AAAA

"""


@pytest.fixture
def files(tmp_path):
    """A machine that knows some hosts."""
    tmp_path.joinpath("hosts").write_text(HOSTS, encoding="utf-8")
    tmp_path.joinpath("known").write_bytes(KNOWN_HOSTS.encode() + b"ps6.example.net\xff x\nps7.example.net x\n")
    return {"hosts": str(tmp_path / "hosts"), "known_hosts": str(tmp_path / "known")}


def test_hosts_come_from_everywhere_they_are_known(files):
    """The environment, and the files of the system and of ssh; nothing that a shell could obey."""
    environ = {"PSCHEDULER_ASSIST": "assist.example.net", "PSCHEDULER_LOCALHOST": "[2001:db8::7]", "HOST": "other"}

    assert known_host_names("", environ=environ, **files) == [
        "192.0.2.2",
        "assist.example.net",
        "localhost",
        "ps1",
        "ps1.example.net",
        "ps2.example.net",
        "ps3.example.net",
        "ps7.example.net",
    ]


def test_only_what_begins_with_what_was_typed_is_offered(files):
    """In whatever case it was typed."""

    assert known_host_names("PS1", environ={}, **files) == ["ps1", "ps1.example.net"]


@pytest.mark.parametrize("place", ["", "missing", "."])
def test_a_machine_without_these_files_offers_nothing(tmp_path, place):
    """Nor one whose files cannot be read."""
    path = str(tmp_path / place)

    assert known_host_names("", environ={}, hosts=path, known_hosts=path) == []


def test_a_huge_file_takes_no_time(tmp_path):
    """A shell waits for the answer; the beginning must do."""
    path = tmp_path / "known"
    with path.open("wb") as stream:
        stream.write(b"first.example.net x\n")
        os.ftruncate(stream.fileno(), 2**34)

    assert known_host_names("", environ={}, hosts=str(tmp_path), known_hosts=str(path)) == ["first.example.net"]


def test_click_can_ask(monkeypatch):
    """In the form of its own completion."""
    monkeypatch.setenv("PSCHEDULER_ASSIST", "a-host-of-ours.example.net")
    option = click.Option(["--lead"], shell_complete=complete_host)
    context = click.Context(click.Command("batch", params=[option]))

    assert [item.value for item in option.shell_complete(context, "a-host-of")] == ["a-host-of-ours.example.net"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["--check"], ["text", "json"]),
        (["--check-server", "file.json"], ["text", "json"]),
        (["--report", "a.html"], list(FORMATS)),
        ([], [*FORMATS, "json"]),
    ],
)
def test_only_formats_that_are_accepted_are_offered(words, offered):
    """A check takes others than a report."""
    completer = ShellComplete(batch, {}, "pscheduler-batch", "_PSCHEDULER_BATCH_COMPLETE")

    assert [item.value for item in completer.get_completions([*words, "--format"], "")] == offered
    assert [item.value for item in completer.get_completions([*words, "--format"], "te")] == ["text"]
