"""People in a storm: who says stop, pause or go back to a service, when, and when they take it back."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rollout.core import event
from rollout.core.compile import Compiled
from rollout.core.event import ServiceFact
from rollout.core.evolve import IllegalFact
from rollout.core.names import StreamName, service_stream
from rollout.core.service import ServiceRollout
from rollout.core.way_back import past_return
from rollout.simulation.weather import Weather
from rollout.simulation.world import Parts

SOMEBODY: Final = "ana"
WITHIN_S: Final = 4 * 3600.0
KEPT_S: Final = (60.0, 5400.0)
"""How long a stop or a pause lasts."""


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody says of one service, at a second of the world."""

    at: float
    stream: StreamName
    fact: ServiceFact


def words(weather: Weather, compiled: Compiled) -> list[Word]:
    """Draw what is said."""
    said = []
    for plan in compiled.services:
        stream = service_stream(plan.rollout, plan.service, 1)
        at = weather.amount(0, WITHIN_S, "word", plan.service)
        until = at + weather.amount(*KEPT_S, "kept", plan.service)
        if weather.happens("stop", plan.service):
            said.append(Word(at, stream, event.Stopped(SOMEBODY, "something smells")))
            said.append(Word(until, stream, event.Resumed(SOMEBODY, "nothing was wrong")))
        elif weather.happens("pause", plan.service):
            said.append(Word(at, stream, event.Held(event.HoldReason.PAUSE, SOMEBODY, "lunch")))
            said.append(Word(until, stream, event.Released(event.HoldReason.PAUSE, SOMEBODY)))
        elif weather.happens("turn_back", plan.service):
            said.append(Word(at, stream, event.TurnedBack("asked for by " + SOMEBODY)))
    return said


async def speak(parts: Parts, said: deque[Word], time: Callable[[], float], hits: Counter[str]) -> None:
    """Say each word at its time; one that is out of place is refused and forgotten."""
    while said:
        await asyncio.sleep(max(0.0, said[0].at - time()))
        word = said.popleft()
        state = parts.kit.ledger.service(word.stream)
        if state is None or not _fits(state, word.fact):
            continue
        try:
            pending = parts.kit.ledger.put([(word.stream, word.fact)], now=parts.kit.clock.now(), actor=SOMEBODY)
        except IllegalFact:
            continue
        hits[type(word.fact).__name__] += 1
        await pending


def _fits(state: ServiceRollout, fact: ServiceFact) -> bool:
    """Ask what the command table asks: going back is for what was begun, and has not turned back already."""
    if state.ended is not None:
        return False
    if not isinstance(fact, event.TurnedBack):
        return True
    return state.begun and not state.turned_back and past_return(state) is None
