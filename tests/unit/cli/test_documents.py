"""Compare the documents with the code."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

import click
import pytest
from click.core import ParameterSource
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from pscheduler_batch import BatchProcessor
from pscheduler_batch.cli import batch as cli
from pscheduler_batch.cli.batch_compare import batch_compare
from pscheduler_batch.cli.batch_new import batch_new
from pscheduler_batch.cli.batch_plugins import batch_plugins
from pscheduler_batch.cli.batch_report import batch_report
from pscheduler_batch.cli.batch_server import batch_server
from pscheduler_batch.cli.option_sections import SectionedCommand, variables_of
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.http.transport import CONNECT_SECONDS, MAX_BODY
from pscheduler_batch.output.console import LARGEST_INPUT
from pscheduler_batch.running.canceling import CANCEL_SECONDS
from pscheduler_batch.running.signals import ENDING, SignalWatch
from pscheduler_batch.scheduler.first_run import LONGEST
from pscheduler_batch.scheduler.posting import ATTEMPTS
from pscheduler_batch.scheduler.tasks import MARK
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.settings import Settings

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INTEGRATIONS = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
COMMANDS: Dict[str, click.Command] = {
    "pscheduler-batch": cli.batch,
    "pscheduler-batch-compare": batch_compare,
    "pscheduler-batch-new": batch_new,
    "pscheduler-batch-plugins": batch_plugins,
    "pscheduler-batch-report": batch_report,
    "pscheduler-batch-server": batch_server,
}
SCREEN = (24, 80)  # The lines and columns of a terminal.

# Options of other programs that the man pages mention.
FOREIGN = {"--count", "--dest", "--duration", "--export", "--insecure"}

# Variables that no code reads by name: click's and the shell's way home, and the one that a shell script reads.
READ_OTHERWISE = {"HOME": 'expanduser("~', "PSCHEDULER_BATCH": "$PSCHEDULER_BATCH"}

# How the names of variables begin that click reads, of the options of our commands.
OF_OPTIONS = "PSCHEDULER_BATCH"

# The status of wrong usage comes from click.
WRONG_USAGE = 2

# What HOW IT RUNS says in numbers, as patterns with a number in each, and the same from the code.
PATIENCE = WaitLimits()
RETRIES = RetryPolicy()
NUMBERS = {
    r"waits at most (\d+) minutes for it": PATIENCE.scheduling.total_seconds() / 60,
    r"no more than (\d+) seconds, the first request": LONGEST.total_seconds(),
    r"wait for the run for up to (\d+) seconds": 2 * PATIENCE.first_run_wait,
    r"and for its result for (\d+)": PATIENCE.first_run_wait,
    r"requested after (\d+) seconds and then": PATIENCE.first_look.total_seconds(),
    r"then at least every (\d+) seconds": PATIENCE.look.total_seconds(),
    r"and at least every (\d+) minutes": PATIENCE.longest_look.total_seconds() / 60,
    r"ends within (\d+) seconds is not requested": PATIENCE.look.total_seconds(),
    r"made at most every (\d+) seconds per host": PATIENCE.look_pause.total_seconds(),
    r"wait for (\d+) and \d+ seconds": PATIENCE.waits[0],
    r"wait for \d+ and (\d+) seconds": PATIENCE.waits[1],
    r"seconds, then every (\d+) seconds": PATIENCE.pause.total_seconds(),
    r"(\d+) minutes after its scheduled end": PATIENCE.result.total_seconds() / 60,
    r"made up to (\d+) times": RETRIES.attempts,
    r"status 500 up to (\d+) times": RETRIES.internal_attempts,
    r"when (\d+) minute has passed": RETRIES.limit.total_seconds() / 60,
    r"between half a second and (\d+) second first and twice": RETRIES.first.total_seconds(),
    r"such a request once, for at most (\d+) seconds": RETRIES.in_vain_limit.total_seconds(),
    r"fails (\d+) times in a row": RETRIES.patience_with_host,
    r"for (\d+) second first, then longer": RETRIES.first.total_seconds(),
    r"then longer, up to (\d+) seconds": RETRIES.longest.total_seconds(),
    r"for (\d+) minutes before the iteration": PATIENCE.outage.total_seconds() / 60,
    r"by its mark for (\d+) seconds": PATIENCE.lost_post.total_seconds(),
    r"submitted again, up to (\d+) times": ATTEMPTS,
    r"which tasks to cancel, for up to (\d+) seconds": PATIENCE.cancel.total_seconds(),
    r"(\d+) more seconds remain": CANCEL_SECONDS,
    r"No more than (\d+) requests per host": Settings.max_connections,
    r"request may take (\d+) minutes": Settings.timeout.total_seconds() / 60,
    r"a connection (\d+) seconds": CONNECT_SECONDS,
    r"more than (\d+) MiB": MAX_BODY / 2**20,
}


def read_page(name: str) -> str:
    """Read a man page without fonts and without the backslashes before hyphens."""
    text = (ROOT / "man" / f"{name}.1").read_text(encoding="utf-8")
    return re.sub(r"\\f[A-Z]", "", text.replace(r"\-", "-"))


def section_of(page: str, title: str) -> str:
    """Return a section of a man page."""
    found = re.search(rf"^\.SH {title}$(.*?)(?=^\.SH |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def tags_of(section: str) -> List[str]:
    """List the tags of a section's entries, without macros and quotes."""
    lines = re.findall(r"^\.TP\n(.*)$", section, re.MULTILINE)
    return [re.sub(r'^\.[A-Z]+ |"', "", line) for line in lines]


def options_of(command: click.Command) -> Set[str]:
    """Return the options of a command as they are typed, with short options and --help."""
    context = click.Context(command, **command.context_settings)
    options = [parameter for parameter in command.get_params(context) if isinstance(parameter, click.Option)]
    return {name for option in options for name in option.opts}


def sources() -> Iterator[Path]:
    """Iterate over the Python files of the project, without tests."""
    yield from (ROOT / "pscheduler_batch").rglob("*.py")
    yield from (ROOT / "plugins").rglob("*.py")


def variables_in(path: Path) -> Set[str]:
    """Return the environment variables that a module reads through ``environ``, or names in a constant."""
    found: Set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and re.search(r"\benviron\b", ast.unparse(node.func)):
            found |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)}
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            found |= {n.value for n in ast.walk(node.slice) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {node.value} if re.fullmatch("PSCHEDULER_[A-Z_]+", node.value) else set()
    return found


def test_variables_are_found_in_code():
    """The search finds variables that are read in any of the usual ways."""
    module = ROOT / "pscheduler_batch" / "scheduler" / "hosts.py"

    assert {"PSCHEDULER_ASSIST", "PSCHEDULER_ASSIST_BIND", "PSCHEDULER_LOCALHOST"} <= variables_in(module)


@pytest.mark.parametrize("name", COMMANDS)
def test_man_page_has_an_entry_for_every_option(name):
    """Each option of a command is a tag of its man page's OPTIONS."""
    tags = " ".join(tags_of(section_of(read_page(name), "OPTIONS")))
    missing = {option for option in options_of(COMMANDS[name]) if not re.search(rf"(?<![\w-]){option}(?![\w-])", tags)}

    assert missing == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_man_page_names_no_option_that_does_not_exist(name):
    """Everything that looks like a long option is one: of this command in OPTIONS, of any command elsewhere."""
    page = read_page(name)
    known = set().union(*(options_of(command) for command in COMMANDS.values()))
    options = set(re.findall(r"(?<![\w-])-[a-zA-Z](?![\w-])", " ".join(tags_of(section_of(page, "OPTIONS")))))
    options |= set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", section_of(page, "OPTIONS")))
    everywhere = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", page)) - FOREIGN

    assert everywhere - known == set()
    assert {option for option in options if option in tags_of(page)} - options_of(COMMANDS[name]) == set()


def test_man_page_says_the_defaults_of_numbers():
    """The defaults of numeric options are those of the code."""
    page = section_of(read_page("pscheduler-batch"), "OPTIONS")
    for option in cli.batch.params:
        if isinstance(option.type, click.IntRange) and isinstance(option.default, int):
            entry = re.search(rf'^\.BI {option.opts[0]} " N"\n(.*?)(?=^\.TP|\Z)', page, re.MULTILINE | re.DOTALL)

            assert entry is not None
            assert f"\nDefault: {option.default}.\n" in entry[1]


def test_man_page_says_the_defaults_of_durations():
    """The defaults of durations are those of the code."""
    page = section_of(read_page("pscheduler-batch"), "OPTIONS")
    options = [option for option in cli.batch.params if isinstance(option.type, cli.Duration)]

    assert options
    for option in options:
        entry = re.search(rf'^\.BI {option.opts[0]} " DURATION"\n(.*?)(?=^\.TP|\Z)', page, re.MULTILINE | re.DOTALL)
        assert entry is not None
        assert f"\nDefault:\n.BR {option.default} .\n" in entry[1]


@pytest.mark.parametrize("pattern", NUMBERS)
def test_man_page_says_the_numbers_of_the_code(pattern):
    """The numbers in HOW IT RUNS are those of the code."""
    words = " ".join(section_of(read_page("pscheduler-batch"), "HOW IT RUNS").split())

    assert [float(number) for number in re.findall(pattern, words)] == [NUMBERS[pattern]]


def test_man_page_has_the_limit_of_files():
    """In its description."""
    assert f"larger than {LARGEST_INPUT // 2**20} MiB." in section_of(read_page("pscheduler-batch"), "DESCRIPTION")


def test_documents_name_the_mark():
    """The man page and README.md name the pair of the mark as in tasks."""
    assert f"\n.B {MARK}\n" in section_of(read_page("pscheduler-batch"), "HOW IT RUNS")
    assert f"`{MARK}` pair" in README


def test_man_page_has_every_event_of_a_journal():
    """The man page names everything that a journal records."""
    code = (ROOT / "pscheduler_batch" / "journal" / "journal.py").read_text(encoding="utf-8")
    events = set(re.findall(r'_note(?:_iteration)?\(\s*"(\w+)"', code))
    described = section_of(read_page("pscheduler-batch"), "HOW IT RUNS").split("The first event is", 1)[1]

    assert len(events) > 1
    assert {event for event in events if not re.search(rf"^\.BR? {event}\b", described, re.MULTILINE)} == set()


def statuses_of_signals() -> Set[int]:
    """Return the exit statuses of batches that a signal ended."""
    watches = [SignalWatch() for _ in ENDING]
    for watch, number in zip(watches, ENDING):
        watch.caught = number
    return {watch.exit_status for watch in watches}


def test_man_page_has_every_signal():
    """HOW IT RUNS names the signals that end a batch in good order."""
    page = section_of(read_page("pscheduler-batch"), "HOW IT RUNS")

    assert [number.name for number in ENDING if number.name not in page] == []


def test_man_page_has_every_exit_status():
    """EXIT STATUS lists the statuses of the command, and no other."""
    tree = ast.parse((ROOT / "pscheduler_batch" / "cli" / "execute.py").read_text(encoding="utf-8"))
    statuses = {
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, int)
    }
    listed = {int(tag) for tag in tags_of(section_of(read_page("pscheduler-batch"), "EXIT STATUS"))}

    assert listed == statuses | {WRONG_USAGE} | statuses_of_signals()


def test_readme_has_the_exit_statuses_of_the_man_page():
    """The table in README.md has the same statuses."""
    listed = tags_of(section_of(read_page("pscheduler-batch"), "EXIT STATUS"))
    section = README.split("## Exit statuses")[1].split("\n## ")[0]

    assert re.findall(r"^\| (\d+) \|", section, re.MULTILINE) == listed


def contexts() -> Iterator[click.Context]:
    """Make a context of each command whose options can be set by the environment."""
    for name, command in COMMANDS.items():
        if command.context_settings.get("auto_envvar_prefix"):
            yield command.make_context(name, [], resilient_parsing=True)


def test_man_page_has_every_environment_variable():
    """ENVIRONMENT lists the variables that the code reads and those of the options, and no other."""
    read = set().union(*(variables_in(path) for path in sources()))
    own = {name for name in read if not name.startswith(OF_OPTIONS)} | set(READ_OTHERWISE)
    options = set(variables_of(cli.batch.make_context("batch", [], resilient_parsing=True)))
    listed = tags_of(section_of(read_page("pscheduler-batch"), "ENVIRONMENT"))

    assert set(listed) == own | options
    assert len(listed) == len(own) + len(options)


def test_man_page_says_which_option_a_variable_sets():
    """The man page names the option below its variable."""
    page = section_of(read_page("pscheduler-batch"), "ENVIRONMENT")
    context = cli.batch.make_context("batch", [], resilient_parsing=True)
    said = dict(re.findall(rf"^\.TP\n\.B ({OF_OPTIONS}_\w+)\n\.B (--\S+)$", page, re.MULTILINE))

    assert said == {name: max(option.opts, key=len) for name, option in variables_of(context).items()}


def test_man_page_says_which_options_no_variable_sets():
    """Every option can be set by a variable, except those that the man page lists."""
    context = cli.batch.make_context("batch", [], resilient_parsing=True)
    settable = {name for option in variables_of(context).values() for name in option.opts}
    page = section_of(read_page("pscheduler-batch"), "OPTIONS")
    found = re.search(
        r"^Every option except$(.*?)^can be set by an environment variable", page, re.MULTILINE | re.DOTALL
    )
    long_ones = {name for name in options_of(cli.batch) - settable if name.startswith("--")}

    assert found is not None
    assert set(re.findall(r"--[a-z-]+", found[1])) == long_ones


@pytest.mark.parametrize(
    ("name", "variable"), [(context.info_name, name) for context in contexts() for name in variables_of(context)]
)
def test_every_variable_sets_its_option(name, variable, monkeypatch):
    """A value from the environment has the same effect as on the command line."""
    monkeypatch.setenv(variable, "")
    context = COMMANDS[name].make_context(name, [], resilient_parsing=True)
    option = variables_of(context)[variable]
    value = "1" if option.is_flag else option.type.choices[-1] if isinstance(option.type, click.Choice) else "7"
    typed = [option.opts[-1]] if option.is_flag else [option.opts[-1], value]
    expected = COMMANDS[name].make_context(name, typed, resilient_parsing=True).params[option.name]
    monkeypatch.setenv(variable, value)
    context = COMMANDS[name].make_context(name, [], resilient_parsing=True)

    assert context.get_parameter_source(option.name) is ParameterSource.ENVIRONMENT
    assert context.params[option.name] == expected


@pytest.mark.parametrize("name", COMMANDS)
def test_completion_offers_every_option(name):
    """After two hyphens, completion offers all options and nothing else."""
    offered = ShellComplete(COMMANDS[name], {}, name, "_COMPLETE").get_completions([], "--")

    assert {item.value for item in offered} == {option for option in options_of(COMMANDS[name]) if option[:2] == "--"}


def test_sections_of_the_man_page_are_those_of_help():
    """OPTIONS has the sections of the help text, with the same options in the same order."""
    page = section_of(read_page("pscheduler-batch"), "OPTIONS")
    listed = {}
    for part in page.split("\n.SS ")[1:]:
        tags = tags_of(part)
        if tags:
            listed[part.splitlines()[0]] = [re.findall(r"--[a-z-]+", tag)[0] for tag in tags]
    context = click.Context(cli.batch, **cli.batch.context_settings)
    sections = cli.batch.sections(context)

    assert listed == {
        title: [next(name for name in option.opts if name.startswith("--")) for option in options]
        for title, options in sections.items()
    }
    assert list(listed) == list(sections)


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if isinstance(command, SectionedCommand)])
def test_sections_of_help_fit_the_screen(name):
    """Each section and the text above the first one can be read without scrolling."""
    text = CliRunner().invoke(COMMANDS[name], ["--help"], prog_name=name, terminal_width=SCREEN[1]).output
    parts = [part.splitlines() for part in re.split(r"^(?=\S)", text, flags=re.MULTILINE) if part]

    assert len(parts) > 1
    assert max(map(len, parts)) < SCREEN[0]
    assert max(len(line) for part in parts for line in part) <= SCREEN[1]


def test_readme_and_man_page_name_the_variables_alike():
    """README.md, man page and help show an existing variable as an example."""
    variables = set(variables_of(cli.batch.make_context("batch", [], resilient_parsing=True)))
    help_text = cli.batch.get_help(click.Context(cli.batch))
    for text in (README, read_page("pscheduler-batch"), help_text):
        named = set(re.findall(rf"{OF_OPTIONS}_[A-Z_]*[A-Z]", text)) - {"PSCHEDULER_BATCH_REPORT"}

        assert named
        assert named <= variables


def test_variables_that_are_read_otherwise_are_read():
    """The variables that the search cannot find are still in use."""
    texts = [path.read_text(encoding="utf-8") for path in (*sources(), ROOT / "plugins" / "commands" / "batch")]

    assert [name for name, use in READ_OTHERWISE.items() if not any(use in text for text in texts)] == []


def test_man_page_has_every_pair_of_the_input():
    """INPUT names each pair of a batch, a job, a transform and a task."""
    text = section_of(read_page("pscheduler-batch"), "INPUT")
    pairs: Set[str] = set()
    for kind in ("batch-3", "task-5"):
        path = ROOT / "pscheduler_batch" / "input" / "json_schemas" / f"{kind}.json"
        schema = json.loads(path.read_text(encoding="utf-8"))
        for node in (schema, *schema["$defs"].values()):
            pairs |= set(node.get("properties", {}))

    assert {pair for pair in pairs if not re.search(rf"(?<![\w-]){pair}(?![\w-])", text)} == set()


def test_readme_shows_the_help_text():
    """The help text in README.md is that of the command, 80 columns wide."""
    shown = re.search(r"^```text\n\$ pscheduler batch --help\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    printed = CliRunner().invoke(cli.batch, ["--help"], prog_name="pscheduler batch", terminal_width=80).output

    assert shown is not None
    assert shown[1] == printed


@pytest.mark.parametrize("title", ["Try it", "Run the tests"])
def test_readme_command_is_one_line(title):
    """The first fenced block of the section has one line, and the files that it names exist."""
    section = README.split(f"\n## {title}\n")[1].split("\n## ")[0]
    block = re.search(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)

    assert block is not None
    assert block[1].count("\n") == 1
    assert all((ROOT / name).exists() for name in re.findall(r"examples/\S+", block[1]))


def test_readme_says_first_what_it_is_for():
    """The first ten lines say what the program does and for whom."""
    beginning = "\n".join(README.splitlines()[:10])

    assert [word for word in ("perfSONAR", "pScheduler", "measure", "results") if word not in beginning] == []


def test_readme_batches_are_right():
    """Every batch in README.md and docs/integrations.md can be planned."""
    blocks = re.findall(r"^```json\n(.*?)^```$", README + INTEGRATIONS, re.MULTILINE | re.DOTALL)
    batches = [block for block in blocks if '"jobs"' in block]

    assert batches
    assert [len(BatchProcessor(batch)(dry_run=True)["jobs"]) for batch in batches] == [1] * len(batches)


def test_man_page_batch_is_right():
    """The batch in the man page can be planned and does what the page says."""
    found = re.search(r"^\.EX\n(\{.*?)^\.EE", read_page("pscheduler-batch"), re.MULTILINE | re.DOTALL)

    assert found is not None
    (job,) = BatchProcessor(found[1])(dry_run=True)["jobs"]
    assert [result["task"]["test"]["spec"]["count"] for result in job["results"]] == [5, 10, 15, 20, 25]


def python_blocks() -> List[str]:
    """Return the Python code in README.md and docs/integrations.md."""
    return re.findall(r"^```python\n(.*?)^```$", README + INTEGRATIONS, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(python_blocks())))
def test_readme_python_compiles(number):
    """The Python code in README.md and docs/integrations.md compiles."""
    assert compile(python_blocks()[number], f"block {number}", "exec") is not None


def test_readme_measurement_works():
    """The embedded server can run the measurement in README.md."""
    (code,) = [block for block in python_blocks() if "class Dice(Test)" in block]
    names: Dict[str, type] = {}
    exec(code, names)  # noqa: S102 - it is our own
    batch = {"jobs": [{"task": {"test": {"type": "dice", "spec": {"sides": 1}}}}]}
    with EmbeddedServer(tests={"dice": names["Dice"]()}, keep_alive=True) as server:
        (result,) = BatchProcessor(batch, server.netloc, None, server.netloc)()["jobs"][0]["results"]
    (run,) = result["runs"]

    assert "error" not in result
    assert run["application/json"]["thrown"] == 1
    assert "Thrown: 1" in run["text/plain"]
    assert "<p>Thrown: 1</p>" in run["text/html"]


def test_readme_faults_work():
    """The batch on an embedded server in README.md has a result first, then the failure on demand."""
    (code,) = [block for block in python_blocks() if "EmbeddedServer()" in block]
    printed: List[str] = []
    exec(code, {"print": printed.append})  # noqa: S102 - it is our own

    assert "Duration" in printed[0]
    assert "Task forbidden by limits" in printed[1]


def test_readme_results_are_read():
    """The program in README.md that iterates over results stops at the first failure, and has the output."""
    (code,) = [block for block in python_blocks() if ".results() as results" in block]
    printed: List[str] = []
    names: Dict[str, Any] = {"print": lambda *words: printed.append(" ".join(words))}
    exec(code, names)  # noqa: S102 - it is our own
    durations = {"short": "PT0.1S", "wrong": "tomorrow", "long": "PT10M"}
    tasks = {label: {"test": {"type": "idle", "spec": {"duration": text}}} for label, text in durations.items()}
    batch = {"jobs": [{"label": label, "task": task} for label, task in tasks.items()]}
    with EmbeddedServer(tests={"idle": IdleTest()}, keep_alive=True) as server:
        document = asyncio.run(names["measure"](batch, server.netloc))

    assert [line.split()[0] for line in printed] == ["short/0", "wrong/0"]
    assert "tomorrow" in printed[1]
    assert document["batch"]["error"] == "interrupted by the program"


def test_change_log_is_in_its_form():
    """The newest version is first, each has its date and the kinds of changes of Keep a Changelog."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    versions = re.findall(r"^## (.*)$", text, re.MULTILINE)
    dates = [version.rsplit(" - ", 1)[-1] for version in versions[1:]]

    assert text.startswith("# Changelog\n")
    assert versions[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version) for version in versions[1:])
    assert dates == sorted(dates, reverse=True)
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds
    assert re.findall(r"^(?!### |- |  ).+$", text.split(f"\n## {versions[0]}\n")[1], re.MULTILINE) == [
        f"## {version}" for version in versions[1:]
    ]


def test_index_of_decisions_is_complete():
    """The index lists every record by number and title; each number occurs once."""
    folder = ROOT / "docs" / "adr"
    records = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    titles = [path.read_text(encoding="utf-8").splitlines()[0] for path in records]
    # A number may be missing for a while, as records are written side by side.
    numbers = [int(path.name[:4]) for path in records]
    expected = []
    for number, path, title in zip(numbers, records, titles):
        assert title.startswith(f"# {number}. ")
        expected.append(f"| {number} | [{title.split('. ', 1)[1]}]({path.name}) |")
    index = (folder / "README.md").read_text(encoding="utf-8")

    assert len(set(numbers)) == len(numbers)
    assert [line for line in index.splitlines() if re.match(r"\| \d", line)] == expected


def test_records_have_their_parts():
    """Each record has a context, a decision and consequences, in this order."""
    for path in sorted((ROOT / "docs" / "adr").glob("0*.md")):
        parts = re.findall(r"^## (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)

        assert parts == ["Context", "Decision", "Consequences"], path.name
