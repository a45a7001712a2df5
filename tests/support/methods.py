"""Methods of the plug-ins, called in this process, or as files of a class folder."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

from pscheduler_batch.plugins.methods import METHODS, Call, method_file, run_method


def called(method: str, value: Any = None, *arguments: str) -> str:
    """
    Call a method and return what it prints.

    Args:
        method: The path below the class folder, such as ``test/batch/participants``.
        value: What it reads, as JSON; None for nothing at all.
        arguments: Its arguments.
    """
    kind, name, word = method.split("/")
    text = b"" if value is None else json.dumps(value).encode()
    # What this machine may allow is no concern of tests.
    return run_method(METHODS[kind, name][word], Call(arguments, io.BytesIO(text), "/does-not-exist"))


def answered(method: str, value: Any = None, *arguments: str) -> Any:
    """Call a method that prints JSON."""
    return json.loads(called(method, value, *arguments))


class InstalledClasses:
    """
    A class folder with the plug-ins, and the permission file of its host.

    Attributes:
        path: The class folder.
        permission: The permission file.
    """

    def __init__(self, folder: Path) -> None:
        """Install them below a folder; the tests of this server are allowed on all hosts."""
        self.path = folder / "classes"
        self.permission = folder / "permission.json"
        for (kind, name), methods in METHODS.items():
            for method in methods:
                path = self.path / kind / name / method
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(method_file(sys.executable, str(self.permission)))
                path.chmod(0o755)
        self.allow()

    def allow(self, **pairs: Any) -> None:
        """Write the permission file, with these pairs besides what is needed."""
        given = {"enabled": True, "tests": ["idle", "noop", "batch"], "hosts": ["*"], "max-duration": "PT2H"}
        self.permission.write_text(json.dumps({**given, **pairs}))
