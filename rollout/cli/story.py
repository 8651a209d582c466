"""The demo's story: what is to happen for a seed, and whether the emulator's own log and state agree. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from rollout.emulator import chance
from rollout.emulator.faults import Effect, Fault
from rollout.emulator.fleet import FIRST_RELEASE
from rollout.platforms.classic.vocabulary import Verb
from rollout.views.text import counted

SERVICES: Final = 12
DOMAINS: Final = 5
NEW_RELEASE: Final = "web-2.4.1"

Step = tuple[str, int | None]
"""A verb, and the domain of a walk."""


class Story(msgspec.Struct, frozen=True):
    """One service fails in the middle of its way and goes back; all others arrive."""

    service: str
    domain: int

    @property
    def faults(self) -> list[Fault]:
        """What the emulator is told to do wrong."""
        return [Fault(service=self.service, verb=Verb.WALK.value, domain=self.domain, effect=Effect.FAIL)]

    def steps(self, service: str) -> list[Step]:
        """Give the effective changes that the emulator's log must show for a service, and no other."""
        if service != self.service:
            return [(Verb.UPGRADE, None), *((Verb.WALK, domain) for domain in range(DOMAINS))]
        return [(Verb.UPGRADE, None), *((Verb.WALK, domain) for domain in range(self.domain)), (Verb.ROLLBACK, None)]

    def release(self, service: str) -> str:
        """Give the release a service must run at the end."""
        return FIRST_RELEASE if service == self.service else NEW_RELEASE


def story_of(seed: int) -> Story:
    """Choose who fails and where: never the first domain, so that there is something to take back, nor the last."""
    number = int(SERVICES * chance.unit(seed, "demo", "service"))
    return Story(names()[number], 1 + int((DOMAINS - 2) * chance.unit(seed, "demo", "domain")))


def names() -> list[str]:
    """Give the demo's services in rollout order."""
    return [f"svc-{number:04}" for number in range(1, SERVICES + 1)]


def differences(story: Story, log: Sequence[Mapping[str, Any]], state: Mapping[str, Any]) -> list[str]:
    """Compare the emulator's log and state with the story; empty = it went as told."""
    found = []
    deployments = {each["service"]: each["deployments"][0] for each in state["services"]}
    for service in names():
        seen = [(entry["verb"], entry["domain"]) for entry in log if entry["service"] == service]
        if seen != story.steps(service):
            found.append(f"{service}: the log shows {_spelled(seen)}, expected {_spelled(story.steps(service))}")
        running = {_plain(each["label"]) for each in deployments[service]["instances"]}
        if running != {story.release(service)}:
            found.append(f"{service}: runs {', '.join(sorted(running))}, expected {story.release(service)}")
        if deployments[service]["change"] is not None:
            found.append(f"{service}: a change is still under way")
    return found


def told(story: Story, seconds: float) -> str:
    """Tell the story that went as it should."""
    arrived = SERVICES - 1
    taken_back = counted(story.domain, "domain")
    return (
        f"This is what happened, in {seconds:.0f} s: {arrived} of {SERVICES} services walked their domains 0 to "
        f"{DOMAINS - 1} in order, each domain only after the one before was healthy, and run {NEW_RELEASE}. "
        f"{story.service} failed in domain {story.domain}; its {taken_back} already done went back, and it runs "
        f"{FIRST_RELEASE} as before. The wave tolerated one failure, so the others went on.\n"
        f"The emulator's own log agrees: {arrived} upgrades walked 0 to {DOMAINS - 1} in order, one rolled back."
    )


def announced(story: Story) -> str:
    """Say beforehand what will be seen."""
    return (
        f"{SERVICES} emulated services of {DOMAINS} upgrade domains each go from {FIRST_RELEASE} to {NEW_RELEASE}, "
        f"four at a time; {story.service} will fail in domain {story.domain} and go back. "
        "It takes about twenty seconds, and nothing outside this process is touched."
    )


def _plain(label: str) -> str:
    return label.partition(" ")[0]


def _spelled(steps: Sequence[Step]) -> str:
    return ", ".join(str(verb) if domain is None else f"{verb} {domain}" for verb, domain in steps) or "nothing"
