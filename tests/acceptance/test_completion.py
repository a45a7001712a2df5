"""Completion in the real shells, by the files that are installed for them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List, Set, Tuple

import pytest

from pscheduler_batch.report.formats import FORMATS
from tests.support.commands import TIME_LIMIT

ROOT = Path(__file__).parents[2]
COMPLETION = ROOT / "plugins" / "completion"
HOST = "ps-known.example.net"
FILE = "batch-here.json"

# What is typed, the last word of it unfinished, and what is offered; `FILES` where the shell itself looks for files.
FILES = "(files)"
CASES: List[Tuple[List[str], Set[str]]] = [
    (["pscheduler", "batch-s"], {"batch-server"}),
    (["pscheduler", "batch-report", "--form"], {"--format"}),
    (["pscheduler", "batch", "--assi"], {"--assist", "--assist-bind"}),
    (["pscheduler", "batch", "--if-locked", ""], {"fail", "skip"}),
    (["pscheduler", "batch", "--lead", "ps-kn"], {HOST}),
    (["pscheduler", "batch", "--lock", "batch-h"], {FILES}),
    (["pscheduler", "batch", "--embedded", "batch-h"], {FILES}),
    (["pscheduler", "batch-server", "--real"], {"--real-pace"}),
    (["pscheduler-batch", "--no-su"], {"--no-summary"}),
    (["pscheduler-batch", "--assist", "ps-kn"], {HOST}),
    (["pscheduler-batch", "--check", "--format", ""], {"text", "json"}),
    (["pscheduler-batch", "--shuffle", "batch-h"], {FILES}),
    (["pscheduler-batch", "--report", "a", "--format", ""], set(FORMATS)),
    (["pscheduler-batch", "--format", "j"], {"junit", "json", "jsonl"}),
    (["pscheduler", "batch-compare", "--wi"], {"--with"}),
    (["pscheduler-batch-compare", FILE, "--with", "batch-h"], {FILES}),
    (["pscheduler-batch-compare", "--metric", "throughput-v"], {"throughput-variation"}),
    (["pscheduler-batch-new", "--ps"], {"--psconfig"}),
    (["pscheduler-batch-plugins", "in"], {"install"}),
    (["pscheduler-batch-plugins", "--check"], {"--check-config"}),
    (["pscheduler-batch-report", "--form"], {"--format"}),
    (["pscheduler-batch-report", "--format", "ht"], {"html"}),
]

# Both shells call a function for what the program offers; what it would hand to the line that is edited is written.
BASH = """
source {folder}/bash/pscheduler
source {folder}/bash/pscheduler-batch
source {folder}/bash/pscheduler-batch-compare
source {folder}/bash/pscheduler-batch-new
source {folder}/bash/pscheduler-batch-plugins
source {folder}/bash/pscheduler-batch-report
compopt() {{ echo "(files)"; }}
ask() {{
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    "_${{1//-/_}}_completion" "$1" "${{@: -1}}"
    printf '%s\\n' "${{COMPREPLY[@]}}" ==
}}
"""
ZSH = """
fpath=({folder}/zsh $fpath)
autoload -U _pscheduler _pscheduler-batch _pscheduler-batch-compare
autoload -U _pscheduler-batch-new _pscheduler-batch-plugins _pscheduler-batch-report
compdef() {{ }}
_describe() {{ print -rl -- "${{completions_with_descriptions[@]%%:*}}"; }}
compadd() {{ print -rl -- "${{completions[@]}}"; }}
_path_files() {{ print "(files)"; }}
ask() {{
    words=("$@") CURRENT=$#
    "_$1"
    print "=="
}}
"""
# fish says itself what it would offer, files included, with the descriptions behind tabs.
FISH = """
source {folder}/fish/pscheduler.fish
source {folder}/fish/pscheduler-batch.fish
source {folder}/fish/pscheduler-batch-compare.fish
source {folder}/fish/pscheduler-batch-new.fish
source {folder}/fish/pscheduler-batch-plugins.fish
source {folder}/fish/pscheduler-batch-report.fish
function ask
    complete -C "$argv" | string replace -r '\\t.*' '' | string replace -r '^{file}$' '(files)'
    echo ==
end
"""
SHELLS: Dict[str, Tuple[List[str], str]] = {
    "bash": (["bash", "--norc", "-c"], BASH),
    "zsh": (["zsh", "-f", "-c"], ZSH),
    "fish": (["fish", "--no-config", "-c"], FISH),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_options_values_hosts_and_files(shell, site, tmp_path):
    """Each file asks the program, and the shell offers what it says."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    command, beginning = SHELLS[shell]
    tmp_path.joinpath(FILE).touch()
    asking = "\n".join(f"ask {' '.join(shlex.quote(word) for word in words)}" for words, _ in CASES)
    done = subprocess.run(
        [*command, beginning.format(folder=shlex.quote(str(COMPLETION)), file=FILE) + asking],
        cwd=tmp_path,
        env={**site.environ, "PSCHEDULER_ASSIST": HOST, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    offered = [set(part.split()) for part in done.stdout.split("==\n")[:-1]]

    assert done.stderr == ""
    assert offered == [expected for _, expected in CASES]
