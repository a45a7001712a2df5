"""The ``pscheduler`` command: what it finds, what it says, and what it leaves alone."""

from __future__ import annotations

import signal
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import distributions
from pathlib import Path
from textwrap import dedent

import click
import pytest
from click.shell_completion import ShellComplete

from pscheduler_commands import OWN_COMMANDS
from pscheduler_commands.directory import (
    STANDARD,
    candidate_directories,
    find_command,
    find_directory,
    list_words,
)
from pscheduler_commands.host import pscheduler
from pscheduler_commands.plugins import find_plugins, load_plugin
from tests.support.commands import runner_of_streams

ROOT = Path(__file__).parents[3]
WORKING = """
import click

@click.command(short_help="Say hello.")
@click.argument("names", nargs=-1)
@click.option("--loud", is_flag=True)
def command(names, loud):
    click.echo(f"hello {names} {loud}")

not_a_command = 3
"""


class Shelf:
    """A folder on Python's path, into which tests put packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, package: str, commands: str, source: str = WORKING) -> None:
        """Put a package there: its metadata with the commands, and its one module, named like the package."""
        self.folder.joinpath(f"{package}.py").write_text(source)
        metadata = self.folder / f"{package}-1.0.dist-info"
        metadata.mkdir()
        metadata.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        metadata.joinpath("entry_points.txt").write_text(f"[pscheduler.commands]\n{dedent(commands)}\n")

    def find(self, warnings=None):
        """Find the plugins of this folder alone."""
        said = [] if warnings is None else warnings
        return find_plugins(said.append, distributions(path=[str(self.folder)]))


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty folder on the path; modules imported from it are forgotten afterwards."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield Shelf(folder)
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """PScheduler's own command folder: two commands, one that is internal, and what is not a command."""
    folder = tmp_path / "commands"
    folder.joinpath("sub").mkdir(parents=True)
    for name, mode in (("task", 0o755), ("ping", 0o755), ("internal", 0o755), ("notes", 0o644), (".hidden", 0o755)):
        folder.joinpath(name).write_text("#!/bin/sh\n")
        folder.joinpath(name).chmod(mode)
    monkeypatch.setenv("PSCHEDULER_COMMANDS", str(folder))
    return folder


@pytest.fixture
def no_commands(tmp_path, monkeypatch):
    """A command folder with nothing in it."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.setenv("PSCHEDULER_COMMANDS", str(folder))


def call(*arguments):
    """Call ``pscheduler`` in this process."""
    return runner_of_streams().invoke(pscheduler, list(arguments), prog_name="pscheduler")


def test_a_plugin_runs_with_its_arguments(shelf, no_commands):
    """What follows the word goes to the plugin's click command."""
    shelf.add("greeting", "zz-hello = greeting:command")
    result = call("zz-hello", "--loud", "you", "")

    assert (result.exit_code, result.stdout) == (0, "hello ('you', '') True\n")


@pytest.mark.parametrize("arguments", [("--help",), ("-h",)])
def test_the_list_has_plugins_and_the_folder(arguments, shelf, commands):
    """Help lists every command that is for people."""
    shelf.add("greeting", "zz-hello = greeting:command")
    result = call(*arguments)

    assert result.exit_code == 0
    assert ["zz-hello", "Say", "hello."] in [line.split() for line in result.stdout.splitlines()]
    assert result.stdout.split(str(commands) + ":")[1].split() == ["ping", "task"]


def test_without_a_command_the_help_is_an_error(commands):
    """As with pScheduler's own program: the help goes to the standard error, and the exit status is 1."""
    result = call()

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == call("--help").stdout


def test_an_internal_command_can_be_run(commands):
    """It is not listed, but pScheduler's own programs call it by this name."""

    assert pscheduler.get_command(click.Context(pscheduler), "internal").path == commands / "internal"


def test_a_plugin_hides_the_command_of_that_name_in_the_list(shelf, commands):
    """A word is listed once, where it would be found."""
    shelf.add("greeting", "task = greeting:command")
    result = call("--help")

    assert result.stdout.split(str(commands) + ":")[1].split() == ["ping"]


def test_finding_plugins_imports_none(shelf):
    """Listing names costs no imports."""
    shelf.add("silent", "zz-silent = silent:command", "raise RuntimeError")
    found = shelf.find()

    assert found["zz-silent"].package == "silent"
    assert "silent" not in sys.modules


def test_running_one_plugin_imports_no_other(shelf, no_commands):
    """A plugin that is slow or broken costs nothing while another is used."""
    shelf.add("greeting", "zz-hello = greeting:command")
    shelf.add("other", "zz-other = other:command", "raise RuntimeError")
    result = call("zz-hello")

    assert (result.exit_code, result.stderr) == (0, "")
    assert "other" not in sys.modules


@pytest.mark.parametrize(
    ("entry", "source", "reason"),
    [
        ("bad:command", "import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("bad:command", "raise ValueError('one\\ntwo')", "ValueError: one two"),
        ("bad:command", "raise SystemExit(5)", "SystemExit: 5"),
        ("bad:missing", WORKING, "AttributeError: module 'bad' has no attribute 'missing'"),
        ("bad:not_a_command", WORKING, "bad:not_a_command is not a click command (its type is int)"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_costs_one_line(shelf, entry, source, reason):
    """The warning says which command, whose it is and why, whatever the package does while it is imported."""
    shelf.add("bad", f"zz-bad = {entry}", source)
    warnings = []
    command = load_plugin(shelf.find()["zz-bad"], warnings.append)

    assert command is None
    assert warnings == [f"cannot load command 'zz-bad' of package bad: {reason}"]


def test_a_broken_plugin_does_not_cost_the_list(shelf, no_commands):
    """The other commands are still listed, and the warning goes to stderr."""
    shelf.add("bad", "zz-bad = bad:command", "import no_such_module")
    shelf.add("greeting", "zz-hello = greeting:command")
    result = call("--help")

    assert (result.exit_code, "zz-hello" in result.stdout, "zz-bad" in result.stdout) == (0, True, False)
    assert result.stderr.count("zz-bad") == 1


def test_a_word_that_no_plugin_can_give_is_still_in_the_folder(shelf, commands):
    """Where a plugin is broken, pScheduler's own command of that name is used, and listed."""
    shelf.add("bad", "task = bad:command", "import no_such_module")
    context = click.Context(pscheduler)
    command = pscheduler.get_command(context, "task")

    assert command.path == commands / "task"
    assert "task" in call("--help").stdout.split(str(commands) + ":")[1].split()


def test_a_broken_plugin_and_no_such_file_is_an_error(shelf, no_commands):
    """The error does not suggest the very word that was asked for."""
    shelf.add("bad", "zz-bad = bad:command", "import no_such_module")
    result = call("zz-bad")

    assert result.exit_code == 2
    assert "Cannot load command: 'zz-bad'. Searched" in result.stderr


def test_two_plugins_of_one_name(shelf):
    """The package that comes first in the alphabet has the word, and the other is named in a warning."""
    shelf.add("second", "zz-hello = second:command")
    shelf.add("first", "zz-hello = first:command")
    shelf.add("third", "zz-hello = third:command")
    warnings = []
    plugin = shelf.find()["zz-hello"]
    load_plugin(plugin, warnings.append)

    assert plugin.package == "first"
    assert warnings == ["using command 'zz-hello' of package first; also provided by second, third"]


def test_our_own_commands_come_first(shelf):
    """They are known without a search, and no other package can replace them; a list names the ones that try."""
    shelf.add("aaa", "batch = aaa:command")
    shelf.add("pscheduler-batch", "batch = pscheduler_batch.cli.batch:batch")
    plugin = shelf.find()["batch"]

    assert pscheduler.get_command(click.Context(pscheduler), "batch") is load_plugin(plugin, [].append)
    assert (plugin.package, plugin.rivals) == ("pscheduler-batch", ("aaa",))


def test_our_own_commands_are_those_of_the_metadata():
    """The table of the commands that are not searched for has what setup.cfg has."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = settings["options.entry_points"]["pscheduler.commands"].strip().splitlines()

    assert dict(line.split(" = ") for line in lines) == OWN_COMMANDS


def test_a_package_found_twice_on_the_path_is_one(shelf, tmp_path):
    """The copy that is found first counts, as it does for imports, without a warning."""
    shelf.add("greeting", "zz-hello = greeting:command")
    other = Shelf(tmp_path / "other")
    other.folder.mkdir()
    other.add("greeting", "zz-hello = elsewhere:command")
    plugins = find_plugins([].append, distributions(path=[str(shelf.folder), str(other.folder)]))

    assert (plugins["zz-hello"].entry_point.value, plugins["zz-hello"].rivals) == ("greeting:command", ())


def test_metadata_that_cannot_be_read_cost_one_line(shelf):
    """A package with a broken list of commands does not take the others along."""
    shelf.add("broken", "zz-broken")
    shelf.folder.joinpath("broken-1.0.dist-info/entry_points.txt").write_bytes(b"\xff\xfe\n")
    shelf.add("greeting", "zz-hello = greeting:command")
    warnings = []
    found = shelf.find(warnings)

    assert set(found) == {"zz-hello"}
    assert [text.startswith("cannot read the commands of a package: ") for text in warnings] == [True]


def test_an_unknown_word(shelf, commands):
    """The error names what is alike, among plugins and folder, and where the word was looked for."""
    shelf.add("greeting", "taks = greeting:command")
    result = call("tasks")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "No such command: 'tasks'. Did you mean 'task' or 'taks'?" in result.stderr
    assert f"Searched the installed plugins and {commands}." in result.stderr


@pytest.mark.skipif(find_directory(STANDARD) is not None, reason="pScheduler itself is installed here")
def test_an_unknown_word_without_pscheduler(monkeypatch, tmp_path):
    """Where there is no folder, the error says which places were looked at."""
    monkeypatch.setenv("PSCHEDULER_COMMANDS", str(tmp_path / "nowhere"))
    result = call("zz-nothing")

    assert result.exit_code == 2
    assert (
        f"which does not exist on this machine ({', '.join((str(tmp_path / 'nowhere'), *STANDARD))})" in result.stderr
    )


@pytest.mark.parametrize("word", ["../commands/task", "sub", ".hidden", ".", ""])
def test_no_word_leads_out_of_the_folder(word, commands):
    """Only the names of the folder's own visible files are commands."""

    assert find_command(commands, word) is None


def test_a_file_that_cannot_be_executed(commands):
    """It is no command in the list; asked for by name, it is an error that names the file, and costs nothing else."""
    before = signal.getsignal(signal.SIGPIPE)
    result = call("notes")

    assert result.exit_code == 126
    assert result.stderr == f"Error: cannot execute {commands / 'notes'}: Permission denied\n"
    assert signal.getsignal(signal.SIGPIPE) is before


def test_the_places_of_the_folder():
    """The variable comes first; an empty one is as good as none."""

    assert candidate_directories({"PSCHEDULER_COMMANDS": "/x"}) == ("/x", *STANDARD)
    assert candidate_directories({"PSCHEDULER_COMMANDS": ""}) == STANDARD


def test_a_folder_counts_if_it_exists(tmp_path):
    """The first existing place is taken; without any there are no commands."""

    assert find_directory([str(tmp_path / "no"), str(tmp_path)]) == tmp_path
    assert list_words(find_directory([str(tmp_path / "no")])) == []


def completions(*words):
    """Ask for the completions of the last word."""
    completer = ShellComplete(pscheduler, {}, "pscheduler", "_PSCHEDULER_COMPLETE")
    return [item.value for item in completer.get_completions(list(words[:-1]), words[-1])]


def test_completion_of_commands_and_their_options(shelf, commands):
    """Click completes plugins, the folder's commands, and what the plugins themselves complete."""
    shelf.add("greeting", "ta-hello = greeting:command")

    assert completions("ta") == ["ta-hello", "task"]
    assert completions("ta-hello", "--l") == ["--loud"]
    assert completions("task", "--l") == []


def test_completion_is_silent(shelf, commands, capsys):
    """A warning would be written into the user's prompt."""
    shelf.add("bad", "ta-bad = bad:command", "import no_such_module")
    found = completions("ta")

    assert (found, capsys.readouterr().err) == (["task"], "")


def test_the_version_costs_no_heavy_imports():
    """The version is shown without loading what a batch needs."""
    script = (
        "import sys\nfrom pscheduler_commands import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--version"],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("pscheduler (pscheduler-batch) ")
    assert not {"httpx", "jq", "jsonschema_rs", "isodate", "dateutil"} & set(done.stderr.split())
