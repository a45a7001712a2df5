"""
Build the packages of packaging/, and check them.

    packages.py

The Debian package is installed into a new Debian root that has python3 and nothing else, without network, and removed
again, also beside a package that stands in for pScheduler. The RPM package is unpacked and erased in a root of its own.
Its scriptlets run in the Debian root, with a stand-in for the Python of EL that logs what it is to run. What this
machine cannot check is printed.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Optional, Set

ROOT = Path(__file__).parents[1]
# Ubuntu's is made in the same way as Debian's, from wheels that the single file has, too.
TARGETS = ("debian-12", "el-9", "single-file")
SITE_FILE = "etc/pscheduler/tool/batch-processor.json"
EXAMPLE = "usr/share/doc/pscheduler-batch/examples/rtt.json"
HOME = "usr/lib/pscheduler-batch"
METHOD = "usr/lib/pscheduler/classes/test/batch/enumerate"
BATCH_COMMAND = "usr/lib/pscheduler/commands/batch"
# Where the packages are in the root.
OURS = "/var/cache/package.deb"
STAND_IN = "/var/cache/stand-in.deb"
WARM_BOOTS = "var/log/warmboots"
# What a package manager writes about packages, and what the system writes while it runs.
RECORDS = ("var/lib/dpkg", "var/lib/rpm", "var/log", "var/cache", "proc", "sys", "dev", "tmp", "run")
COMMANDS = (
    "pscheduler-batch",
    "pscheduler-batch-compare",
    "pscheduler-batch-new",
    "pscheduler-batch-plugins",
    "pscheduler-batch-report",
)
# Brings up the loopback interface of a new network namespace: SIOCSIFFLAGS, IFF_UP and IFF_RUNNING.
LOOPBACK_UP = "import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14x', b'lo', 0x41))"
PSCHEDULER = {
    "DEBIAN/control": "Package: pscheduler-server\nVersion: 1\nArchitecture: all\nMaintainer: CI <root@localhost>\n"
    "Description: stands in for pScheduler\n",
    "usr/bin/pscheduler": f'#!/bin/sh\necho "$@" >> /{WARM_BOOTS}\n',
    "usr/lib/pscheduler/classes/test/other/enumerate": "",
    "usr/lib/pscheduler/classes/tool/other/enumerate": "",
    BATCH_COMMAND: "#!/bin/sh\necho pScheduler has this\n",
}


STAND_IN_SPEC = """
Name: pscheduler-core
Version: %{number}
Release: 1
Summary: Stands in for pScheduler
License: none
BuildArch: noarch
%description
Stands in for pScheduler.
%install
mkdir -p %{buildroot}/usr/libexec/pscheduler/classes %{buildroot}/usr/bin
printf '#!/bin/sh\\necho pscheduler "$@" >> /var/log/calls\\n' > %{buildroot}/usr/bin/pscheduler
chmod +x %{buildroot}/usr/bin/pscheduler
%files
/usr/bin/pscheduler
/usr/libexec/pscheduler
"""


def run(*command: str, limit: float = 60, environment: Optional[Dict[str, str]] = None) -> str:
    """Run a command with a time limit in seconds, and return its output; end the check with all of it if it fails."""
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=limit, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)[:200]}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def expect(truth: object, what: str) -> None:
    """End the check unless something is true."""
    if not truth:
        sys.exit(f"packages: {what}")


def isolated(root: Path, *command: str) -> str:
    """Run a command in a root without any network but a loopback interface of its own."""
    inside = ("unshare", "--net", "--pid", "--fork", "--kill-child", f"--root={root}", "--mount-proc")
    script = 'python3 -c "$0" && exec "$@"'
    paths = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
    return run(*inside, "sh", "-c", script, LOOPBACK_UP, *command, limit=90, environment=paths)


def list_files(root: Path) -> Set[str]:
    """Return the paths of all files and directories of a root but the records of the system."""
    paths = (path.relative_to(root).as_posix() for path in root.rglob("*"))
    return {path for path in paths if not path.startswith(tuple(f"{name}/" for name in RECORDS))}


def check_results(text: str, work: Path) -> None:
    """Expect that the output of a batch has runs, and that all have succeeded."""
    results = work / "results.json"
    results.write_text(text)
    run(sys.executable, str(ROOT / ".ci/results.py"), str(results))


def make_stand_in(work: Path) -> Path:
    """Build a package that has the directories and the command of pScheduler."""
    for name, content in PSCHEDULER.items():
        path = work / "stand-in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o644 if name.startswith("DEBIAN") else 0o755)
    package = work / "stand-in.deb"
    run("dpkg-deb", "--root-owner-group", "--build", str(work / "stand-in"), str(package))
    return package


def check_deb(package: Path, root: Path, work: Path) -> None:
    """Install the package into a root, use it and remove it, alone, before a pScheduler and after it."""
    for inside, path in {OURS: package, STAND_IN: make_stand_in(work)}.items():
        shutil.copy(path, root / inside.lstrip("/"))
    before = list_files(root)

    isolated(root, "dpkg", "--install", OURS)
    for command in COMMANDS:
        isolated(root, command, "--version")
    check_results(isolated(root, "pscheduler-batch", "--embedded", f"/{EXAMPLE}"), work)
    isolated(root, "pscheduler-batch-plugins", "--check-config")
    expect(any((root / HOME).rglob("*.pyc")), "the modules are not compiled")
    print("  installed into a new root, example run without network")

    isolated(root, "dpkg", "--install", STAND_IN)
    method = isolated(root, f"/{METHOD}")
    expect(json.loads(method)["name"] == "batch", f"the plug-in describes itself as {method}")
    expect((root / WARM_BOOTS).read_text() == "internal warmboot\n", "no warm boot of a pScheduler installed later")
    isolated(root, "dpkg", "--remove", "pscheduler-batch")
    left = list_files(root) - before
    ours = {path for path in left if "batch" in path}
    expect(ours <= {SITE_FILE, BATCH_COMMAND}, f"left after the removal: {sorted(ours)}")
    expect(SITE_FILE in ours, "the file of the site is gone before a purge")
    expect("pScheduler has this" in (root / BATCH_COMMAND).read_text(), "pScheduler's own command is not back")
    expect((root / WARM_BOOTS).read_text() == "internal warmboot\n" * 2, "the removal did not warm-boot pScheduler")
    print("  pScheduler installed later: plug-ins there; package removed: plug-ins gone")

    isolated(root, "dpkg", "--install", OURS)
    expect((root / METHOD).exists(), "the plug-ins are not installed beside a pScheduler")
    isolated(root, "dpkg", "--install", OURS)
    expect((root / METHOD).exists(), "an upgrade has removed the plug-ins")
    isolated(root, "dpkg", "--purge", "pscheduler-server")
    isolated(root, "dpkg", "--purge", "pscheduler-batch")
    left = list_files(root) - before
    expect(not left, f"left after the purge: {sorted(left)}")
    print("  pScheduler there before, and removed first: purged, nothing left")


def check_rpm(package: Path, work: Path, deb: Path) -> None:
    """Check the contents and the scriptlets of the RPM package, and that erasing it leaves nothing."""
    query = ("rpm", "--query", "--package", str(package))
    requires = run(*query, "--requires")
    expect("python(abi) = 3.9" in requires, "it does not require Python 3.9")
    expect("dist(" not in requires, f"it requires packages that it has in it: {requires}")
    expect(SITE_FILE in run(*query, "--configfiles"), "the file of the site is no configuration")
    scripts = run(*query, "--scripts") + run(*query, "--triggers")
    for wanted in ("compileall", "pscheduler-batch-plugins install", "pscheduler-batch-plugins remove", "warmboot"):
        expect(wanted in scripts, f"no scriptlet has {wanted}")
    for tag in ("POSTIN", "TRIGGERSCRIPTS"):
        for script in run(*query, "--queryformat", f"[%{{{tag}}}\\n#####\\n]").split("\n#####\n"):
            run("sh", "-n", "-c", script)
    names = set(run(*query, "--list").split("\n"))
    of_deb = {line.split(" -> ")[0].split(" ./")[-1] for line in run("dpkg-deb", "--contents", str(deb)).splitlines()}
    for path in filter(lambda path: path.startswith(("usr/bin/", "usr/share/man/", "etc/")), of_deb):
        expect(f"/{path}" in names or path.endswith("/"), f"/{path} is in the Debian package only")
    modules = {name.replace("python3.11", "python3.9") for name in of_deb if "/site-packages/pscheduler" in name}
    expect({f"/{name}" for name in modules if name.endswith(".py")} <= names, "modules are missing")

    root = work / "rpm-root"
    root.mkdir()
    in_root = ("rpm", "--root", str(root), "--nodeps", "--noscripts", "--notriggers")
    run(*in_root, "--install", str(package))
    packages = root / HOME / "lib/python3.9/site-packages"
    python = os.environ.get("PYTHON_OLDEST")
    if python:
        run(python, "-m", "compileall", "-q", str(packages))
        command = "import sys; from pscheduler_commands import main; sys.exit(main())"
        check_results(
            run(
                *(python, "-s", "-c", command, "batch", "--embedded", str(root / EXAMPLE)),
                environment={"PYTHONPATH": str(packages)},
            ),
            work,
        )
        print("  contents and scriptlets checked, example run with Python 3.9")
    else:
        print("  contents and scriptlets checked; not run, as PYTHON_OLDEST names no Python 3.9")
    run(*in_root, "--erase", "pscheduler-batch")
    left = {path for path in list_files(root) if "pscheduler" in path}
    expect(not left, f"left after erasing: {sorted(left)}")


def check_scriptlets(package: Path, root: Path, work: Path) -> None:
    """Expect what the scriptlets of the RPM package run, in a Debian root without Python 3.9."""
    (work / "stand-in.spec").write_text(STAND_IN_SPEC)
    stand_ins: List[Path] = []
    for number in ("1", "2"):
        options = ("--define", f"number {number}", "--define", f"_topdir {work}/rpmbuild-{number}")
        run("rpmbuild", "--quiet", "-bb", *options, str(work / "stand-in.spec"))
        stand_ins += (work / f"rpmbuild-{number}/RPMS").rglob("*.rpm")
    first, second = map(str, stand_ins)
    python = root / "usr/bin/python3.9"
    python.write_text('#!/bin/sh\necho python "$@" >> /var/log/calls\n')
    python.chmod(0o755)
    compiled = "python -m compileall -q /usr/lib/pscheduler-batch/lib"
    installed = "python /bin/pscheduler-batch-plugins install"
    removed = "python /bin/pscheduler-batch-plugins remove"
    booted = "pscheduler internal warmboot"
    calls = root / "var/log/calls"
    for arguments, expected in (
        (("--install", str(package)), [compiled]),
        (("--install", first), [installed, booted]),
        (("--upgrade", second), [installed, booted]),
        (("--upgrade", "--force", str(package)), [compiled, installed, booted]),
        (("--erase", "pscheduler-batch"), [removed, booted]),
        (("--install", str(package)), [compiled, installed, booted]),
        (("--erase", "pscheduler-core"), [removed]),
        (("--erase", "pscheduler-batch"), []),
    ):
        calls.write_text("")
        run("rpm", "--root", str(root), "--nodeps", *arguments)
        called = calls.read_text().replace("/usr/bin/pscheduler", "/bin/pscheduler").splitlines()
        expect(called == expected, f"rpm {' '.join(arguments)} called {called}, not {expected}")
    print("RPM package, scriptlets with a stand-in for Python 3.9: as expected")


def check_single_file(executable: Path, work: Path) -> None:
    """Run the single file as a user who has an empty home directory."""
    home = {"HOME": str(work / "home"), "XDG_CACHE_HOME": str(work / "home/cache")}
    check_results(run(str(executable), "batch", "--embedded", str(ROOT / "examples/rtt.json"), environment=home), work)
    run(str(executable), "batch-report", "--help", environment=home)
    print(f"  example run, {executable.stat().st_size / 1e6:.0f} MB")


def has(what: str, *programs: str) -> bool:
    """Return whether programs are installed; if not, print what is not checked."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        print(f"Not checked: {what}, as {' and '.join(missing)} cannot be found.")
    return not missing


def main() -> None:
    """Build and check all packages that this machine can build."""
    tools: Dict[str, List[str]] = {"el-9": ["rpmbuild", "rpm"], "debian-12": ["dpkg-deb"]}
    targets = [target for target in TARGETS if has(target, *tools.get(target, []))]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        work = Path(directory)
        work.chmod(0o755)
        root = work / "root"
        can_install = os.geteuid() == 0 and platform.machine() == "x86_64" and has("an installation", "mmdebstrap")
        maker = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=python3", "bookworm", str(root)]
        making = subprocess.Popen(maker, stdin=subprocess.DEVNULL) if can_install else None
        try:
            run(str(ROOT / "packaging/build"), "--output", str(work / "packages"), *targets, limit=400)
            by_ending = {path.suffix: path for path in (work / "packages").iterdir()}
            deb = by_ending.get(".deb")
            print("built", *sorted(path.name for path in by_ending.values()))
            if deb and has("the style of the Debian package", "lintian"):
                run("lintian", "--fail-on", "error,warning,info", "--display-info", str(deb))
                print("lintian: nothing")
            if ".rpm" in by_ending and has("the style of the RPM package", "rpmlint"):
                report = run("rpmlint", "--config", str(ROOT / "packaging/redhat/rpmlint.toml"), str(by_ending[".rpm"]))
                expect("0 errors, 0 warnings" in report, report)
                print("rpmlint: nothing")
            print("single file:")
            check_single_file(work / "packages/pscheduler", work)
            if deb and ".rpm" in by_ending:
                print("RPM package:")
                check_rpm(by_ending[".rpm"], work, deb)
            if making is None:
                print("Not checked: installing the Debian package; this needs root on Debian, and mmdebstrap.")
            elif deb:
                print("Debian package:")
                expect(making.wait(timeout=120) == 0, "mmdebstrap has failed")
                check_deb(deb, root, work)
                if ".rpm" in by_ending:
                    check_scriptlets(by_ending[".rpm"], root, work)
        finally:
            if making is not None and making.poll() is None:
                making.terminate()
                making.wait(timeout=30)


if __name__ == "__main__":
    main()
