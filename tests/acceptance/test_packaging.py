"""The source distribution has everything, the wheel what a user needs."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest

from pscheduler_batch._version import __version__

ROOT = Path(__file__).parents[2]
LOAD_ALL = """
from importlib.metadata import distribution
for entry in distribution("pscheduler-batch").entry_points:
    print(entry.group, entry.name, entry.load().__name__ if entry.group.endswith("tests") else callable(entry.load()))
"""


def files_below(*folders: str) -> set:
    """Return the files below some directories, as they are named in an archive."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


@pytest.fixture(scope="session")
def sdist_names(sdist):
    """The files of the source distribution, without the name of its directory."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


@pytest.fixture(scope="session")
def wheel_names(wheel):
    """The files of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="session")
def metadata(wheel):
    """The wheel's metadata."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


@pytest.mark.parametrize("folder", [".ci", "docs", "examples", "man", "plugins", "pscheduler_batch", "tests"])
def test_the_source_distribution_has_every_file_of_a_folder(folder, sdist_names):
    """The source distribution has every file that tests, documents and packages need."""
    expected = files_below(folder)

    assert expected
    assert expected <= sdist_names


@pytest.mark.parametrize(
    "name", ["CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "pyproject.toml", "setup.cfg", "setup.py"]
)
def test_the_source_distribution_has_what_belongs_to_the_project_as_a_whole(name, sdist_names):
    """The files at the top are there."""

    assert name in sdist_names


def test_the_wheel_has_every_module_and_schema(wheel_names):
    """The wheel has every package and every kind of file, which setup.cfg must name."""
    plugins = {name.partition("/")[2] for name in files_below("plugins/pscheduler", "plugins/pscheduler_commands")}

    assert files_below("pscheduler_batch") | plugins <= wheel_names


def test_the_wheel_has_nothing_else_to_import(wheel_names):
    """The wheel has no tests and scripts of the project."""
    tops = {name.partition("/")[0] for name in wheel_names if ".dist-info/" not in name and ".data/" not in name}

    assert tops == {"pscheduler", "pscheduler_batch", "pscheduler_commands"}


def test_the_pscheduler_name_is_a_namespace_package(wheel_names):
    """An __init__.py would hide the real pScheduler library."""
    parts = {name for name in wheel_names if name.startswith("pscheduler/")}

    assert parts == {"pscheduler/batchprocessor.py"}


@pytest.mark.parametrize(
    "path",
    [
        "share/man/man1/pscheduler-batch.1",
        "share/man/man1/pscheduler-batch-compare.1",
        "share/man/man1/pscheduler-batch-new.1",
        "share/bash-completion/completions/pscheduler",
        "share/bash-completion/completions/pscheduler-batch",
        "share/bash-completion/completions/pscheduler-batch-compare",
        "share/bash-completion/completions/pscheduler-batch-report",
        "share/zsh/site-functions/_pscheduler",
        "share/zsh/site-functions/_pscheduler-batch",
        "share/zsh/site-functions/_pscheduler-batch-compare",
        "share/zsh/site-functions/_pscheduler-batch-report",
        "share/fish/vendor_completions.d/pscheduler.fish",
        "share/fish/vendor_completions.d/pscheduler-batch.fish",
        "share/fish/vendor_completions.d/pscheduler-batch-compare.fish",
        "share/fish/vendor_completions.d/pscheduler-batch-report.fish",
    ],
)
def test_the_wheel_installs_the_man_page_and_completion(path, site):
    """Man pages and completion are installed in share/."""
    installed = site.folder / path

    assert installed.stat().st_size > 0


def test_the_licence_goes_along(wheel_names):
    """The wheel has the text of the license."""
    names = {Path(name).name for name in wheel_names if ".dist-info/" in name}

    assert "LICENSE" in names


def test_the_version_is_the_one_in_the_source(metadata):
    """The version is defined in one place."""

    assert metadata["Version"] == __version__


def test_the_metadata_name_the_project(metadata):
    """The metadata has the name, the license and the oldest Python."""
    facts = {key: metadata[key] for key in ("Name", "Requires-Python", "Description-Content-Type")}

    assert facts == {
        "Name": "pscheduler-batch",
        "Requires-Python": ">=3.9",
        "Description-Content-Type": "text/markdown",
    }


def test_only_what_a_batch_needs_is_required(metadata):
    """Dependencies of the embedded server and the tests are extras; those of a first report are not."""
    required = {text.split(">")[0].strip() for text in metadata.get_all("Requires-Dist") if "extra ==" not in text}

    requests = {"aiohappyeyeballs", "httpcore", "httpx"}
    assert required == {"click", "isodate", "jinja2", "jq", "jsonschema-rs", "python-dateutil", "rich", *requests}
    assert {"all", "dev", "embedded", "test"} <= set(metadata.get_all("Provides-Extra"))


def test_every_entry_point_leads_somewhere(site):
    """Each name in the metadata can be imported from the installed wheel."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOAD_ALL],
        env=site.environ,
        cwd=site.folder,  # not the project's folder, whose own metadata may be of another day
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert "pscheduler.commands batch True" in done.stdout
    assert "pscheduler_batch.embedded_tests rtt RttTest" in done.stdout
    assert "pytest11 pscheduler_batch" in done.stdout


def test_every_measurement_of_the_embedded_server_is_announced():
    """setup.cfg names every module with a measurement."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    announced = settings["options.entry_points"]["pscheduler_batch.embedded_tests"].split("\n")
    modules = {line.rpartition(":")[0].rpartition(".")[2] for line in announced if line}
    written = {path.stem for path in (ROOT / "pscheduler_batch/embedded/tests").glob("[!_]*.py")}

    assert modules == written
