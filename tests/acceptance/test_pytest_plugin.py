"""Run the tests in docs/testing.md as they are written there, with the fixtures that pytest finds by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.commands import environment

ROOT = Path(__file__).parents[2]


def test_the_tests_of_the_document_pass(tmp_path):
    """All blocks of Python together are a file of tests, which runs beside the examples."""
    text = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "test_document.py").write_text("\n\n".join(blocks), encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "--strict-markers", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment(BETA="", PATH=programs),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(re.findall('^def test_', text, re.MULTILINE))} passed" in done.stdout
