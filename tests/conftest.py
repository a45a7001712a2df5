"""What tests share: the project built once, from a copy, and installed into a folder; and an embedded server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, Optional, Tuple

import pytest

from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.embedded.tests.idlebgm import IdlebgmTest
from pscheduler_batch.embedded.tests.noop import NoopTest
from pscheduler_batch.embedded.tests.rtt import RttTest
from tests.support.journals import close_all
from tests.support.wire import Wire, serving

ROOT = Path(__file__).parents[1]
NOT_SOURCE = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", "*.egg-info", "build", "dist")
BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"
QUICK = Pace(scheduling=0.02, setup=0.03, cleanup=0.01)
INSTALL = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation")


# The most characters of a value in the name of a test: whole programs and absurd numbers are among them.
LONGEST_VALUE = 80


def pytest_make_parametrize_id(val: object) -> Optional[str]:
    """Cut long values in the names of tests; None leaves one to pytest."""
    if not isinstance(val, (str, bytes, int)) or isinstance(val, bool):
        return None
    text = f"{val:x}" if isinstance(val, int) else val if isinstance(val, str) else repr(val)
    return f"{ascii(text[:LONGEST_VALUE])[1:-1]}..." if len(text) > LONGEST_VALUE else None


@dataclass(frozen=True)
class Site:
    """
    A folder into which packages are installed, with the environment that makes them found.

    Attributes:
        folder: Where the modules are; programs are in its ``bin``.
    """

    folder: Path

    @property
    def environ(self) -> Dict[str, str]:
        """The environment: this folder first on the paths, nothing of the caller's own settings for pScheduler."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PSCHEDULER_", "PYTHON"))}
        return {
            **kept,
            "PYTHONPATH": str(self.folder),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }

    def install(self, *what: Path) -> None:
        """Install packages, from wheels or folders, without a network."""
        run_python(*INSTALL, "--target", str(self.folder), *map(str, what))


def run_python(*arguments: str, cwd: Path = ROOT) -> str:
    """Run this Python with some arguments; give what it writes to stdout, fail with all that it wrote."""
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{arguments}: {done.stdout}{done.stderr}")
    return done.stdout


@pytest.fixture(scope="session")
def sdist(tmp_path_factory) -> Path:
    """The source distribution, made from a copy of the tree."""
    copy = tmp_path_factory.mktemp("tree") / "source"
    shutil.copytree(ROOT, copy, ignore=NOT_SOURCE)
    made = run_python("-W", "ignore", "-c", BUILD, "build_sdist", "dist", cwd=copy).splitlines()[-1]
    return copy / "dist" / made


@pytest.fixture(scope="session")
def wheel(sdist, tmp_path_factory) -> Path:
    """The wheel, made from the source distribution alone."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        # Later Pythons complain where there is no filter, and earlier ones have none.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)  # noqa: S202 - we made it ourselves
    (source,) = folder.iterdir()
    made = run_python("-W", "ignore", "-c", BUILD, "build_wheel", "dist", cwd=source).splitlines()[-1]
    return source / "dist" / made


@pytest.fixture(scope="session")
def site(wheel, tmp_path_factory) -> Site:
    """A folder with the wheel installed in it; tests change nothing there."""
    site = Site(tmp_path_factory.mktemp("site"))
    site.install(wheel)
    return site


@pytest.fixture(scope="session")
def _running_server() -> Iterator[EmbeddedServer]:
    tests = {test.name: test for test in (IdleTest(), IdlebgmTest(), NoopTest(), RttTest())}
    with EmbeddedServer(tests=tests, pace=QUICK, keep_alive=True) as server:
        yield server


@pytest.fixture
def pscheduler(_running_server) -> EmbeddedServer:
    """A server without faults that was asked nothing yet."""
    _running_server.state.faults.clear()
    _running_server.state.requests.clear()
    return _running_server


@pytest.fixture
def there(pscheduler) -> Tuple[str, ...]:
    """The options that send everything to that server."""
    return ("--assist", pscheduler.netloc, "--lead", pscheduler.netloc)


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    """Make servers of files, of a case; every request goes to the last one made."""
    with serving() as make:
        yield make


@pytest.fixture
def path(tmp_path) -> Iterator[str]:
    """Where a journal can be; what was opened by the helpers for journals is closed in the end."""
    yield str(tmp_path / "journal")
    close_all()
