"""A report as one page of HTML: it needs no script and no network, and whatever came from outside stays text. Pure."""

import base64
import functools
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib import resources
from itertools import groupby
from typing import Final

from rollout.policy.duration import format_duration
from rollout.views.html import Markup, style, tag
from rollout.views.report import Report
from rollout.views.report_chart import chart, legend
from rollout.views.report_exchanges import exchanges_section
from rollout.views.report_lines import Line
from rollout.views.report_lists import VerdictLine

ROWS_MAX: Final = 20_000
"""Rows of one kind that the page shows; the JSON has all."""
OPEN_MAX: Final = 30
"""A longer list of what went wrong is folded, for the picture below says it at a glance."""
TENTHS_BELOW_S: Final = 10.0
_GOOD: Final = frozenset({"succeeded", "unchanged"})
_HALF_A_SECOND: Final = 0.5


def page(report: Report) -> str:
    """Write the page. Browsers are told to load nothing and to run nothing, and take no style but our own."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=rules()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{report.rollout.id}: rollout report"),
        style(_css()),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', list(_sections(report)))), lang='en')}\n"


def rules() -> str:
    """Give the content security policy of the page: our own style sheet by its digest, and nothing else at all."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@functools.cache
def _css() -> str:
    return (resources.files("rollout.views") / "report.css").read_text(encoding="utf-8")


def _sections(report: Report) -> Iterator[Markup]:
    yield _top(report)
    yield _not_well(report)
    yield tag("section", tag("h2", "When what happened"), legend(), chart(report))
    yield _waves(report)
    yield _approvals(report)
    yield _words(report)
    yield from _policies(report)
    yield _services(report)
    yield _verdicts(report)
    yield _calls(report)
    yield from exchanges_section(report)
    yield _chain(report)


def _top(report: Report) -> Markup:
    head = report.rollout
    outcome = head.outcome or ("under way" if head.running else "not over; no engine is at work on it")
    good = head.closed and all(line.outcome in _GOOD for line in _newest(report.services))
    facts = [
        ("opened", _clock(head.opened_at) + (f" by {head.submitter}" if head.submitter else "")),
        ("ended", "not yet" if report.ended_at is None else _clock(report.ended_at)),
        ("took", _spell((report.ended_at or report.written_at) - head.opened_at)),
        ("expected", _expected(report)),
        ("deadline", "none" if head.deadline_at is None else _clock(head.deadline_at)),
        ("ticket", head.ticket),
        ("owner", head.owner),
        ("runbook", head.runbook),
        ("plan", report.plan[:12]),
    ]
    counts = Counter(map(_stands, _newest(report.services)))
    return tag(
        "header",
        tag("p", "Rollout report", class_="kicker"),
        tag("h1", head.id, " ", tag("span", outcome, class_="badge well" if good else "badge bad")),
        tag("p", head.sentence, class_="sentence"),
        tag("ul", [tag("li", tag("b", str(n)), f" {what}") for what, n in counts.most_common()], class_="counts"),
        tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts if value], class_="facts"),
    )


def _expected(report: Report) -> str:
    if report.expected_finish_at is None:
        return ""
    took_s = report.expected_finish_at - report.rollout.opened_at
    if report.ended_at is None:
        return f"{_spell(took_s)}, until {_clock(report.expected_finish_at)}"
    over_s = report.ended_at - report.expected_finish_at
    if abs(over_s) < _HALF_A_SECOND:
        return f"{_spell(took_s)}; it took as long"
    return f"{_spell(took_s)}; it took {_spell(abs(over_s))} {'longer' if over_s > 0 else 'less'}"


def _not_well(report: Report) -> Markup:
    bad = [line for line in _newest(report.services) if line.outcome not in _GOOD and line.begun_at is not None]
    if not bad:
        return tag(
            "section", tag("h2", "What went wrong"), tag("p", "Nothing: every service that was begun ended well.")
        )
    rows = [(line.service, line.wave, _stands(line), line.reason) for line in bad]
    return _table("What went wrong", ("service", "wave", "stands", "why"), rows, folded=len(rows) > OPEN_MAX)


def _waves(report: Report) -> Markup:
    rows = [
        (
            wave.name,
            str(wave.services),
            f"{wave.max_parallel}{', strict' if wave.strict else ''}",
            str(wave.failure_tolerance),
            "; ".join(wave.promises),
            _time(wave.opened_at),
            "" if wave.opened_at is None or wave.ended_at is None else _spell(wave.ended_at - wave.opened_at),
        )
        for wave in report.waves
    ]
    columns = ("wave", "services", "at a time", "failures tolerated", "as promised", "opened", "until its last end")
    return _table("Waves", columns, rows)


def _approvals(report: Report) -> Markup:
    rows = [
        (
            f"wave {each.scope}" if each.scope else "the rollout",
            each.by,
            _time(each.asked_at),
            _time(each.until_at),
            f"{each.answer} by {each.who}: {each.note}" if each.answer else "no answer",
            _time(each.answered_at),
            each.plan[:12],
        )
        for each in report.approvals
    ]
    columns = ("about", "asked of", "asked", "until", "answer", "answered", "plan")
    return _table("Approvals", columns, rows, none="None was asked for.")


def _words(report: Report) -> Markup:
    rows = [(_time(each.at), each.who, each.about, each.verb, each.sentence) for each in report.words]
    return _table("What people said", ("when", "who", "about", "word", "as recorded"), rows, none="Nobody said a word.")


def _policies(report: Report) -> Iterator[Markup]:
    """Show each policy as it was written, and what an amendment changed."""
    if not report.policies:
        return
    inner = []
    for number, each in enumerate(report.policies):
        what = "as submitted" if number == 0 else f"amended: {each.note}"
        said = f"{_clock(each.at)} by {each.who or 'nobody'}, {what} ({each.digest[:12]})"
        inner.append(tag("h3", said))
        inner += [tag("pre", each.diff)] if each.diff else []
        inner.append(tag("details", tag("summary", "the whole text"), tag("pre", each.text)))
    yield _folded(f"The policy ({len(report.policies)})", inner)


def _services(report: Report) -> Markup:
    rows = [
        (
            line.service if line.attempt == 1 else f"{line.service} #{line.attempt}",
            line.wave,
            _stands(line),
            _time(line.begun_at),
            "" if line.begun_at is None or line.ended_at is None else _spell(line.ended_at - line.begun_at),
            str(line.domains or ""),
            line.release_before or "",
            line.reason,
        )
        for line in report.services
    ]
    columns = ("service", "wave", "stands", "begun", "took", "domains", "ran before", "why")
    return _table("Services", columns, rows, folded=True)


def _verdicts(report: Report) -> Markup:
    shown = report.verdicts[:ROWS_MAX]
    by_service = groupby(sorted(shown, key=lambda each: (each.service, each.position)), key=lambda each: each.service)
    columns = ("when", "of", "domain", "verdict", "check by check")
    inner = [
        tag("details", tag("summary", f"{service} ({len(lines)})"), _rows(columns, map(_verdict, lines)))
        for service, group in by_service
        for lines in (list(group),)
    ]
    more = f"{len(shown)} of {len(report.verdicts)}; the JSON has all" if len(shown) < len(report.verdicts) else ""
    return _folded(f"Every verdict ({len(report.verdicts)})", [*inner, tag("p", more)] if more else inner)


def _verdict(each: VerdictLine) -> Sequence[str]:
    said = "; ".join(f"{line.check}: {line.verdict}, {line.detail}" for line in each.evidence)
    return (_time(each.at), each.what, "" if each.domain is None else str(each.domain), each.verdict, said)


def _calls(report: Report) -> Markup:
    rows = [
        (
            _time(each.at),
            each.service,
            str(each.number),
            each.operation,
            each.answer,
            each.result or "",
            "" if each.ended_at is None else _spell(each.ended_at - each.at),
            each.operation_id or "",
        )
        for each in report.calls
    ]
    columns = ("when", "service", "call", "what", "answer", "result", "took", "operation id")
    return _table("Every call to the platform", columns, rows, folded=True)


def _chain(report: Report) -> Markup:
    chain = report.chain
    said = (
        f"This page tells of {chain.entries} entries of the journal. The last one is record {chain.position}; its link "
        "in the chain vouches for every record before it, those of other rollouts included:"
    )
    check = (
        "`rollout audit verify --head` with these words checks that it still is the journal this page was read from."
    )
    written = f"Written {_clock(report.written_at)}."
    return tag(
        "section",
        tag("h2", "The chain"),
        tag("p", said),
        tag("p", tag("code", f"{chain.position}:{chain.chain}")),
        tag("p", f"{check} {written}"),
    )


# --- parts ---


def _table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, none: str = "", folded: bool = False
) -> Markup:
    if not rows:
        return tag("section", tag("h2", title), tag("p", none)) if none else Markup()
    shown = [_rows(columns, rows[:ROWS_MAX])]
    if len(rows) > ROWS_MAX:
        shown.append(tag("p", f"{ROWS_MAX} of {len(rows)}; the JSON has all"))
    return _folded(f"{title} ({len(rows)})", shown) if folded else tag("section", tag("h2", title), shown)


def _folded(title: str, inner: Iterable[Markup]) -> Markup:
    return tag("section", tag("details", tag("summary", tag("h2", title)), list(inner)))


def _rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    head = tag("tr", [tag("th", name, scope="col") for name in columns])
    body = [tag("tr", [tag("td", cell) for cell in row]) for row in rows]
    return tag("div", tag("table", tag("thead", head), tag("tbody", body)), class_="wide")


def _newest(lines: Iterable[Line]) -> list[Line]:
    return list({line.service: line for line in lines}.values())


def _stands(line: Line) -> str:
    return (line.outcome or line.phase).replace("_", " ")


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _time(at: float | None) -> str:
    return "" if at is None else _clock(at)


def _spell(seconds: float) -> str:
    return format_duration(round(max(seconds, 0.0), 1 if seconds < TENTHS_BELOW_S else 0))
