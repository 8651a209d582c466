"""The demo's stage: emulator, documents and engine in one process, and the verdict on what was played."""

import asyncio
import importlib.resources
import time
from pathlib import Path
from typing import Final

import click

from rollout.cli.ending import Code
from rollout.cli.foreground import Ended
from rollout.cli.hosted import conduct_hosted
from rollout.cli.screen import Output
from rollout.cli.story import DOMAINS, SERVICES, announced, differences, names, story_of, told
from rollout.emulator import state
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve
from rollout.policy.load import load_policy
from rollout.settings import RunSettings

SECONDS_MAX: Final = 60.0
TIME_SCALE: Final = 650.0
"""A recorded walk takes nine minutes; here it takes less than a second."""


async def play(folder: Path, seed: int, output: Output) -> int:
    """Play the story of `seed` and give the exit code: 0 = it went as told, by the emulator's log and state."""
    story, began = story_of(seed), time.monotonic()
    say(announced(story), output)
    fabric = Fabric(time.monotonic, Knobs(time_scale=TIME_SCALE), seed)
    populate(fabric, FleetPlan(services=SERVICES, domains=DOMAINS))
    fabric.set_faults(story.faults)
    ended = await _run(fabric, folder, output)
    if ended is not None and ended.result is None:
        say("stopped; the emulated services are gone, and nothing else was touched.", output)
        return Code.INTERRUPTED
    wrong = [f"it was not over after {SECONDS_MAX:.0f} s"] if ended is None else []
    wrong += differences(story, state.log(fabric), state.state(fabric))
    if wrong:
        say("\n  ".join(["This went otherwise than told:", *wrong]), output)
        return Code.ERROR
    say(told(story, time.monotonic() - began), output)
    return 0


async def _run(fabric: Fabric, folder: Path, output: Output) -> Ended | None:
    bundle = load_policy(documents(folder))
    async with serve(fabric) as url:
        settings = RunSettings(endpoint=url, state=folder / "state")
        try:
            async with asyncio.timeout(SECONDS_MAX):
                return await conduct_hosted(
                    settings, bundle, output, lambda link: say(f"Its dashboard, while it lasts: {link}", output)
                )
        except TimeoutError:
            return None


def say(text: str, output: Output) -> None:
    """Say something where it does not mix with data."""
    click.echo(text, err=output is not Output.TABLE)


def documents(folder: Path) -> Path:
    """Write the demo's documents out as a person would have them, and give the policy's path."""
    source = importlib.resources.files("rollout.cli") / "demo_files"
    for name in ("policy.yaml", "fleet.yaml"):
        (folder / name).write_bytes((source / name).read_bytes())
    configs = folder / "configs"
    configs.mkdir()
    template = (source / "service.cscfg").read_text(encoding="utf-8")
    for service in names():
        (configs / f"{service}.cscfg").write_text(template.replace("{service}", service), encoding="utf-8")
    return folder / "policy.yaml"
