"""Tests of text on the standard streams."""

from __future__ import annotations

import io
import sys
from contextlib import nullcontext

import pytest

from pscheduler_batch.output import console
from pscheduler_batch.output.console import CommandError, read_input, write_error
from pscheduler_batch.output.destination import print_text


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", "a → b… ü Ω"), ("latin-1", r"a -> b... ü \u03a9"), ("ascii", r"a -> b... \xfc \u03a9")],
)
@pytest.mark.parametrize(("name", "write"), [("stderr", write_error), ("stdout", print_text)])
def test_a_stream_gets_the_characters_that_it_has(name, write, encoding, expected, monkeypatch):
    """Signs become similar ones, letters their escapes."""
    data = io.BytesIO()
    monkeypatch.setattr(sys, name, io.TextIOWrapper(data, encoding))
    write("a → b… ü Ω")
    written = data.getvalue().decode(encoding).rstrip("\n")
    monkeypatch.undo()

    assert written == expected


def test_a_file_without_an_end_is_not_read_for_ever(monkeypatch):
    """It may be a device, or the output of a program that does not stop."""
    monkeypatch.setattr(console, "LARGEST_INPUT", 2**20)
    with pytest.raises(CommandError) as refused:
        read_input("/dev/zero")

    assert str(refused.value) == "cannot read /dev/zero: it is larger than 1 MiB, the limit"


@pytest.mark.parametrize("more", [0, 1])
def test_a_file_of_just_the_limit_is_read(more, tmp_path, monkeypatch):
    """One with a byte more is not."""
    monkeypatch.setattr(console, "LARGEST_INPUT", 2**20)
    file = tmp_path / "file"
    file.write_bytes(b"1" * (2**20 + more))
    with pytest.raises(CommandError, match="larger") if more else nullcontext():
        assert read_input(str(file)) == file.read_bytes()
