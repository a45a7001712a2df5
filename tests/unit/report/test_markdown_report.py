"""Tests of the report in Markdown, which a reader of Markdown reads back."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.markdown_report import MarkdownReport
from pscheduler_batch.report.summary import MANY
from tests.support.output_documents import (
    HOSTILE,
    broken,
    failed_run,
    job,
    judged,
    kept,
    output,
    result,
    run,
    shuffled,
    skipped,
)


def text_of(document):
    """Write the report on a document."""
    return "".join(MarkdownReport().render(report_of(document)))


def read(text):
    """Read Markdown with tables; return the kinds of its blocks, and its spans with their kinds."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [token.type for token in tokens], [
        (child.type, child.content) for token in tokens for child in token.children or ()
    ]


def test_the_summary():
    """The verdict and the totals, every run, why some failed, and what several runs are together."""
    document = output(
        job(result(run()), result(failed_run("Timeout")), result(error="posting the task: no"), label="first"),
        job(result(run(), run()), label="second"),
        job(label="off"),
    )
    document["batch"]["error"] = "continue-if failed"

    assert text_of(document) == (
        "## Batch: 2 of 5 runs failed\n"
        "\n"
        "5 runs: 3 succeeded, 2 failed; 3 min 5 s; the batch ended early.\n"
        "\n"
        "The batch ended early: `continue-if failed`\n"
        "\n"
        "Not run: `off`\n"
        "\n"
        "| iteration | lead → destination | state | result | duration |\n"
        "| --- | --- | --- | --- | --: |\n"
        "| `first/0` | `ps.example.net → 192.0.2.1` | `finished` | 0.3/0.4/0.5 ms, loss 25 % | 3 min 5 s |\n"
        "| `first/1` | `ps.example.net → 192.0.2.1` | `failed` |  | 3 min 5 s |\n"
        "| `first/2` | `→ 192.0.2.1` | `failed` |  |  |\n"
        "| `second/0 run 0` | `ps.example.net → 192.0.2.1` | `finished` | 0.3/0.4/0.5 ms, loss 25 % | 3 min 5 s |\n"
        "| `second/0 run 1` | `ps.example.net → 192.0.2.1` | `finished` | 0.3/0.4/0.5 ms, loss 25 % | 3 min 5 s |\n"
        "\n"
        "### Failures\n"
        "\n"
        "- `first/1`: `Timeout`\n"
        "- `first/2`: `posting the task: no`\n"
        "\n"
        "### All runs of a job\n"
        "\n"
        "- `second`, all 2 runs: min/mean/max 0.3/0.4/0.5 ms, loss 25 %\n"
    )


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        (output(job(result(run()))), "all runs succeeded"),
        (output(), "no runs"),
        (output(job(result(failed_run()), skipped(), skipped())), "1 of 3 runs failed, 2 skipped"),
        (output(job(result(run()), skipped())), "1 of 2 runs skipped"),
        (output(batch={"error": "no"}), "ended early"),
    ],
)
def test_the_verdict(document, verdict):
    """In the first line, as a mail or a list of comments shows no more."""
    assert text_of(document).startswith(f"## Batch: {verdict}\n\n")


def test_a_large_batch_has_a_line_for_every_job():
    """Those with failures before the others where they are too many."""
    jobs = [job(result(run() if number else failed_run()), label=f"job-{number}") for number in range(MANY + 5)]
    text = text_of(output(*jobs, job(*[result(run())] * MANY, label="long")))
    lines = text.splitlines()

    assert lines[4] == "| job | runs | failed | results |"
    assert "| `job-0` | 1 | 1 |  |" in lines
    assert "and 6 more jobs" in lines
    assert len(lines) < MANY + 20


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "@all #1 !2 :tada: https://example.net www.example.net a@example.net",
        "[a](https://example.net) ![b](https://example.net/c.png) <img src=x onerror=alert(1)>",
        "a | b \\| c \\\\| d",
        "`a``b```c",
        "`",
        "a\n\n# b\n- c\n| d |\n```\ne",
        "$`x`$ **b** _c_ ~~d~~ [^1] &lt; <!-- ",
        "\\",
    ],
)
def test_hostile_text_is_in_code_spans(text):
    """The blocks are those of a harmless one, and nothing outside of a code span is from elsewhere."""

    def spans(given):
        document = output(
            job(result(run(state=given), dest=given, kind="rtt"), label=given),
            job(result(failed_run(given)), result(run()), result(run()), label=given),
            job(label=given),
            batch={"error": given},
        )
        return read(text_of(document))

    plain, hostile = spans("x"), spans(text)

    assert hostile[0] == plain[0]
    assert [(kind, content) for kind, content in hostile[1] if kind != "code_inline"] == [
        (kind, content) for kind, content in plain[1] if kind != "code_inline"
    ]
    assert len(hostile[1]) == len(plain[1])


def test_a_code_span_shows_its_text():
    """All but the vertical bar, which readers escape in different ways."""
    label = "a `b` ``c`` \\d | e"
    _, spans = read(text_of(output(job(result(run()), label=label))))

    assert spans[2] == ("text", "iteration")
    assert ("code_inline", "a `b` ``c`` \\d ¦ e/0") in spans


def test_expectations_are_listed():
    """Those that were not met first; their words are no markup."""
    text = text_of(judged(kept("loss < 30 %"), broken("rtt: <b>*x*</b> = 0")))

    assert text.startswith(
        "## Batch: 1 of 2 expectations not met\n\n1 run: 1 succeeded, 0 failed; 1 of 2 expectations not met;"
    )
    assert text.endswith(
        "\n### Expectations\n"
        "\n"
        "- **not met**: `rtt: <b>*x*</b> = 0: 25 % in 1 run`\n"
        "- met: `loss < 30 %: rtt: 25 % in 1 run`\n"
    )


def test_not_all_of_many_expectations_are_listed():
    """It says how many are left out."""
    text = text_of(judged(*(kept(f"rtt: sent != {number}") for number in range(1000))))

    assert text.startswith("## Batch: all runs succeeded\n\n1 run: 1 succeeded, 0 failed; 1,000 expectations met; ")
    assert text.endswith("\n- and 980 more expectations\n")


def test_what_was_skipped_has_a_list_of_its_own():
    """The totals have the seed of a random order."""
    text = text_of(shuffled(output(job(result(failed_run("Timeout")), skipped(), skipped()))))

    assert "3 runs: 0 succeeded, 1 failed, 2 skipped; 3 min 5 s; random order (seed 7).\n" in text
    assert "### Failures\n\n- `rtt/0`: `Timeout`\n\n### Skipped\n\n- `rtt/1`, `rtt/2`: `not submitted" in text


def test_a_large_batch_has_a_column_for_what_was_skipped():
    """Only if anything was."""
    many = [skipped() for _ in range(MANY)]

    assert "| `rtt` | 51 | 1 | 50 |" in text_of(output(job(result(failed_run()), *many)))
    assert "skipped" not in text_of(output(job(result(failed_run()), *[result(run()) for _ in many])))
