"""A verdict in the languages of build systems: annotations, outputs, and a summary in Markdown. Pure.

GitHub Actions reads `::error title=…::…` out of what a step prints, Azure Pipelines `##vso[…]`.
"""

from typing import Final

from rollout.cli.verdict import Came, Case, Verdict
from rollout.views.text import counted, one_line

ANNOTATIONS_MAX: Final = 9
"""GitHub shows ten of a kind for each step; the tenth says how many more there are."""
ROWS_MAX: Final = 500
"""Of the summary's table; a summary may have a mebibyte."""
_EYES: Final = (Came.FAILED, Came.UNFINISHED)


def github(verdict: Verdict) -> list[str]:
    """Give the annotations for GitHub: errors, or warnings where the policy tolerates them, and one notice."""
    level = "error" if verdict.code else "warning"
    lines = [
        f"::{level} title={_github_property(f'{verdict.rollout}: {case.service} {case.state}')}::{_github(case.reason)}"
        for case in _eyes(verdict)[:ANNOTATIONS_MAX]
    ]
    if more := len(_eyes(verdict)) - ANNOTATIONS_MAX:
        lines += [f"::{level} title={_github_property(verdict.rollout)}::{more} more; see the summary"] * (more > 0)
    said = "notice" if not verdict.code else "error"
    return [*lines, f"::{said} title={_github_property(verdict.rollout)}::{_github(sentence(verdict))}"]


def azure(verdict: Verdict) -> list[str]:
    """Give the annotations for Azure Pipelines, and the outputs as variables of the step."""
    level = "error" if verdict.code else "warning"
    lines = [
        f"##vso[task.logissue type={level}]{_azure(f'{verdict.rollout}: {case.service} {case.state}: {case.reason}')}"
        for case in _eyes(verdict)[:ANNOTATIONS_MAX]
    ]
    if more := max(len(_eyes(verdict)) - ANNOTATIONS_MAX, 0):
        lines.append(f"##vso[task.logissue type={level}]{_azure(verdict.rollout)}: {more} more; see the summary")
    if verdict.code:
        lines.append(f"##vso[task.logissue type=error]{_azure(sentence(verdict))}")
    return lines + [
        f"##vso[task.setvariable variable={name};isOutput=true]{_azure(value)}"
        for name, value in outputs(verdict).items()
    ]


def outputs(verdict: Verdict) -> dict[str, str]:
    """Give what later steps may ask for, by name."""
    return {
        "rollout": one_line(verdict.rollout),
        "code": str(int(verdict.code)),
        "outcome": one_line(verdict.outcome),
        "reason": one_line(verdict.reason),
        "passed": str(verdict.count(Came.PASSED)),
        "failed": str(verdict.count(Came.FAILED)),
        "unfinished": str(verdict.count(Came.UNFINISHED)),
        "skipped": str(verdict.count(Came.SKIPPED)),
    }


def github_output(verdict: Verdict) -> str:
    """Give the outputs as lines of `$GITHUB_OUTPUT`; every value is on one line."""
    return "".join(f"{name}={value}\n" for name, value in outputs(verdict).items())


def markdown(verdict: Verdict) -> str:
    """Give the summary: the sentence, and a table with what needs an eye first."""
    mark = "✅" if not verdict.code else "⏳" if verdict.count(Came.UNFINISHED) else "❌"
    order = list(Came)
    cases = sorted(verdict.cases, key=lambda case: (case.came is Came.PASSED, order.index(case.came)))
    rows = [
        f"| {_cell(case.service)} | {_cell(case.wave)} | {_cell(case.state)} | {_cell(case.reason)} |"
        for case in cases[:ROWS_MAX]
    ]
    lines = [
        f"### {mark} {_cell(verdict.rollout)}",
        "",
        _cell(sentence(verdict)),
        "",
        "| service | wave | state | what happened |",
        "|---|---|---|---|",
        *rows,
    ]
    if len(cases) > ROWS_MAX:
        lines += ["", f"… and {counted(len(cases) - ROWS_MAX, 'service')} more; `rollout get` has them all."]
    return "\n".join(lines) + "\n"


def sentence(verdict: Verdict) -> str:
    """Say in one line how it came out."""
    return one_line(f"{verdict.outcome}: {verdict.reason}")


def _eyes(verdict: Verdict) -> list[Case]:
    return [case for case in verdict.cases if case.came in _EYES]


def _github(text: str) -> str:
    return one_line(text).replace("%", "%25")


def _github_property(text: str) -> str:
    return _github(text).replace(":", "%3A").replace(",", "%2C")


def _azure(text: str) -> str:
    return one_line(text).replace("%", "%AZP25").replace("##vso[", "## vso[")


def _cell(text: str) -> str:
    """Make text fit for a cell: nothing in it is markup."""
    shown = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{each}" if each in "\\`*_[]|#!~$" else each for each in shown)
