"""The files of an installation, laid out below a directory as they will stand below /."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import List

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

ROOT = Path(__file__).parents[1]
HOME = "/usr/lib/pscheduler-batch"
SITE_FILE = "/etc/pscheduler/tool/batch-processor.json"


@dataclass(frozen=True)
class Release:
    """
    A release of a distribution.

    Attributes:
        suffix: What its packages have behind their version.
        python: The version of its python3.
        glibc: The N of its glibc 2.N.
        zsh: Where zsh of the distribution looks for functions of packages, relative to /usr/share.
        units: Where its systemd looks for units of packages.
    """

    suffix: str
    python: str
    glibc: int
    zsh: str
    units: str


def lay_out(root: Path, release: Release, project: Path, requirements: List[Path]) -> None:
    """
    Lay out everything that a package has in it.

    Args:
        root: A new directory, which stands for /.
        release: The release for which the package is.
        project: The wheel of the project.
        requirements: The wheels of everything that it requires.
    """
    root.mkdir()
    _make_environment(root, release, project, requirements)
    share = root / "usr/share"
    if release.zsh != "zsh/site-functions":
        (share / release.zsh).parent.mkdir(exist_ok=True)
        (share / "zsh/site-functions").rename(share / release.zsh)
    for page in (share / "man/man1").iterdir():
        compress(page)
    # pScheduler has a command of this name, and its own completion of it for bash.
    for completion in ("bash-completion/completions/pscheduler", "fish/vendor_completions.d/pscheduler.fish"):
        (share / completion).unlink()
    (share / release.zsh / "_pscheduler").unlink()
    units = root / release.units.lstrip("/")
    units.mkdir(parents=True)
    for unit in (ROOT / "packaging/systemd").iterdir():
        shutil.copy(unit, units)
    (root / "etc/pscheduler-batch").mkdir(parents=True)
    site_file = root / SITE_FILE.lstrip("/")
    site_file.parent.mkdir(parents=True)
    shutil.copy(ROOT / "pscheduler_batch/plugins/batch-processor.json", site_file)
    documents = share / "doc/pscheduler-batch"
    documents.mkdir(parents=True)
    shutil.copytree(ROOT / "examples", documents / "examples")
    shutil.copy(ROOT / "README.md", documents)
    set_modes(root)


def set_modes(root: Path) -> None:
    """Make everything readable to all, and executable if it is an executable script, whatever the umask is."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or _is_executable_script(path) else 0o644)


def compress(path: Path) -> None:
    """Replace a file by a compressed one, FILE.gz, without a time in it."""
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()


def _is_executable_script(path: Path) -> bool:
    with path.open("rb") as file:
        return bool(path.stat().st_mode & 0o100) and file.read(2) == b"#!"


def _make_environment(root: Path, release: Release, project: Path, requirements: List[Path]) -> None:
    """
    Install wheels into a virtual environment for the python3 of the release, which this machine need not have.

    The files of the project for other programs, such as man pages, go below /usr.
    """
    home = root / HOME.lstrip("/")
    packages = home / f"lib/python{release.python}/site-packages"
    scripts = home / "bin"
    scripts.mkdir(parents=True)
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {release.python}\n"
    )
    (scripts / f"python{release.python}").symlink_to(f"../../../bin/python{release.python}")
    (scripts / "python3").symlink_to(f"python{release.python}")
    (scripts / "python").symlink_to("python3")
    for wheel in (project, *requirements):
        schemes = dict.fromkeys(("purelib", "platlib", "headers"), str(packages))
        schemes["scripts"] = str(scripts)
        schemes["data"] = str(root / "usr" if wheel is project else home)
        destination = SchemeDictionaryDestination(
            schemes, f"{HOME}/bin/python", script_kind="posix", overwrite_existing=False
        )
        with WheelFile.open(wheel) as source:
            install(source, destination, additional_metadata={"INSTALLER": b"pscheduler-batch\n"})
    for script in scripts.iterdir():
        if not script.is_symlink() and not script.name.startswith("pscheduler"):
            script.unlink()  # The command of a package that is only used as a library.
    shutil.copy(ROOT / "examples/cron/keep-a-week", scripts)
    commands = root / "usr/bin"
    commands.mkdir(exist_ok=True)
    for script in scripts.glob("pscheduler-batch*"):
        (commands / script.name).symlink_to(f"../lib/pscheduler-batch/bin/{script.name}")
