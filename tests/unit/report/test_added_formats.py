"""Tests of formats of reports that other packages add."""

from __future__ import annotations

from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from pscheduler_batch.cli.batch import batch
from pscheduler_batch.cli.batch_report import batch_report
from pscheduler_batch.cli.format_names import FormatName
from pscheduler_batch.report import formats
from pscheduler_batch.report.added_formats import added_names, load_format
from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.formats import ENTRY_POINT_GROUP, FORMATS, Format
from pscheduler_batch.report.rendering import FormatError, find_format, format_of_file, render_report
from tests.support import report_formats
from tests.support.output_documents import job, output, result, run

REPORT = report_of(output(job(result(run()), result(run()))))
HERE = "tests.support.report_formats"


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """Pretend that a package with formats is installed, and return a function that installs others instead."""

    def install(**values):
        found = [metadata.EntryPoint(name, value, ENTRY_POINT_GROUP) for name, value in values.items()]
        monkeypatch.setattr(metadata, "entry_points", lambda: {ENTRY_POINT_GROUP: found})

    install(count=f"{HERE}:COUNT", html=f"{HERE}:COUNT", broken=f"{HERE}:BROKEN", needy=f"{HERE}:NEEDY")
    return install


def test_a_format_is_found_by_its_name():
    """One that comes with the program cannot be replaced."""
    assert added_names() == ["count", "broken", "needy"]
    assert load_format("count") is report_formats.COUNT
    assert b"".join(render_report("html", REPORT)).startswith(b"<!doctype html>")


def test_a_format_is_found_by_an_ending():
    """In any case of letters; those of the program come first."""
    assert [format_of_file(name) for name in ("a.count", "a.Count", "a.csv")] == ["count", "count", "csv"]
    find_format("count")


def test_a_report_is_written_in_it():
    """Text as UTF-8, bytes as they are."""
    assert list(render_report("count", REPORT)) == ["2 rüns?".encode(), b"\xff\n"]


def test_a_format_that_fails_is_an_error_of_the_report():
    """It says which format and why, whatever was raised; nothing else of the batch fails."""
    pieces = render_report("broken", REPORT)
    first = next(pieces)
    said = r"^cannot write a report in broken, a format that another package adds: OSError: .* no room for 2 runs$"

    assert first == b"first"
    with pytest.raises(FormatError, match=said):
        next(pieces)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_module:FORMAT", "ModuleNotFoundError: No module named 'no_such_module'"),
        (f"{HERE}:NOTHING", f"AttributeError: module '{HERE}' has no attribute 'NOTHING'"),
        (f"{HERE}:CountReport", f"{HERE}:CountReport is not a Format"),
    ],
)
def test_a_format_that_cannot_be_loaded_says_why(installed, value, reason):
    """Also where the ending may be its own; other formats are found nevertheless."""
    installed(bad=value, count=f"{HERE}:COUNT")
    said = f"cannot load the report format bad, which another package adds: {reason}"
    with pytest.raises(FormatError) as by_name:
        find_format("bad")
    with pytest.raises(FormatError) as by_ending:
        format_of_file("a.bad")

    assert str(by_name.value) == said
    assert ".xml, .prom or .count, or choose a format with --format\n" in str(by_ending.value)
    assert str(by_ending.value).endswith(f"\n{said}")
    assert format_of_file("a.count") == "count"


def test_a_library_that_is_missing_is_named():
    """Before a batch is run for the report."""
    with pytest.raises(
        FormatError, match=r"^a report in needy needs a package that is not installed \(no_such_library"
    ):
        find_format("needy")


def test_an_unknown_format_is_an_error_that_lists_all():
    """Python programs may give any name."""
    with pytest.raises(FormatError, match=r"unknown report format pdf; choose one of html, .*, prometheus, count, bro"):
        find_format("pdf")


def test_the_command_line_takes_the_name():
    """As one of its own; what is wrong lists all."""
    kind = FormatName(list(FORMATS))
    completers = [ShellComplete(command, {}, "x", "_X_COMPLETE") for command in (batch, batch_report)]

    assert kind.convert("count", None, None) == "count"
    assert [[item.value for item in each.get_completions(["--format"], "co")] for each in completers] == [["count"]] * 2
    assert completers[0].get_completions(["--check", "--format"], "co") == []
    with pytest.raises(click.BadParameter, match="'count'"):
        kind.convert("pdf", None, None)


def test_a_check_does_not_take_it():
    """Nor a run without a report."""
    checked = CliRunner().invoke(batch, ["--check", "--format", "count", "-"])
    run_alone = CliRunner().invoke(batch, ["--format", "count", "-"])

    assert (checked.exit_code, run_alone.exit_code) == (2, 2)
    assert "--format count is not available here; choose text or json" in checked.output
    assert "--format requires --report or --check" in run_alone.output


def test_the_formats_of_the_program_are_announced_as_well():
    """setup.cfg refers to each by its name, so that a program can list all formats in one way."""
    settings = ConfigParser()
    settings.read(Path(__file__).parents[3] / "setup.cfg")
    lines = settings["options.entry_points"][ENTRY_POINT_GROUP].split()
    named = dict(zip(lines[::3], (line.split(":")[1] for line in lines[2::3])))

    assert {name: getattr(formats, value) for name, value in named.items()} == FORMATS
    assert all(isinstance(form, Format) for form in FORMATS.values())


def test_endings_stand_for_one_format_each():
    """And are written as they are compared."""
    endings = [ending for form in FORMATS.values() for ending in form.endings]

    assert len(set(endings)) == len(endings)
    assert [ending for ending in endings if ending != ending.lower() or not ending.startswith(".")] == []
