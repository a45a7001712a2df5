"""One frame of the live view as lines: a progress bar, counts, and a line for each iteration in progress."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Callable, List, Mapping, Sequence, TextIO, Tuple

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pscheduler_batch.events import FETCHING, KNOWN_STATES, WAITING, LimitChanged, RequestHeldUp
from pscheduler_batch.run_states import OVERDUE, RUNNING
from pscheduler_batch.terminal.capabilities import encoding_of
from pscheduler_batch.terminal.event_words import countdown_words, limit_words, state_now
from pscheduler_batch.terminal.progress_counts import ProgressSnapshot
from pscheduler_batch.terminal.table import ELLIPSIS
from pscheduler_batch.text import clock_time, count_words, encodable, label_words, legible, shorten

# The limits of the width of the bar, and the widths below which parts of lines are left out.
BAR = (12, 40)
NARROW = 40
WIDE = 60
WIDEST_HOST = 30
WIDEST_STATE = 12
FEWEST_OF_LABEL = 2

# How many states are counted separately among the iterations without a line.
STATES = 4

# Rows of the view that are not iterations: the bar, the counts, a delayed request or a slow host, and the others.
OTHER_ROWS = 4

# The most rows of the view; more could not be taken in.
MOST_ROWS = 24

# The view takes half of the screen, or a few rows of a small one. A terminal that becomes narrower rewraps lines, and
# what it pushes out at its top can no longer be erased, so the view must fit at half the width.
PARTS_OF_SCREEN = 2
FEW_ROWS = 7

Cells = Tuple[str, str, str, str]

# Replaces characters that the terminal lacks, before anything is measured.
Write = Callable[[str], str]

STYLES = {RUNNING: "green", FETCHING: "green", OVERDUE: "yellow", WAITING: "dim"}


def rows_for(width: int, height: int) -> int:
    """
    Return how many iterations have a line of their own on a screen.

    >>> rows_for(80, 24), rows_for(200, 50), rows_for(80, 8), rows_for(20, 10)
    (8, 20, 3, 5)
    """
    # A narrow terminal will hardly be made much narrower.
    wanted = height if width < NARROW else max(height // PARTS_OF_SCREEN, FEW_ROWS)
    return max(min(wanted, height - 1, MOST_ROWS) - OTHER_ROWS, 0)


class Frames:
    """Draws frames."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        """
        Prepare for a terminal.

        Args:
            stream: The terminal; nothing is written to it.
            environ: Describes the terminal, and whether colors are wanted.
        """
        self._write = partial(encodable, encoding=encoding_of(stream, environ))
        self._console = Console(
            file=stream,
            force_terminal=True,
            force_jupyter=False,
            no_color=bool(environ.get("NO_COLOR")),
            legacy_windows=False,
            _environ=environ,
        )

    def render(self, snapshot: ProgressSnapshot, width: int, height: int) -> List[str]:
        """
        Make the lines of one frame.

        Args:
            snapshot: The progress, with as many iterations as :func:`rows_for` returns.
            width: The columns of the screen; the last one stays empty, as terminals differ in how they wrap there.
            height: The rows of the screen; the last one stays empty.
        """
        width = max(width - 1, 1)
        self._console.width = width
        write = self._write
        rows: List[RenderableType]
        if snapshot.stopping is None:
            rows = [_bar_line(snapshot, width, write), _counts_line(snapshot, width, write)]
        else:
            rows = [_stopping_line(*snapshot.stopping, width, write)]
        if snapshot.held_up is not None:
            rows.append(_held_up_line(snapshot.held_up, snapshot.at, width, write))
        elif snapshot.limited is not None:
            rows.append(_limit_line(snapshot.limited, width, write))
        rows += _iteration_lines(snapshot, width, write)
        if snapshot.others:
            rows.append(_rest_line(snapshot, width, write))
        with self._console.capture() as capture:
            self._console.print(Group(*rows[: max(height - 1, 1)]))
        # What is left are the signs of the bar, whose replacements are as wide.
        return write(capture.get()).rstrip("\n").split("\n")


def _bar_line(snapshot: ProgressSnapshot, width: int, write: Write) -> RenderableType:
    done = snapshot.finished + snapshot.failed + snapshot.skipped
    pieces = [f"{done:,} of {snapshot.total:,} done"]
    if snapshot.left:
        # How long later jobs take is not known.
        pieces.append(f"about {clock_time(snapshot.left)} left{'' if snapshot.is_last else ' in this job'}")
    pieces.append(f"{clock_time(snapshot.at - snapshot.began)} elapsed")
    bar = min(max(width // 3, BAR[0]), BAR[1])
    room = width - bar - 1
    if width < NARROW:
        return _cut(Text(_fitting(pieces, width), no_wrap=True), width, write)
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_column(width=bar)
    line.add_column(no_wrap=True, overflow="crop")
    said = _cut(Text(_fitting(pieces, room)), room, write)
    line.add_row(ProgressBar(max(snapshot.total, 1), done, width=bar), said)
    return line


def _counts_line(snapshot: ProgressSnapshot, width: int, write: Write) -> Text:
    left = snapshot.total - snapshot.finished - snapshot.failed - snapshot.skipped
    pieces = [f"{snapshot.failed:,} failed"] if snapshot.failed else []
    pieces += [f"{snapshot.finished:,} finished"]
    if not snapshot.failed:
        pieces.append("0 failed")
    if snapshot.skipped:
        pieces.append(f"{snapshot.skipped:,} skipped")
    pieces.append(f"{left:,} left")
    line = Text(_fitting(pieces, width), no_wrap=True)
    if snapshot.failed:
        line.stylize("red", 0, len(pieces[0]))
    if snapshot.job is not None and width >= NARROW:
        place = f"; job {snapshot.job_place:,} of {snapshot.jobs:,}: " if snapshot.jobs > 1 else "; "
        if width - line.cell_len >= len(place) + 8:
            line.append(place).append(write(shorten(snapshot.job.label)))
    return _cut(line, width, write)


def _stopping_line(unanswered: int, canceling: int, width: int, write: Write) -> Text:
    """Show what an interrupted batch still waits for."""
    pieces = [f"waiting for {count_words(unanswered, 'answer')} to cancel tasks"] if unanswered else []
    pieces += [f"canceling {count_words(canceling, 'task')}"] if canceling else []
    return _cut(Text("; ".join(pieces) or "stopping", style="yellow", no_wrap=True), width, write)


def _held_up_line(held_up: RequestHeldUp, now: datetime, width: int, write: Write) -> Text:
    """Show which request is retried, for how long at most, and why."""
    reason = legible(held_up.reason or "")
    left = "" if held_up.until is None or held_up.until <= now else f", {clock_time(held_up.until - now)} left"
    said = f"retry: {reason}" if width < NARROW else f"retrying {shorten(held_up.host)}{left}: {reason}"
    return _cut(Text(write(said), style="yellow", no_wrap=True), width, write)


def _limit_line(changed: LimitChanged, width: int, write: Write) -> Text:
    """Show that a host is slow, and its limit of concurrent requests."""
    state = "overloaded" if changed.overload else "slow"
    host = state if width < NARROW else f"{shorten(changed.host)} is {state}"
    return _cut(Text(write(f"{host}: {limit_words(changed)}"), style="yellow", no_wrap=True), width, write)


def _iteration_lines(snapshot: ProgressSnapshot, width: int, write: Write) -> List[Text]:
    briefly = width < NARROW
    cells = [
        (
            write(label_words(moved.iteration.label)),
            write(state_now(moved, snapshot.at)),
            "" if moved.host is None else write(shorten(moved.host)),
            countdown_words(moved, snapshot.at, briefly=briefly),
        )
        for moved in snapshot.lines
    ]
    gap = " " if briefly else "  "
    widths = _widths(cells, width, len(gap)) if cells else ()
    return [_iteration_line(row, widths, gap, write) for row in cells]


def _widths(cells: Sequence[Cells], width: int, gap: int) -> Sequence[int]:
    """Divide a width among label, state, host and countdown; the label gets what the others leave."""
    label, state, host, countdown = (max(cell_len(row[place]) for row in cells) for place in range(4))
    state = min(state, WIDEST_STATE)
    host = min(host, WIDEST_HOST) if width >= WIDE else 0
    others = sum(wide + gap for wide in (state, host, countdown) if wide)
    return max(min(label, width - others), 1), state, host, countdown


def _iteration_line(row: Cells, widths: Sequence[int], gap: str, write: Write) -> Text:
    line = Text(no_wrap=True)
    styles = ("", STYLES.get(row[1], ""), "dim", "")
    for cell, wide, style in zip((_cut_label(row[0], widths[0], write), *row[1:]), widths, styles):
        if not wide:
            continue
        if line:
            line.append(gap)
        text = _cut(Text(cell, style=style), wide, write)
        text.pad_right(wide - text.cell_len)
        line.append_text(text)
    line.rstrip()
    return line


def _cut_label(label: str, width: int, write: Write) -> str:
    """Cut the label of an iteration, but not its number."""
    job, slash, number = label.rpartition("/")
    room = width - len(slash + number)
    if cell_len(label) <= width or room < FEWEST_OF_LABEL:
        return label
    return f"{_cut(Text(job), room, write).plain}{slash}{number}"


def _rest_line(snapshot: ProgressSnapshot, width: int, write: Write) -> Text:
    number = sum(count for _, count in snapshot.others)
    known = [(state, count) for state, count in snapshot.others if state in KNOWN_STATES][:STATES]
    unnamed = number - sum(count for _, count in known)
    states = [*known, ("in other states", unnamed)] if unnamed else known
    said = ", ".join(f"{count:,} {state}" for state, count in states)
    if snapshot.lines:
        said = f"and {number:,} more: {said}" if len(states) > 1 else f"and {number:,} more {states[0][0]}"
    return _cut(Text(said, style="dim", no_wrap=True), width, write)


def _cut(line: Text, width: int, write: Write) -> Text:
    """Cut a text in place, and mark it as cut."""
    if line.cell_len > width:
        more = write(ELLIPSIS)
        line.truncate(max(width - len(more), 0), overflow="crop")
        line.append(more[:width])
    return line


def _fitting(pieces: Sequence[str], width: int) -> str:
    """Join as many pieces as fit, but at least the first."""
    said = pieces[0]
    for piece in pieces[1:]:
        if len(said) + len(piece) + 2 > width:
            break
        said += f", {piece}"
    return said
