"""Ask Prometheus servers over their HTTP API, once for everybody who wants the same answer."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from rollout.gates.fetch import Fetcher, NoAnswer, Request
from rollout.gates.workers import Workers
from rollout.settings import Secret

SERIES_MAX: Final = 20_000
REPLY_BYTES_MAX: Final = 8 << 20
"""A whole wave's answer is larger than a health page; one that is larger than this is refused."""
ANSWERS_MAX: Final = 1_000
"""Answers kept for who asks the same; beyond that the oldest are forgotten."""
QUERIES_MAX: Final = 16
"""Queries in flight at once; of these one server may keep busy as many as are idle besides."""
ASK_S_MAX: Final = 30.0
"""One query, whoever waits for it; servers end theirs themselves after two minutes."""


class Server(msgspec.Struct, frozen=True):
    """A Prometheus server of the settings. `token` is shown as a bearer token."""

    url: str
    token: Secret | None = None


class Query(msgspec.Struct, frozen=True):
    """What is asked: an instant query, or one over the last `range_s` seconds."""

    server: str
    text: str
    range_s: float = 0.0
    step_s: float = 15.0


class Series(msgspec.Struct, frozen=True):
    """One series of the answer: labels, and numbers in the order of time."""

    labels: dict[str, str]
    values: tuple[float, ...]


class Unanswered(msgspec.Struct, frozen=True):
    """No answer that could be read."""

    detail: str


Result = tuple[Series, ...] | Unanswered


class _Reply(msgspec.Struct):
    status: str
    data: Any = None
    error: str = ""


@dataclass(slots=True)
class _Batch:
    """One query under way or answered; `asked_t` is when it went out, so what it says is not older."""

    asked_t: float
    answer: asyncio.Future[Result]


@dataclass(slots=True)
class Prometheus:
    """The servers by name. `now_t` gives engine seconds, `wall` the time of day in which servers count."""

    servers: Mapping[str, Server]
    fetcher: Fetcher
    now_t: Callable[[], float]
    wall: Callable[[], float]
    queries: int = 0
    """Queries sent so far."""
    _batches: dict[Query, _Batch] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _workers: Workers = field(default_factory=lambda: Workers(QUERIES_MAX))

    async def ask(self, query: Query, *, since_t: float, interval_s: float) -> Result:
        """Give an answer that was asked after `since_t` and is at most an interval old; who wants the same shares it.

        A failed answer is shared as well, so a server that is down is asked once an interval and not once a service.
        """
        batch = self._batches.get(query)
        if batch is None or not self._serves(batch, since_t, interval_s):
            batch = self._send(query)
        return await asyncio.shield(batch.answer)

    async def close(self) -> None:
        """Ask nothing more."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _serves(self, batch: _Batch, since_t: float, interval_s: float) -> bool:
        return batch.asked_t >= since_t and self.now_t() - batch.asked_t < interval_s

    def _send(self, query: Query) -> _Batch:
        loop = asyncio.get_running_loop()
        batch = _Batch(self.now_t(), loop.create_future())
        self._batches.pop(query, None)
        self._batches[query] = batch
        while len(self._batches) > ANSWERS_MAX:
            del self._batches[next(iter(self._batches))]
        # It belongs to nobody who asks: whoever leaves does not take the answer from the others.
        task = loop.create_task(self._answer(query, batch.answer), name=f"metric of {query.server}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return batch

    async def _answer(self, query: Query, answer: asyncio.Future[Result]) -> None:
        result: Result = Unanswered("nobody asks any more")
        try:
            async with asyncio.timeout(ASK_S_MAX), self._workers.one(query.server):
                result = await self._ask(query)
        except TimeoutError:
            result = Unanswered(f"no answer within {ASK_S_MAX:g} s")
        finally:
            if not answer.done():
                answer.set_result(result)

    async def _ask(self, query: Query) -> Result:
        server = self.servers.get(query.server)
        if server is None:
            return Unanswered(f"the settings name no metric server {query.server}")
        self.queries += 1
        headers = {} if server.token is None else {"Authorization": f"Bearer {server.token.reveal()}"}
        request = Request(
            f"{server.url.rstrip('/')}/api/v1/{self._words(query)}",
            headers=headers,
            body_bytes_max=REPLY_BYTES_MAX,
            trusted=True,
        )
        answer = await self.fetcher.fetch(request)
        if isinstance(answer, NoAnswer):
            return Unanswered(answer.detail)
        if answer.cut:
            return Unanswered(f"its answer is larger than {REPLY_BYTES_MAX >> 20} MiB")
        return read_result(answer.status, answer.body)

    def _words(self, query: Query) -> str:
        now = self.wall()
        if not query.range_s:
            return "query?" + urlencode({"query": query.text, "time": f"{now:.3f}"})
        span = {"start": f"{now - query.range_s:.3f}", "end": f"{now:.3f}", "step": f"{query.step_s:g}"}
        return "query_range?" + urlencode({"query": query.text} | span)


def read_result(status: int, body: bytes) -> Result:
    """Read the API's answer: vectors, matrices and scalars; NaN is no number, and a series without any is left out."""
    try:
        reply = msgspec.json.decode(body, type=_Reply)
        if reply.status != "success":
            return Unanswered(f"answered {status}: {reply.error or 'no reason given'}")
        return tuple(_series(reply.data))
    except (msgspec.MsgspecError, RecursionError, LookupError, TypeError, ValueError, AttributeError):
        return Unanswered(f"answered {status}, and not as Prometheus does")


def _series(data: Any) -> list[Series]:
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        rows: list[tuple[dict[str, str], Any]] = [({}, [result])]
    elif kind == "vector":
        rows = [(each["metric"], [each["value"]]) for each in result]
    elif kind == "matrix":
        rows = [(each["metric"], each["values"]) for each in result]
    else:
        raise ValueError(kind)
    if len(rows) > SERIES_MAX:
        raise ValueError(len(rows))
    found = []
    for labels, points in rows:
        values = tuple(value for _, text in points if (value := float(text)) == value)
        if values:
            found.append(Series({str(name): str(label) for name, label in labels.items()}, values))
    return found
