"""The part of a report's page that shows what was sent and answered where a call did not go well. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rollout.views.exchanges import ExchangeLine
from rollout.views.html import Markup, tag
from rollout.views.report import Report


def exchanges_section(report: Report) -> Iterator[Markup]:
    """Fold each behind its line; nothing where every call was taken."""
    if report.exchanges:
        told = tag(
            "p", "As it was on the wire, with everything left out that may be secret; the newest of each service."
        )
        title = tag("h2", "Calls that did not go well, as sent and answered")
        yield tag("section", title, told, [_folded(each) for each in report.exchanges])


def _folded(line: ExchangeLine) -> Markup:
    at = datetime.fromtimestamp(line.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    came = "no whole answer" if line.status is None else f"HTTP {line.status}"
    summary = tag("summary", f"{at} {line.service}: {line.what}, {came}")
    asked = tag("pre", f"{line.method} {line.path}\n{line.request}")
    return tag("details", summary, asked, tag("pre", line.answer))
