import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollout.errors import (
    CommandRefused,
    EndpointUnreachable,
    Forbidden,
    PolicyError,
    RolloutError,
    UsageError,
)
from rollout.remote.address import address_of
from rollout.remote.patience import Patience
from rollout.remote.problem import Gone
from rollout.remote.refused import CountChanged, WordRefused
from rollout.remote.wire import Call, Wire, WireLimits
from rollout.settings import Secret

TOKEN = "a-token-of-a-person"  # noqa: S105 - of nobody
LIST = Call("GET", "/v1/rollouts")
POST = Call("POST", "/v1/rollouts", body=b"{}", key="k-1")


async def test_a_request_shows_the_token_and_nothing_else_of_ours(double: Any, wire: Wire) -> None:
    double.on("GET", "/v1/rollouts", double.says({"items": []}))
    answer = await wire.ask(Call("GET", "/v1/rollouts", {"select": "tag:a & !tag:b"}))
    assert answer.body == b'{"items": []}'
    (seen,) = double.seen
    assert seen.headers["Authorization"] == f"Bearer {TOKEN}"
    assert seen.path == "/v1/rollouts?select=tag%3Aa+%26+%21tag%3Ab"
    assert "Cookie" not in seen.headers
    assert seen.headers["Accept-Encoding"] == "identity"


async def test_a_lost_post_with_a_key_is_asked_again_under_the_same_key(double: Any, wire: Wire) -> None:
    double.on("POST", "/v1/rollouts", double.drops(), double.says({"id": "web-1"}, 201, Location="/v1/rollouts/web-1"))
    answer = await wire.ask(POST)
    assert (answer.status, answer.location) == (201, "/v1/rollouts/web-1")
    assert [each.headers["Idempotency-Key"] for each in double.seen] == ["k-1", "k-1"]
    assert double.pauses == [0.2]


async def test_a_lost_post_without_a_key_is_not_asked_again(double: Any, wire: Wire) -> None:
    double.on("POST", "/v1/rollouts", double.drops(), double.says({}))
    with pytest.raises(EndpointUnreachable, match="broke the connection"):
        await wire.ask(Call("POST", "/v1/rollouts", body=b"{}"))
    assert len(double.seen) == 1


async def test_a_daemon_that_is_overrun_is_given_the_time_it_asks_for(double: Any, wire: Wire) -> None:
    double.on("GET", "/v1/rollouts", double.problem(429, "3"), double.problem(503, "soon"), double.says({}))
    await wire.ask(LIST)
    assert double.pauses == [3.0, 0.4]


async def test_patience_ends_and_then_the_last_refusal_is_told(double: Any, wire: Wire) -> None:
    double.on("GET", "/v1/rollouts", double.problem(429, detail="20 reads/s"))
    with pytest.raises(EndpointUnreachable, match="asked too much: 20 reads/s"):
        await wire.ask(LIST)
    assert len(double.seen) == 3


async def test_a_redirect_is_not_followed_and_the_token_stays_here(double: Any, wire: Wire) -> None:
    double.on("GET", "/v1/rollouts", double.prose(307, Location="http://127.0.0.1:1/elsewhere"))
    with pytest.raises(EndpointUnreachable, match="is not followed"):
        await wire.ask(LIST)
    assert len(double.seen) == 1


async def test_an_answer_without_end_is_cut_off(double: Any) -> None:
    double.on("GET", "/v1/rollouts", double.says("x" * 5_000))
    async with double.wire(limits=WireLimits(answer_bytes_max=4_096)) as wire:
        with pytest.raises(UsageError, match="larger than"):
            await wire.ask(LIST)


async def test_a_daemon_that_is_not_there_is_unreachable_and_says_where(double: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with Wire(address_of(url), Secret(TOKEN), patience=Patience(attempts=2), pause=double.pause) as wire:
        with pytest.raises(EndpointUnreachable, match=rf"{url} cannot be asked .*is the daemon running"):
            await wire.ask(LIST)
    assert len(double.pauses) == 1


async def test_an_answer_that_does_not_come_in_time_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        limits = WireLimits(request_s_max=0.05)
        async with Wire(address_of(url), Secret(TOKEN), patience=Patience(attempts=1), limits=limits) as wire:
            with pytest.raises(EndpointUnreachable, match="did not answer in time"):
                await wire.ask(LIST)


def refusals() -> Iterator[object]:
    def refused(status: int, kind: type[RolloutError], told: str, name: str = "", **fields: Any) -> object:
        return pytest.param("problem", {"status": status, **fields}, kind, told, id=name or str(status))

    yield refused(401, Forbidden, "does not let us: no such token", detail="no such token")
    yield refused(403, Forbidden, "would work: ask ann", detail="for approvers", instead="ask ann")
    yield refused(404, UsageError, "no rollout web-9", detail="no rollout web-9")
    yield refused(409, CommandRefused, "changed\n-a\n\\+b", detail="changed", diff="-a\n+b")
    yield refused(409, CountChanged, "concerns 5", "count", detail="it concerns 5 services", count=5)
    said = {"about": "svc-1", "kind": "refused", "text": "it goes back", "instead": "stop"}
    yield refused(409, WordRefused, "svc-1: refused: it goes back; would work: stop", "said", said=[said])
    error = {"file": "web.yaml", "line": 3, "col": 5, "path": "waves[0].name", "message": "must be text"}
    yield refused(400, PolicyError, "web.yaml:3:5 waves.0..name: must be text", errors=[error])
    unfit = {"pointer": "/reason", "message": "is empty"}
    yield refused(400, UsageError, "\\(400\\): unfit\n  /reason: is empty", "field", title="unfit", errors=[unfit])
    yield refused(410, Gone, "kept for a day", detail="kept for a day")
    yield refused(413, UsageError, "over 1 MiB", detail="over 1 MiB")
    yield refused(421, EndpointUnreachable, "under other names", detail="Host")
    yield refused(500, EndpointUnreachable, "cannot answer GET /v1/rollouts", title="oh")
    another = "is no rollout daemon"
    yield pytest.param("prose", {"status": 404}, EndpointUnreachable, another, id="another server")
    yield pytest.param("says", {"document": [1], "status": 400}, EndpointUnreachable, another, id="another api")


@pytest.mark.parametrize(("answer", "fields", "kind", "told"), tuple(refusals()))
async def test_what_is_no_success_becomes_an_error_with_a_way_on(
    *, double: Any, wire: Wire, answer: str, fields: dict[str, Any], kind: type[RolloutError], told: str
) -> None:
    double.on("GET", "/v1/rollouts", getattr(double, answer)(**fields))
    with pytest.raises(kind, match=told) as raised:
        await wire.ask(LIST)
    assert type(raised.value) is kind
    assert len(double.seen) == 1


async def test_authorities_that_are_none_are_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no certificate authorities"):
        async with Wire(address_of("https://rollout.example", file), Secret(TOKEN)):
            pass
