"""How the program plugs into its hosts, with real packages, real processes and an imitated command folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DROP_IN = ROOT / "plugins" / "commands" / "batch"

SETUP = "from setuptools import setup\nsetup()\n"
SETTINGS = """
[metadata]
name = {name}
version = 1.0
[options]
py_modules = {name}
[options.entry_points]
pscheduler.commands =
    {command} = {name}:command
"""
HELLO = """
import click

@click.command()
@click.option("--loud", is_flag=True, help="Shout.")
def command(loud):
    \"\"\"Say hello.\"\"\"
    click.echo("HELLO" if loud else "hello")
"""
# A package that adds a format of reports.
FORMAT = """
from pscheduler_batch.report.formats import Format

COUNT = Format("{name}:CountReport", "the number of runs", (".count",))

class CountReport:
    def render(self, report):
        yield f"{len(report.rows)} runs"
"""
FORMAT_SETTINGS = """
[metadata]
name = {name}
version = 1.0
[options]
py_modules = {name}
[options.entry_points]
pscheduler_batch.report_formats =
    count = {name}:COUNT
"""
# Says what it was given, hands on its input, writes to both streams, and ends with a status of its own.
TELL = """#!/bin/sh
printf '[%s]' "$0" "$@"
cat
grep SigIgn /proc/self/status
echo problem 1>&2
exit 7
"""


def write_program(path, text):
    """Write an executable file."""
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def hosts(site, tmp_path_factory):
    """An installation of ours beside two packages of other authors, one of them broken; a copy of the shared one."""
    sources = tmp_path_factory.mktemp("sources")
    for name, command, text in (("hello_world", "hello", HELLO), ("broken_one", "broken", "import no_such_module\n")):
        folder = sources / name
        folder.mkdir()
        folder.joinpath("setup.py").write_text(SETUP)
        folder.joinpath("setup.cfg").write_text(SETTINGS.format(name=name, command=command))
        folder.joinpath(f"{name}.py").write_text(text)
    counting = sources / "counting"
    counting.mkdir()
    counting.joinpath("setup.py").write_text(SETUP)
    counting.joinpath("setup.cfg").write_text(FORMAT_SETTINGS.format(name="counting"))
    counting.joinpath("counting.py").write_text(FORMAT.replace("{name}", "counting"))
    ours = type(site)(tmp_path_factory.mktemp("hosts") / "site")
    shutil.copytree(site.folder, ours.folder)
    ours.install(sources / "hello_world", sources / "broken_one", counting)
    return ours


@pytest.fixture
def folder(tmp_path):
    """An imitation of pScheduler's command folder, with one command and our file."""
    commands = tmp_path / "commands"
    commands.mkdir()
    write_program(commands / "task", TELL)
    shutil.copy(DROP_IN, commands / "batch")
    return commands


def run(site, *command, text=None, **settings):
    """Run a program, found on the site's path, and wait for its end."""
    environ = {**site.environ, **{name: str(value) for name, value in settings.items()}}
    program = shutil.which(command[0], path=environ["PATH"]) or command[0]
    return subprocess.run(
        [program, *command[1:]],
        env=environ,
        cwd=site.folder.parent,  # not the project's folder, which Python would put on its path
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_package_of_another_author_adds_a_command(hosts):
    """Installing it is all that is needed."""
    done = run(hosts, "pscheduler", "hello", "--loud")

    assert (done.returncode, done.stdout, done.stderr) == (0, "HELLO\n", "")


def test_a_broken_package_costs_one_line(hosts):
    """The list has every other command, ours among them."""
    done = run(hosts, "pscheduler", "--help")
    words = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]

    assert done.returncode == 0
    assert {"batch", "batch-server", "hello"} <= set(words)
    assert done.stderr.replace("broken_one", "broken-one") == (
        "pscheduler: warning: cannot load command 'broken' of package broken-one: "
        "ModuleNotFoundError: No module named 'no_such_module'\n"
    )


def test_a_command_of_the_folder_is_untouched(site, folder):
    """Arguments, input, both outputs, signals and exit status are the command's own."""
    done = run(site, "pscheduler", "task", "--flag", "", "a b", "--", "--help", text="in\n", PSCHEDULER_COMMANDS=folder)
    told, *rest = done.stdout.splitlines()

    assert told == f"[{folder / 'task'}][--flag][][a b][--][--help]in"
    # Those from 32 on belong to the C library, which may have left one ignored.
    assert [int(line.removeprefix("SigIgn:"), 16) % 2**31 for line in rest] in ([], [0])
    assert (done.stderr, done.returncode) == ("problem\n", 7)


def test_our_command_comes_before_the_folder(site, folder):
    """The file in the folder leads back to the program, so the program must not be looked for there."""
    done = run(site, "pscheduler", "batch", "--help", PSCHEDULER_COMMANDS=folder)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: pscheduler batch ")


def test_both_names_show_the_version(site):
    """The plugin and the program of its own are one command."""
    versions = {run(site, *words, "--version").stdout.split()[-1] for words in (["pscheduler"], ["pscheduler-batch"])}

    assert versions == {run(site, "pscheduler", "batch", "--version").stdout.split()[-1]}


def test_the_file_in_the_folder_finds_the_program_on_the_path(site, folder):
    """PScheduler's own program runs the file, and the file becomes the program."""
    done = run(site, str(folder / "batch"), "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: pscheduler-batch ")


def test_the_file_in_the_folder_becomes_what_the_variable_names(site, folder):
    """Arguments, input, both outputs and exit status pass through."""
    done = run(site, str(folder / "batch"), "--x", "", "a b", text="in\n", PSCHEDULER_BATCH=folder / "task")

    assert done.stdout.splitlines()[0] == f"[{folder / 'task'}][--x][][a b]in"
    assert (done.stderr, done.returncode) == ("problem\n", 7)


@pytest.fixture
def bare_path(tmp_path):
    """A path with nothing on it but what a test puts there."""
    programs = tmp_path / "programs"
    programs.mkdir()
    return programs


def test_the_file_in_the_folder_asks_python(site, folder, bare_path):
    """Where the program is not on the path, the package is run with python3."""
    write_program(bare_path / "python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    done = run(site, str(folder / "batch"), "--help", PATH=bare_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")


def test_the_file_in_the_folder_says_when_nothing_is_found(site, folder, bare_path):
    """One line says what was looked for and what to do."""
    done = run(site, str(folder / "batch"), PATH=bare_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "pscheduler batch: error: pscheduler-batch is neither on the PATH nor installed for python3; "
        "set PSCHEDULER_BATCH to its path\n"
    )


@pytest.mark.parametrize("named", ["no-such-program", "not-executable"])
def test_the_file_in_the_folder_says_when_the_variable_is_wrong(named, site, folder):
    """A name that leads nowhere is an error, not a reason to take another program."""
    folder.joinpath("not-executable").write_text("")
    done = run(site, str(folder / "batch"), PSCHEDULER_BATCH=folder / named)

    assert done.returncode == 1
    assert done.stderr == f"pscheduler batch: error: cannot execute {folder / named}, which PSCHEDULER_BATCH names\n"


def test_the_file_in_the_folder_does_not_go_in_circles(site, folder, bare_path):
    """A link of the program's name to the file itself is seen."""
    (bare_path / "pscheduler-batch").symlink_to(folder / "batch")
    done = run(site, str(folder / "batch"), PATH=bare_path)

    assert done.returncode == 1
    assert "is this file itself" in done.stderr


def python(site, code, *before, after=()):
    """Run some Python, with folders before and after the site on its path."""
    places = os.pathsep.join(map(str, (*before, site.folder, *after)))
    return run(site, sys.executable, "-W", "error", "-c", code, PYTHONPATH=places)


def test_the_documented_import_name(site):
    """Without pScheduler's library, its documented name leads to our class."""
    code = "import pscheduler.batchprocessor as b, pscheduler_batch as p; print(b.BatchProcessor is p.BatchProcessor)"

    assert python(site, code).stdout == "True\n"


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_real_library_wins(place, site, tmp_path):
    """Wherever pScheduler's own library is on the path, it is never hidden."""
    real = tmp_path / "real"
    (real / "pscheduler").mkdir(parents=True)
    (real / "pscheduler" / "__init__.py").write_text("from .iso8601 import real\n")
    (real / "pscheduler" / "iso8601.py").write_text("real = 'the real one'\n")
    code = "import pscheduler; print(pscheduler.real, pscheduler.__file__)"
    done = python(site, code, real) if place == "before" else python(site, code, after=[real])

    assert done.stdout == f"the real one {real / 'pscheduler' / '__init__.py'}\n"


@pytest.mark.parametrize("program", ["pscheduler", "pscheduler-batch", "pscheduler-batch-report"])
@pytest.mark.parametrize(("shell", "name"), [("bash", "{}"), ("zsh", "_{}"), ("fish", "{}.fish")])
def test_the_completion_files_know_what_click_writes(shell, name, program, site):
    """Each file asks the program for its code, and recognizes that code by the name of a function in it."""
    text = (ROOT / "plugins" / "completion" / shell / name.format(program)).read_text()
    variable = f"_{program.replace('-', '_')}_complete".upper()
    function = f"_{program.replace('-', '_')}_completion"
    code = run(site, program, **{variable: f"{shell}_source"}).stdout
    mark = f"function {function}" if shell == "fish" else f"{function}()"

    assert f"{variable}={shell}_source {program} " in text
    assert mark in text
    assert mark in code


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_completion_in_bash(hosts):
    """With the file read, bash completes the commands of every package."""
    script = f"""
        source {ROOT / "plugins" / "completion" / "bash" / "pscheduler"}
        COMP_WORDS=(pscheduler he) COMP_CWORD=1
        _pscheduler_completion pscheduler he pscheduler
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = run(hosts, "bash", "-c", script)

    assert (done.stdout, done.stderr) == ("hello\n", "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_completion_leaves_another_program_of_the_name_alone(hosts, bare_path):
    """What pScheduler's own program writes is never taken for shell code."""
    write_program(bare_path / "pscheduler", "#!/bin/sh\necho 'echo taken for code'\n")
    completion = ROOT / "plugins" / "completion" / "bash" / "pscheduler"
    done = run(hosts, "bash", "-c", f"PATH={bare_path}:$PATH; source {completion}; complete -p pscheduler")

    assert "taken for code" not in done.stdout
    assert done.returncode == 1


def test_another_package_adds_a_format_of_reports(hosts, tmp_path):
    """By its name and by the ending of a file, of a batch that runs and of a saved output."""
    made, saved = tmp_path / "runs.count", tmp_path / "saved.json"
    task = {"test": {"type": "noop", "spec": {}}}
    batch = json.dumps({"jobs": [{"label": "both", "iterations": 2, "task": task}]})
    ran = run(hosts, "pscheduler-batch", "--embedded", "--report", str(made), "-o", str(saved), text=batch)
    printed = run(hosts, "pscheduler-batch-report", "--format", "count", str(saved))
    refused = run(hosts, "pscheduler-batch-report", "--format", "other", str(saved))

    assert (ran.returncode, ran.stderr, made.read_text()) == (0, "", "2 runs")
    assert (printed.returncode, printed.stdout) == (0, "2 runs")
    assert (refused.returncode, "'count'" in refused.stderr) == (2, True)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no file that is always full")
@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["batch-plugins", "--example-config"], ["batch-plugins", "list"]]
)
def test_what_cannot_be_printed_is_no_traceback(arguments, tmp_path):
    """A full disk is an error of one line."""
    classes = {
        "PSCHEDULER_BATCH_PLUGINS_CLASSES": str(tmp_path),
        "PSCHEDULER_BATCH_PLUGINS_CONFIG": str(tmp_path / "c"),
    }
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", "from pscheduler_commands import main; main()", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **classes},
            timeout=60,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr.endswith("to the standard output: No space left on device\n")
    assert len(done.stderr.splitlines()) == 1
