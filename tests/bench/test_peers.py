"""Peers are compared within one round, on the same loop; a client that counts more than was served is not believed."""

from collections.abc import Mapping

import pytest

from bench import limit, peers
from bench.child import ChildFailed, Reading
from bench.clients.reading import dashed, parsed, searched
from bench.ids import operation_id
from bench.limit import mark
from bench.load import LoadServer, Statistics
from bench.machine import Machine
from bench.report import Report, Row

OPERATION = operation_id(5, 6)
BODY = (
    b'<Operation xmlns="http://schemas.microsoft.com/windowsazure" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
    b"<ID>00000000-0000-0005-0000-000000000006</ID><Status>InProgress</Status></Operation>"
)


def report_of(machine: Machine, given: Mapping[str, list[float]]) -> Report:
    rows: dict[str, list[float]] = {**{name: [] for name in peers.WRK.values()}, **given}
    made = [Row(name, readings=[{"polls_per_cpu_s": rate} for rate in rates]) for name, rates in rows.items()]
    return Report("peers", "", "", quick=False, machine=machine, columns=peers.COLUMNS, rows=made)


def test_each_round_is_compared_with_plain_aiohttp_of_the_same_round_and_loop(machine: Machine) -> None:
    rows = {peers.SDK: [1.0, 2.0], **{name: [10.0, 20.0] for name in peers.PLAIN.values()}}
    report = report_of(machine, {**rows, "ours, asyncio": [40.0, 100.0], "ours, uvloop": [100.0]})
    report.row(peers.PLAIN["uvloop"]).readings[0]["polls_per_cpu_s"] = 50.0
    peers.compare(report)
    assert report.row("ours, asyncio").values("of_plain") == [4.0, 5.0]
    assert report.row("ours, asyncio").values("of_sdk") == [40.0, 50.0]
    assert report.row("ours, uvloop").values("of_plain") == [2.0]


def test_cpu_is_compared_with_wrk_at_the_same_depth(machine: Machine) -> None:
    rows = {**{name: [10.0] for name in (peers.SDK, *peers.PLAIN.values())}, peers.WRK[1]: [80.0]}
    report = report_of(machine, {**rows, peers.WRK[16]: [900.0], "ours, asyncio": [40.0], "ours, pipelined": [300.0]})
    peers.compare(report)
    assert report.row("ours, asyncio").values("of_wrk") == [2.0]
    assert report.row("ours, pipelined").values("of_wrk") == [3.0]


def test_a_base_that_was_skipped_leaves_the_comparison_out(machine: Machine) -> None:
    report = report_of(machine, {peers.SDK: [], **{name: [10.0] for name in peers.PLAIN.values()}})
    peers.compare(report)
    assert all(row.values("of_sdk") == [] for row in report.rows)


def test_a_row_near_the_ceiling_of_the_server_is_marked(machine: Machine) -> None:
    report = report_of(machine, {"calm": [1.0], "limited": [1.0]})
    report.row("calm").readings[0]["server_busy"] = 0.79
    report.row("limited").readings[0]["server_busy"] = 0.8
    mark(report)
    assert [row.name for row in report.rows if row.notes] == ["limited"]


class Counting(LoadServer):
    """A server whose counts are told beforehand."""

    def __init__(self, requests: list[int]) -> None:
        super().__init__(1, "C", None)
        self._requests = requests

    def statistics(self) -> Statistics:
        cpu_s = 0.5 * (2 - len(self._requests))
        return Statistics(self._requests.pop(0), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, cpu_s)


def test_a_reading_says_how_busy_the_server_was() -> None:
    reading = limit.watched(Counting([100, 1_100]), lambda: {"polls_per_s": 500.0})
    assert (reading["served"], reading["ceiling_per_s"], reading["server_busy"]) == (1_000, 2_000.0, 0.25)


@pytest.mark.parametrize(
    "reading", [{"polls": 100.0, "bad": 1.0}, {"polls": 0.0, "bad": 0.0}, {"polls": 101.0, "bad": 0.0}]
)
def test_polls_that_were_bad_or_never_served_fail_the_measurement(reading: Reading) -> None:
    with pytest.raises(ChildFailed):
        peers.proven("a client", reading | {"served": 100.0})
    assert peers.proven("a client", {"polls": 100.0, "bad": 0.0, "served": 100.0})["polls"] == 100.0


def test_a_status_is_decided_by_parsing_and_by_searching_alike() -> None:
    assert parsed(BODY, OPERATION) == "InProgress"
    assert searched(BODY, dashed(OPERATION)) == "InProgress"


def test_a_reply_about_another_operation_is_no_good_poll() -> None:
    other = operation_id(5, 7)
    assert parsed(BODY, other) is None
    assert searched(BODY, dashed(other)) is None


def test_a_status_nobody_knows_is_no_good_poll() -> None:
    strange = BODY.replace(b"InProgress", b"Dancing")
    assert parsed(strange, OPERATION) is None
    assert searched(strange, dashed(OPERATION)) is None
