"""The RPM package."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Iterator

import tree

OWN_DIRECTORIES = (tree.HOME, "/etc/pscheduler", "/usr/share/doc/pscheduler-batch")
SPEC = Path(__file__).parent / "redhat/pscheduler-batch.spec"


def build(root: Path, release: tree.Release, *, version: str, output: Path) -> Path:
    """
    Make a package of files that are laid out, and return its path.

    Compiled modules become ghosts: the package creates them when it is installed, and rpm removes them with it.

    Raises:
        subprocess.CalledProcessError: rpmbuild has failed.
    """
    tag = f"cpython-{release.python.replace('.', '')}"
    compiled = [
        module.parent / "__pycache__" / f"{module.stem}.{tag}.pyc"
        for module in sorted((root / tree.HOME.lstrip("/")).rglob("*.py"))
    ]
    for path in compiled:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    tree.set_modes(root)
    listed = output.parent / "files"
    listed.write_text("\n".join(_list_files(root)) + "\n")
    moment = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc)
    top = output.parent / "rpmbuild"
    macros = {
        "_topdir": str(top),
        "_rpmdir": str(output),
        "_rpmfilename": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
        "package_tree": str(root),
        "package_files": str(listed),
        "project_version": version,
        "release_suffix": release.suffix,
        "release_python": release.python,
        "release_date": f"{moment:%a %b %d %Y}",
    }
    options = [option for name, value in macros.items() for option in ("--define", f"{name} {value}")]
    subprocess.run(["rpmbuild", "--quiet", "-bb", *options, str(SPEC)], check=True)
    return next(output.glob("*.rpm"))


def _list_files(root: Path) -> Iterator[str]:
    """
    Yield a line of the list of files for rpmbuild for each path that belongs to the package.

    Directories of the distribution do not; those of pScheduler do, as they may be on no host without it.
    """
    for path in sorted(root.rglob("*")):
        place = f"/{path.relative_to(root)}"
        if path.is_dir() and not path.is_symlink():
            if place.startswith(OWN_DIRECTORIES):
                yield f"%dir {place}"
        elif place.startswith("/etc/"):
            yield f"%config(noreplace) {place}"
        elif place.startswith("/usr/share/doc/"):
            yield f"%doc {place}"
        elif path.suffix == ".pyc":
            yield f"%ghost {place}"
        else:
            yield place
