"""The Debian package."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from email.utils import formatdate
from pathlib import Path
from string import Template

import tree

HERE = Path(__file__).parent / "debian"
CONTROL = ("preinst", "postinst", "prerm", "postrm", "triggers")


def build(root: Path, release: tree.Release, *, version: str, glibc: int, output: Path) -> Path:
    """
    Make a package of files that are laid out, and return its path.

    Args:
        root: The files, which are added to.
        release: The release for which the package is.
        version: The version of the project.
        glibc: The N of the glibc 2.N that the files require.
        output: The directory for the package.

    Raises:
        subprocess.CalledProcessError: dpkg-deb has failed.
    """
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()
    full_version = f"{version}-1~{release.suffix}"
    documents = root / "usr/share/doc/pscheduler-batch"
    shutil.copy(HERE / "copyright", documents)
    shutil.copy(Path(__file__).parents[1] / "CHANGELOG.md", documents / "changelog")
    tree.compress(documents / "changelog")
    (documents / "changelog.Debian").write_text(
        f"pscheduler-batch ({full_version}) stable; urgency=medium\n\n"
        f"  * Package version {version}; changelog.gz has the changes.\n\n"
        f" -- The pscheduler-batch authors <root@localhost>  {formatdate(float(os.environ['SOURCE_DATE_EPOCH']))}\n"
    )
    tree.compress(documents / "changelog.Debian")
    overrides = root / "usr/share/lintian/overrides"
    overrides.mkdir(parents=True)
    shutil.copy(HERE / "lintian-overrides", overrides / "pscheduler-batch")
    tree.set_modes(root)

    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    control = root / "DEBIAN"
    control.mkdir()
    for name in CONTROL:
        shutil.copy(HERE / name, control)
    major, minor = map(int, release.python.split("."))
    (control / "control").write_text(
        Template((HERE / "control").read_text(encoding="utf-8")).substitute(
            version=full_version,
            architecture=architecture,
            size=sum(-(-path.stat().st_size // 1024) for path in files),
            glibc=glibc,
            python=release.python,
            next_python=f"{major}.{minor + 1}",
        )
    )
    inside = {path: path.relative_to(root).as_posix() for path in files}
    (control / "conffiles").write_text("".join(f"/{name}\n" for name in inside.values() if name.startswith("etc/")))
    (control / "md5sums").write_text(
        "".join(f"{hashlib.md5(path.read_bytes()).hexdigest()}  {name}\n" for path, name in inside.items())  # noqa: S324
    )
    tree.set_modes(control)
    package = output / f"pscheduler-batch_{full_version}_{architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(package)], check=True)
    return package
