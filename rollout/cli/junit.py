"""A verdict as a JUnit report, which every build system can read: one test case for each service. Pure."""

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from rollout.cli.verdict import Came, Case, Verdict
from rollout.views.text import one_line

_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot carry, escaped or not."""


def junit(verdict: Verdict) -> str:
    """Give the report."""
    name = _attribute(verdict.rollout)
    numbers = (
        f"tests={_attribute(str(len(verdict.cases)))} "
        f"failures={_attribute(str(verdict.count(Came.FAILED) + verdict.count(Came.UNFINISHED)))} "
        f'errors="0" skipped={_attribute(str(verdict.count(Came.SKIPPED)))} '
        f'time="{sum(case.took_s for case in verdict.cases):.3f}"'
    )
    said = escape(_clean(f"{verdict.outcome}: {verdict.reason}"))
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites name={name} {numbers}>",
        f"  <testsuite name={name} {numbers}>",
        *(_case(verdict, case) for case in verdict.cases),
        f"    <system-out>{said}</system-out>",
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _case(verdict: Verdict, case: Case) -> str:
    group = f"{verdict.rollout}.{case.wave}" if case.wave else verdict.rollout
    head = f'    <testcase classname={_attribute(group)} name={_attribute(case.service)} time="{case.took_s:.3f}"'
    kind, message = _attribute(case.state), _attribute(f"{case.state}: {case.reason}")
    match case.came:
        case Came.PASSED:
            return f"{head}/>"
        case Came.SKIPPED:
            return f"{head}><skipped message={message}/></testcase>"
        case Came.FAILED | Came.UNFINISHED:
            return f"{head}><failure type={kind} message={message}/></testcase>"


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _ILLEGAL.sub("�", one_line(text))
