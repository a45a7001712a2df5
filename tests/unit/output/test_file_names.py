"""Names of files with the time in them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

import pytest

from pscheduler_batch.output.file_names import (
    FileNameError,
    expand,
    require_different,
    require_directory,
    require_unread,
)

NOW = datetime(2026, 3, 1, 9, 5, 7, 1234, tzinfo=timezone(timedelta(hours=-5), "EST"))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("%Y%m%dT%H%M%S.json", "20260301T090507.json"),
        ("results/%F/%T%z.json", "results/2026-03-01/09:05:07-0500.json"),
        ("%R-%Z", "09:05-EST"),
        ("%a-%b-%j-%V-%u", "Sun-Mar-060-09-7"),
        ("100%%", "100%"),
        ("%%Y", "%Y"),
        ("%%%Y", "%2026"),
        ("plain.json", "plain.json"),
        ("ü \n{} \udcff", "ü \n{} \udcff"),
        ("", ""),
    ],
)
def test_a_name_has_the_time_it_is_given(pattern, name):
    """Everything beside the directives stays, whatever it is."""

    assert expand(pattern, NOW) == name


@pytest.mark.parametrize("letter", ["c", "x", "X", "D", "s", "e", "-", "E", "O", "Q", "1", " ", "\n", "é", "/"])
def test_an_unknown_directive_is_an_error(letter):
    """What a system would make of it is not known, or is no good in a name."""
    with pytest.raises(FileNameError, match="is not a date or time directive; write %% for a percent sign") as at:
        expand(f"out{'%'}{letter}.json", NOW)

    assert str(at.value).isprintable()


@pytest.mark.parametrize("pattern", ["%", "out%", "out%%%"])
def test_a_percent_sign_at_the_end_is_an_error(pattern):
    """It is half a directive."""
    with pytest.raises(FileNameError, match="ends with a single %; write %% for a percent sign"):
        expand(pattern, NOW)


def test_a_missing_folder_is_named_and_not_made(tmp_path):
    """It is mostly a slip."""
    folder = tmp_path / "missing" / "too"
    with pytest.raises(FileNameError, match="missing/too does not exist; create it first"):
        require_directory(str(folder / "out.json"))

    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path):
    """The message says so."""
    tmp_path.joinpath("file").touch()

    with pytest.raises(FileNameError, match="file is not a directory"):
        require_directory(str(tmp_path / "file" / "out.json"))


def test_a_current_folder_that_was_removed_is_reported(monkeypatch, tmp_path):
    """A shell may still be in it; what is elsewhere can be written."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(FileNameError, match=r"^cannot write out.json: the current directory was removed$"):
        require_directory("out.json")

    assert require_directory(str(tmp_path / "out.json")) is None


@pytest.mark.parametrize("path", ["out.json", "/out.json", "./out.json"])
def test_a_folder_that_is_there_is_no_error(path):
    """This holds even if it is only the current one."""

    assert require_directory(path) is None


def test_no_file_is_written_twice(tmp_path):
    """Whatever it is called, and whether it is there already."""
    there = tmp_path / "there.json"
    there.touch()
    (tmp_path / "link.json").symlink_to(there)
    os.link(there, tmp_path / "hard.json")
    (tmp_path / "new-link.html").symlink_to(tmp_path / "new.html")
    for names in (
        ["there.json", "link.json"],
        ["there.json", "hard.json"],
        ["new.html", "./new.html"],
        ["new.html", "new-link.html"],
    ):
        paths = [f"{tmp_path}/{name}" for name in names]
        with pytest.raises(FileNameError, match=f"two options name the same file, {paths[1]}; choose"):
            require_different(paths)


def test_different_files_are_fine(tmp_path):
    """And a device takes whatever comes."""
    require_different([f"{tmp_path}/a.json", f"{tmp_path}/a.html", "/dev/null", "/dev/null", "/dev/stdout"])


def test_a_file_that_is_read_is_not_written(tmp_path):
    """Whatever it is called; pipes and other files may be."""
    batch = tmp_path / "batch.json"
    batch.write_text("{}")
    (tmp_path / "link").symlink_to(batch)

    with pytest.raises(FileNameError, match="is read, so nothing else is written to it"):
        require_unread(f"{tmp_path}/link", ["-", str(batch)])
    require_unread(f"{tmp_path}/new", ["-", str(batch)])
    require_unread("/dev/null", ["/dev/null"])
