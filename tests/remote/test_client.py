import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rollout import Client
from rollout.core.reply import Kind
from rollout.errors import CommandRefused, EndpointUnreachable, Forbidden, PolicyError, UsageError
from rollout.remote import papers, wait
from rollout.remote.patience import Patience
from rollout.views.choosing import Selection

TOKEN = "a-token-of-a-person"  # noqa: S105 - of nobody
REPLY = {
    "kind": "accepted",
    "said": [{"about": "svc-1", "kind": "accepted", "text": "pauses"}],
    "counts": {"accepted": 1},
}
ACTIONS = "/v1/rollouts/web-1/actions"

CSCFG = (
    '<ServiceConfiguration serviceName="w" xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">'
    '<Role name="Web"><Instances count="2"/></Role></ServiceConfiguration>'
)
POLICY = """\
rollout: web-1
change: {upgrade: {package: "https://store.example/web.cspkg", configuration: "configs/{service}.cscfg"}}
fleet: fleets/two.yaml
"""
FLEET = "subscription: 00000000-0000-4000-8000-000000000001\nservices: {a: {}, b: {}}\n"


@pytest.fixture
async def client(double: Any) -> AsyncIterator[Client]:
    async with Client(double.url, token=TOKEN, patience=Patience(attempts=2, first_s=0.001)) as made:
        yield made


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    for name, text in {"fleets/two.yaml": FLEET, "web.yaml": POLICY}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a.cscfg").write_text(CSCFG, encoding="utf-8")
    (tmp_path / "configs" / "b.cscfg").write_bytes(CSCFG.encode("utf-16"))
    return tmp_path / "web.yaml"


def body(double: Any, number: int = -1) -> Any:
    return json.loads(double.seen[number].body)


async def test_a_policy_is_submitted_with_every_file_byte_for_byte(double: Any, client: Client, policy: Path) -> None:
    double.on("POST", "/v1/rollouts", double.drops(), double.says({"id": "web-1", "created": True}, 201))
    submitted = await client.submit(policy, sets=["timeout=2h"])
    assert (submitted.id, submitted.created) == ("web-1", True)
    sent = body(double)
    assert sent["policy"] == POLICY
    assert (sent["policy_name"], sent["set"]) == ("web.yaml", ["timeout=2h"])
    assert sent["files"].keys() == {"fleets/two.yaml", "configs/a.cscfg", "configs/b.cscfg"}
    assert sent["files"]["configs/a.cscfg"] == CSCFG
    assert sent["files"]["configs/b.cscfg"].keys() == {"base64"}
    first, second = (each.headers["Idempotency-Key"] for each in double.seen)
    assert first == second


async def test_a_wrong_policy_is_told_here_and_nothing_is_sent(double: Any, client: Client, policy: Path) -> None:
    with pytest.raises(PolicyError, match=r"timeouts.*timeout"):
        await client.submit(policy, sets=["timeouts=2h"])
    assert double.seen == []


async def test_papers_that_no_daemon_takes_are_refused_here(
    double: Any, client: Client, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(papers, "BODY_BYTES_MAX", 1_000)
    with pytest.raises(UsageError, match="3 files"):
        await client.submit(policy)
    assert double.seen == []


async def test_a_word_that_was_lost_is_said_again_under_its_key(double: Any, client: Client) -> None:
    double.on("POST", ACTIONS, double.drops(), double.says(REPLY, 202))
    told = await client.tell("advance", "web-1/svc-1", reason="because", accept_red=("http",), past_no_return=False)
    assert told.kind is Kind.ACCEPTED
    key = double.seen[0].headers["Idempotency-Key"]
    word = {"verb": "advance", "service": "svc-1", "reason": "because", "accept_red": ["http"], "key": key}
    assert [body(double, 0), body(double, 1)] == [word, word]


async def test_a_word_for_a_selection_says_how_many_are_meant(double: Any, client: Client) -> None:
    double.on("POST", ACTIONS, double.says(REPLY, 202))
    await client.tell("pause", "web-1", reason="r", selection=Selection(wave="rest"), confirm_count=3, key="k")
    assert body(double) == {"verb": "pause", "wave": "rest", "reason": "r", "confirm_count": 3, "key": "k"}


async def test_a_refused_word_says_what_would_work(double: Any, client: Client) -> None:
    said = {"about": "svc-1", "kind": "refused", "text": "it goes back", "instead": "stop"}
    double.on("POST", ACTIONS, double.problem(409, said=[said]))
    with pytest.raises(CommandRefused, match="would work: stop"):
        await client.tell("pause", "web-1/svc-1", reason="r")


@pytest.mark.parametrize("target", ["", "/svc-1", "web-1/svc-1"])
async def test_a_target_is_one_thing(double: Any, client: Client, target: str) -> None:
    with pytest.raises(UsageError, match="is no target"):
        await client.tell("pause", target, reason="r", selection=Selection(phase="held"))
    assert double.seen == []


async def test_names_stay_in_their_part_of_the_path(double: Any, client: Client) -> None:
    double.on("GET", "/v1/rollouts/../x?y#z", double.says({"id": "it"}))
    assert await client.read("../x?y#z") == {"id": "it"}
    assert double.seen[0].path == "/v1/rollouts/..%2Fx%3Fy%23z"


async def test_a_list_is_read_page_by_page(double: Any, client: Client) -> None:
    pages = ({"items": [{"id": "a"}], "next": "c1"}, {"items": [{"id": "b"}], "next": None})
    double.on("GET", "/v1/rollouts", *map(double.says, pages))
    assert [each["id"] for each in await client.rollouts(attention=True)] == ["a", "b"]
    assert [each.path.partition("?")[2] for each in double.seen] == [
        "limit=500&attention=1",
        "limit=500&attention=1&cursor=c1",
    ]


@pytest.mark.parametrize("document", [[], {"id": 3}, "text"])
async def test_an_answer_of_another_shape_is_no_daemons(
    double: Any, client: Client, policy: Path, document: Any
) -> None:
    double.on("POST", "/v1/rollouts", double.says(document))
    with pytest.raises(EndpointUnreachable, match="no answer of a rollout daemon"):
        await client.submit(policy)


async def test_the_link_to_the_dashboard_has_the_ticket_where_no_server_sees_it(double: Any, client: Client) -> None:
    double.on("POST", "/v1/tickets", double.says({"ticket": "t/1", "expires_s": 60}, 201))
    assert await client.ui_link() == f"{double.url}/ui/#ticket=t%2F1"
    assert body(double) == {"for": "ui"}


async def test_a_client_outside_of_its_block_says_so(double: Any) -> None:
    with pytest.raises(UsageError, match="async with"):
        await Client(double.url, token=TOKEN).read("web-1")


# --- waiting ---

HEAD: dict[str, Any] = {
    "id": "web-1",
    "sentence": "web-1: 1 in flight",
    "result": None,
    "approvals": [],
    "waves": [
        {"name": "canary", "state": "is watched", "services": 1, "ended": 1},
        {"name": "rest", "state": "open", "services": 2, "ended": 1},
    ],
}
OVER = {"code": 3, "outcome": "halted", "reason": "1 failed"}


def event(position: int) -> bytes:
    return f"id: {position}\nevent: entry\ndata: {{}}\n\n".encode()


@pytest.mark.parametrize(
    ("until", "changed", "code"),
    [
        ("finished", {"result": OVER}, 3),
        ("approval", {"approvals": [{"scope": "rest", "by": "leads", "standing": "pending"}]}, 0),
        ("approval", {"result": OVER}, 3),
        ("wave:canary", {"waves": [HEAD["waves"][0] | {"state": "was watched"}]}, 0),
        ("wave:rest", {"waves": [HEAD["waves"][1] | {"ended": 2}]}, 0),
        ("wave:rest", {"result": OVER}, 3),
    ],
)
async def test_waiting_ends_when_what_is_waited_for_is_so(
    *, double: Any, client: Client, until: str, changed: Any, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "SETTLE_S", 0.0)
    double.on("GET", "/v1/events", double.streams(event(1), stays=True))
    double.on("GET", "/v1/rollouts/web-1", double.says(HEAD), double.says(HEAD | changed))
    result = await client.wait("web-1", until=until, timeout_s=10)
    assert result.code == code


async def test_a_rollout_that_runs_on_when_the_time_is_over_ends_the_waiting_with_5(
    double: Any, client: Client
) -> None:
    double.on("GET", "/v1/events", double.streams(stays=True))
    double.on("GET", "/v1/rollouts/web-1", double.says(HEAD))
    result = await client.wait("web-1", timeout_s=0.05)
    assert (result.code, result.outcome) == (5, "still running")
    assert "web-1: 1 in flight" in result.reason


async def test_a_wave_that_is_not_there_is_no_reason_to_wait(double: Any, client: Client) -> None:
    double.on("GET", "/v1/events", double.streams(stays=True))
    double.on("GET", "/v1/rollouts/web-1", double.says(HEAD))
    with pytest.raises(UsageError, match="has no wave pilot; it has canary, rest"):
        await client.wait("web-1", until="wave:pilot")


@pytest.mark.parametrize("until", ["", "done", "wave:"])
async def test_what_cannot_be_waited_for_is_refused(client: Client, until: str) -> None:
    with pytest.raises(UsageError, match="cannot be waited for"):
        await client.wait("web-1", until=until)


async def test_whoever_stops_waiting_leaves_nothing_behind(double: Any, client: Client) -> None:
    double.on("GET", "/v1/events", double.streams(stays=True))
    double.on("GET", "/v1/rollouts/web-1", double.says(HEAD))
    task = asyncio.ensure_future(client.wait("web-1"))
    await double.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    names = {each.get_name() for each in asyncio.all_tasks()}
    assert not any(name.startswith("events of") for name in names)


async def test_a_token_that_is_revoked_meanwhile_ends_the_waiting_with_its_own_error(
    double: Any, client: Client
) -> None:
    double.on("GET", "/v1/events", double.problem(401, detail="revoked"))
    double.on("GET", "/v1/rollouts/web-1", double.says(HEAD))
    with pytest.raises(Forbidden, match="revoked"):
        await client.wait("web-1")
