"""The load server, in C and in Python: both answer the same bytes, and what the product reads out of them is right."""

import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cores import Cores
from bench.ids import NEVER_NS, Population, ends_ns, now_ns, operation_id, population_of, status_path
from bench.load import Certificates, Knobs, LoadServer, certificates_in, load_server
from rollout.core.outcome import Running, Succeeded
from rollout.platforms.classic.decode import OperationRead, decode_error, decode_operation
from rollout.platforms.classic.decode_listing import OperationsRead, decode_operations

COMPILER = shutil.which("cc")
KINDS = [
    pytest.param(True, id="C", marks=pytest.mark.skipif(COMPILER is None, reason="there is no C compiler here")),
    pytest.param(False, id="Python"),
]
CHANGING = re.compile(rb"(Date: [^\r]*|x-ms-request-id: [0-9a-f]{32})\r\n")


def exchange(server: LoadServer, paths: list[str]) -> bytes:
    """Send requests in one breath, the last of which ends the reading, and give all that comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths))
        heard = b""
        while len(re.findall(rb"HTTP/1\.1 ", heard)) < len(paths) or not whole(heard):
            chunk = connection.recv(65536)
            if not chunk:
                break
            heard += chunk
        return heard


def whole(heard: bytes) -> bool:
    """Tell whether the last reply is complete."""
    head, _, body = heard[heard.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    return length is not None and len(body) == int(length[1])


def bodies(heard: bytes) -> list[bytes]:
    """Give the body of each reply."""
    return [each.partition(b"\r\n\r\n")[2] for each in heard.split(b"HTTP/1.1 ")[1:]]


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, two_cores: Cores) -> Iterator[LoadServer]:
    with load_server(two_cores, native=request.param) as serving:
        yield serving


def test_an_operation_tells_by_its_id_when_it_ends(server: LoadServer) -> None:
    running, ended = operation_id(NEVER_NS, 7), operation_id(now_ns() - 1, 8)
    first, second = bodies(exchange(server, [status_path(running), status_path(ended)]))
    assert decode_operation(first) == OperationRead(running, Running())
    assert decode_operation(second) == OperationRead(ended, Succeeded())


def test_an_operation_ends_at_its_own_instant(server: LoadServer) -> None:
    operation = operation_id(now_ns() + 200_000_000, 1)
    body = b"InProgress"
    while b"InProgress" in body:
        (body,) = bodies(exchange(server, [status_path(operation)]))
    assert now_ns() >= ends_ns(operation)
    assert b"Succeeded" in body


@pytest.mark.parametrize("native", KINDS)
def test_a_listing_shows_page_by_page_what_is_in_progress(two_cores: Cores, native: bool) -> None:
    population = Population(40, now_ns() - 30_000_000_000, 60_000)
    with load_server(two_cores, Knobs(page=7), native=native) as server:
        pages = [listed(server, population, "")]
        while pages[-1].continuation is not None:
            pages.append(listed(server, population, f"&ContinuationToken={pages[-1].continuation}"))
        counts = server.statistics()
    shown = [each.id for page in pages for each in page.operations]
    ids = [population.operation(number) for number in range(population.count)]
    left = [each for each in ids if ends_ns(each) > now_ns()]
    # A few may have ended while the pages were read.
    assert set(left) <= set(shown) <= set(ids)
    assert len(shown) < len(left) + 5
    assert [len(page.operations) for page in pages[:-1]] == [7] * (len(pages) - 1)
    assert (counts.pages, counts.listed) == (len(pages), len(shown))


def listed(server: LoadServer, population: Population, more: str) -> OperationsRead:
    """Read one page as the product does."""
    (body,) = bodies(exchange(server, [f"/{population.subscription}/operations?StartTime=a&EndTime=b{more}"]))
    read = decode_operations(body)
    assert isinstance(read, OperationsRead)
    assert read.unknown == ()
    return read


def test_c_and_python_answer_the_same_bytes(two_cores: Cores) -> None:
    if COMPILER is None:
        pytest.skip("there is no C compiler here")
    population = Population(5, NEVER_NS // 2, 1_000)
    paths = [
        status_path(operation_id(NEVER_NS, 1)),
        status_path(operation_id(1, 2)),
        status_path("0" * 31),
        f"/{population.subscription}/operations?StartTime=x",
        "/nothing",
    ]
    with load_server(two_cores, Knobs(page=3)) as native, load_server(two_cores, Knobs(page=3), native=False) as twin:
        assert (native.made_of, twin.made_of) == ("C", "Python")
        said, repeated = (CHANGING.sub(b"", exchange(each, paths)) for each in (native, twin))
    assert said == repeated


@pytest.mark.parametrize("native", KINDS)
def test_knobs_refuse_cut_reset_and_redirect(two_cores: Cores, native: bool) -> None:
    path = status_path(operation_id(NEVER_NS, 1))
    with load_server(two_cores, Knobs(refuse=1.0), native=native) as server:
        heard = exchange(server, [path])
        assert heard.startswith(b"HTTP/1.1 503 ")
        assert decode_error(bodies(heard)[0]).code == "TooManyRequests"
    with load_server(two_cores, Knobs(redirect=1.0), native=native) as server:
        heard = exchange(server, [path])
        assert heard.startswith(b"HTTP/1.1 307 ")
        assert f"Location: http://localhost:{server.port}{path}\r\n".encode() in heard
    with load_server(two_cores, Knobs(cut=1.0), native=native) as server:
        heard = exchange(server, [path])
        assert b"\r\n\r\n<Operation" in heard
        assert not whole(heard)
    with load_server(two_cores, Knobs(reset=1.0), native=native) as server:
        with pytest.raises(ConnectionError):
            exchange(server, [path])
        counts = server.statistics()
        assert (counts.requests, counts.reset) == (1, 1)


@pytest.mark.parametrize("native", KINDS)
def test_a_reply_comes_no_sooner_than_its_delay(two_cores: Cores, native: bool) -> None:
    with load_server(two_cores, Knobs(delay_ms=30), native=native) as server:
        began = time.monotonic()
        assert len(bodies(exchange(server, [status_path(operation_id(NEVER_NS, 1))] * 3))) == 3
        assert time.monotonic() - began >= 0.03


@pytest.mark.parametrize("native", KINDS)
def test_mutual_tls_lets_in_who_shows_a_certificate(two_cores: Cores, native: bool, tmp_path: Path) -> None:
    certificates: Certificates = certificates_in(tmp_path)
    with load_server(two_cores, certificates=certificates, native=native) as server:
        assert server.url.startswith("https://localhost:")
        assert server.statistics().connections == 1


def test_a_population_is_told_whole_by_its_subscription() -> None:
    population = Population(1_000_000, 123_456_789_012, 300_000)
    assert population_of(population.subscription) == population
    ends = [int(population.operation(number)[:16], 16) for number in range(0, 1_000_000, 997)]
    assert min(ends) >= population.base_ns
    assert max(ends) < population.base_ns + 300_000_000_000
    assert population_of("not-a-population") is None
