"""Documents of rollouts told to people: lines that say everything, and tables that fit a terminal. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rollout.core.approvals import DIGEST_CHARS_MIN
from rollout.views.tell import clock
from rollout.views.text import counted, one_line
from rollout.views.view import Domain, Group, Row

Document = Mapping[str, Any]

_STANDING: Final = {
    "pending": "",
    "expired": ": nobody did until then; resume asks again",
    "rejected": ": it was rejected by {who}; resume asks again",
}


def head_lines(head: Document) -> list[str]:
    """Give the sentence, a line for each wave where there are several, and one for each approval that is owed."""
    waves = [_wave(wave) for wave in head["waves"]]
    owed = [_approval(each) for each in head.get("approvals", ()) if each["standing"] in _STANDING]
    if owed:
        owed.append(f"approve says yes to plan {head['plan'][:DIGEST_CHARS_MIN]}")
    amended = [_amended(each) for each in head.get("policies", ())[1:]]
    return [one_line(line) for line in (head["sentence"], *(waves if len(waves) > 1 else ()), *amended, *owed)]


def service_lines(row: Document) -> list[str]:
    """Give everything worth knowing of one service."""
    return [one_line(line) if number == 0 else f"    {one_line(line)}" for number, line in enumerate(_service(row))]


def row_of(row: Document) -> Row:
    """Give a service as a row of the live table."""
    return Row(
        service=row["service"],
        phase=row["phase"],
        doing=row["doing"],
        domains=tuple(Domain(each) for each in row["domains"]),
        since_s=row["since_s"],
        outcome=row["outcome"] or "",
        group=Group(row["group"]),
    )


def totals(rows: Sequence[Document]) -> dict[Group, int]:
    """Count services by group."""
    groups = [row["group"] for row in rows]
    return {group: groups.count(group.value) for group in Group}


def _service(row: Document) -> Iterator[str]:
    yield f"{row['service']}: {row['outcome'] or row['phase']}, {_domains(row)}; wave {row['wave']}"
    yield row["sentence"]
    yield f"way back: {row['way_back']}"
    if gate := row.get("gate"):
        checks = "; ".join(f"{each['check']} {each['verdict']}: {each['detail']}" for each in gate["checks"])
        yield f"gate of domain {gate['domain']}: {gate['said']} at {gate['at']}: {checks}"
    if operation := row.get("operation"):
        yield f"operation: {operation['id']} ({operation['dashed']})"
    if exchanges := row.get("exchanges"):
        last = exchanges[-1]
        came = "no whole answer" if last["status"] is None else f"HTTP {last['status']}"
        yield f"last call: {last['what']}, {came}; what {len(exchanges)} calls sent and were answered: -o json"
    if row.get("error"):
        yield f"last error: {row['error']}"


def _domains(row: Document) -> str:
    number = len(row["domains"])
    if not number:
        return "not looked at"
    walked = len(row["walked"]) if "walked" in row else list(row["domains"]).count(Domain.DONE.value)
    return f"{walked} of {counted(number, 'domain')} walked"


def _wave(wave: Document) -> str:
    return (
        f"wave {wave['name']} {wave['state']}: {wave['done']} of {wave['services']} done, {wave['in_flight']} in "
        f"flight (at most {wave['max_parallel']}), {wave['failed']} failed ({wave['failure_tolerance']} tolerated)"
        f"{_expected(wave)}"
    )


def _expected(wave: Document) -> str:
    moments = [("opens", wave.get("opens_at")), ("ends", wave.get("ends_at"))]
    said = [f"{what} about {clock(at)}" for what, at in moments if at is not None]
    return f"; expected: {', '.join(said)}" if said else ""


def _amended(policy: Document) -> str:
    return f"amended {clock(policy['at'])} by {policy['who']}: {policy['note']} (policy {policy['digest'][:12]})"


def _approval(owed: Document) -> str:
    what = f"wave {owed['scope']}" if owed["scope"] else "the rollout"
    how = _STANDING[owed["standing"]].format(who=owed.get("who") or "somebody")
    return f"waits for {owed['by']} to approve {what}, until {owed['until']}{how}"
