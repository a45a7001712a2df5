"""Finding outputs in directories."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

import pytest

from pscheduler_batch.report.output_files import FileNotes, OutputsError, find_outputs, is_older

NOW = datetime(2026, 11, 28, tzinfo=timezone.utc)


@pytest.fixture
def directory(tmp_path):
    """A directory with files of many kinds."""
    for name in ("b.json", "a.json", "C.JSON", ".hidden.json", "a.json.tmp", "notes.txt"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "deep.json").mkdir()
    (tmp_path / "deep.json" / "inner.json").write_text("{}")
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "broken.json").symlink_to("nothing")
    return tmp_path


def found(*names, without=None):
    """Return the names of files without their directory, and whether each was named."""
    return [
        (os.path.basename(each.name), each.is_given) for each in find_outputs(map(str, names), without and str(without))
    ]


def test_a_directory_stands_for_its_json_files(directory):
    """Sorted by name; hidden files, pipes and other directories are not read."""
    assert found(directory) == [("C.JSON", False), ("a.json", False), ("b.json", False)]


def test_a_file_counts_once(directory):
    """Whatever names it has; one that is named as well is not only one of a directory."""
    (directory / "d.json").symlink_to("a.json")
    os.link(directory / "b.json", directory / "e.json")

    assert found(directory / "b.json", directory, directory / "." / "a.json") == [
        ("b.json", True),
        ("C.JSON", False),
        ("a.json", True),
    ]
    assert found("-", directory / "a.json", "-")[::2] == [("-", True), ("-", True)]


def test_the_file_to_write_is_not_an_output(directory):
    """It may be from the last time."""
    assert found(directory, without=directory / "a.json") == [("C.JSON", False), ("b.json", False)]
    assert found(directory, without=directory / "new.json")[1:] == [("a.json", False), ("b.json", False)]


def test_a_missing_file_is_reported_when_it_is_read(directory):
    """Its name is kept as it is."""
    assert found(directory / "none.json") == [("none.json", True)]


def test_directories_that_have_no_outputs(tmp_path):
    """There is an error for each."""
    with pytest.raises(OutputsError, match=r"has no outputs of batches \(\*.json\)"):
        found(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_that_cannot_be_read(tmp_path):
    """In the words of the operating system."""
    tmp_path.chmod(0)
    try:
        with pytest.raises(OutputsError, match="Permission denied"):
            found(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_old_files_need_not_be_read(directory):
    """A file that was last changed a day before the period has no run in it."""
    path = str(directory / "a.json")
    for hours, older in ((0, False), (23, False), (25, True)):
        then = (NOW - timedelta(hours=hours)).timestamp()
        os.utime(path, (then, then))

        assert is_older(path, NOW) is older
    assert not is_older(path, None)
    assert not is_older("-", NOW)
    assert not is_older(str(directory / "none.json"), NOW)


def test_notes_name_some_files():
    """The others are counted."""
    notes = FileNotes()
    for number in range(5):
        notes.add("left out: empty", f"results/{number}.json")
    notes.add("left out: incomplete", "results/\x1b[2J.json")

    assert notes.notes == (
        "5 files left out: empty (0.json, 1.json, 2.json and 2 more)",
        r"1 file left out: incomplete (\u001b[2J.json)",
    )
