"""The daemon is killed again and again while people speak to it: whatever it accepted is done once, nothing is lost."""

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rollout.core import event
from rollout.core.names import is_service_stream, parse_service_stream
from rollout.journal.visitor import Visitor
from tests.daemon.fleet_process import Daemon, Speaker, bundle, started

LONG = bool(os.environ.get("ROLLOUT_LONG"))
KILLS = 50 if LONG else 5
SERVICES = 200
DOMAINS = 12 if LONG else 2
"""So many that the rollout is not over before the last death."""
SPEAKERS = 6
LIVES_S = (0.3, 2.0)
"""How long a daemon lives after it has said that it listens."""
SEED = 20_161_127
HEALTH = "{wait_duration: 200ms, stable_duration: 300ms, interval: 250ms, retry_timeout: 1m}"
NAMES = [f"svc-{n:04}" for n in range(1, SERVICES + 1)]


class Said:
    """Everything that was said to a rollout, by key, and how it was answered."""

    def __init__(self, rollout: str) -> None:
        self.rollout = rollout
        self.words: dict[str, tuple[str, str, str]] = {}
        """Service, verb, and for a resume the word that it lifts."""
        self.answers: dict[str, Any] = {}


async def speak(speaker: Speaker, said: Said, own: Sequence[str], chance: random.Random, over: asyncio.Event) -> None:
    """Pause or stop a service and let it go on again, one after another of one's own, until it is over."""
    while not over.is_set():
        name, keeps = chance.choice(own), chance.choice(("pause", "stop"))
        for verb in (keeps, "resume"):
            key = f"word-{len(said.words)}"
            said.words[key] = (name, verb, keeps)
            body = {"verb": verb, "service": name, "reason": key, "key": key}
            status, answer = await speaker.post(f"/v1/rollouts/{said.rollout}/actions", body, key)
            assert status in {202, 409}, (status, answer)
            said.answers[key] = (status, answer)


@pytest.mark.timeout(1_800 if LONG else 240)
async def test_every_accepted_command_takes_effect_exactly_once_however_often_the_daemon_is_killed(
    tmp_path: Path,
) -> None:
    chance, said, over = random.Random(SEED), Said("kills"), asyncio.Event()  # noqa: S311 - a seed, no secret
    began, kills = time.monotonic(), 0
    emulator = ["--port", "0", "--services", str(SERVICES), "--domains", str(DOMAINS), "--time-scale", "3000"]
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        started("emulator", *emulator) as (_, endpoint),
        aiohttp.ClientSession(timeout=timeout) as session,
        asyncio.TaskGroup() as group,
    ):
        daemon = Daemon(tmp_path, endpoint)
        speaker = Speaker(daemon, session)
        opened: list[asyncio.Task[Any]] = []
        while kills < KILLS:
            async with daemon.life() as process:
                if not opened:
                    first = bundle(said.rollout, NAMES, domains=DOMAINS, health=HEALTH)
                    assert (await speaker.post("/v1/rollouts", first, said.rollout))[0] == 201
                    for n in range(SPEAKERS):
                        draw = random.Random(chance.random())  # noqa: S311 - as above
                        talk = speak(speaker, said, NAMES[n::SPEAKERS], draw, over)
                        opened.append(group.create_task(talk))
                await asyncio.sleep(chance.uniform(*LIVES_S))
                assert not (await speaker.get(f"/v1/rollouts/{said.rollout}"))["closed"], "it was over too soon"
                process.kill()
                kills += 1
        async with daemon.life():
            over.set()
            await asyncio.wait(opened)
            await finish(speaker, said.rollout)
        effects = Counter((each["service"], each["verb"], each["domain"]) for each in await log_of(session, endpoint))
    assert set(effects.values()) == {1}, [each for each, count in effects.items() if count > 1][:5]
    assert len(effects) == SERVICES * (1 + DOMAINS)
    check_words(tmp_path / "state", said)
    print(json.dumps(figures(said, speaker, kills, time.monotonic() - began)))  # noqa: T201 - shown with -s


async def finish(speaker: Speaker, rollout: str) -> None:
    """Lift whatever is left, then wait until it is closed."""
    await speaker.post(f"/v1/rollouts/{rollout}/actions", {"verb": "resume", "reason": "the end", "key": "the-end"})
    while not (await speaker.get(f"/v1/rollouts/{rollout}"))["closed"]:  # noqa: ASYNC110 - another process ends it
        await asyncio.sleep(0.2)


async def log_of(session: aiohttp.ClientSession, endpoint: str) -> Sequence[dict[str, Any]]:
    async with session.get(f"{endpoint}/_emulator/log") as answer:
        found: list[dict[str, Any]] = await answer.json(content_type=None)
        return found


FACTS = {
    ("pause", "pause"): event.Held,
    ("stop", "stop"): event.Stopped,
    ("resume", "pause"): event.Released,
    ("resume", "stop"): event.Resumed,
}
"""What an accepted word makes true, by the verb and the word that it says or lifts."""


def check_words(state: Path, said: Said) -> None:
    """Hold every answer against the facts: as many of each kind, service by service, and each reason once."""
    done: Counter[tuple[str, type]] = Counter()
    reasons: Counter[str] = Counter()
    with Visitor.opened(state) as visitor:
        for row in visitor.streams():
            if not is_service_stream(row.stream):
                continue
            for recorded in visitor.read(row.stream):
                fact = recorded.entry.fact
                if isinstance(fact, tuple(FACTS.values())):
                    done[parse_service_stream(row.stream)[1], type(fact)] += 1
                    reasons[getattr(fact, "note", "")] += 1
    assert said.words.keys() == said.answers.keys(), "a question was never answered"
    accepted = {key: said.words[key] for key, (_, answer) in said.answers.items() if kind_of(answer) == "accepted"}
    assert len(accepted) > 20
    assert done == Counter((name, FACTS[verb, keeps]) for name, verb, keeps in accepted.values())
    assert {count for reason, count in reasons.items() if reason.startswith("word-")} == {1}


def kind_of(answer: dict[str, Any]) -> str:
    """Give the reply's kind; a refusal is a problem, which says so by its words."""
    return str(answer.get("kind", "refused"))


def figures(said: Said, speaker: Speaker, kills: int, took_s: float) -> dict[str, Any]:
    kinds = Counter(kind_of(answer) for _, answer in said.answers.values())
    return {
        "kills": kills,
        "services": SERVICES,
        "words": len(said.words),
        "answers": dict(kinds),
        "broken_connections": speaker.breaks,
        "seconds": round(took_s, 1),
    }
