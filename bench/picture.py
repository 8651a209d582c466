"""Draws the README's picture, a frame of the live table out of a real run of the demo: `python -m bench.picture`."""

import asyncio
import io
import re
import tempfile
import time
from pathlib import Path

from rich.console import Console

from rollout.assembly import Assembly, assembled
from rollout.cli.render import Frame
from rollout.cli.stage import TIME_SCALE, documents
from rollout.cli.story import DOMAINS, SERVICES, story_of
from rollout.core.names import RolloutId
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.views.view import Group, View, view

TARGET = Path(__file__).parent / "results" / "demo.svg"
COLUMNS = 118
LOOK_EVERY_S = 0.1


async def draw(folder: Path, seed: int = 0) -> str:
    """Run the demo's rollout and give the SVG of its first frame with a failure behind it and work in hand."""
    fabric = Fabric(time.monotonic, Knobs(time_scale=TIME_SCALE), seed)
    populate(fabric, FleetPlan(services=SERVICES, domains=DOMAINS))
    fabric.set_faults(story_of(seed).faults)
    bundle = load_policy(documents(folder))
    async with serve(fabric) as url, assembled(RunSettings(endpoint=url, state=folder / "state")) as assembly:
        rollout = await assembly.admit(bundle)
        async with asyncio.TaskGroup() as group:
            group.create_task(assembly.engine.run(rollout), name="rollout")
            frame = await _worth_showing(assembly, rollout)
            assembly.engine.drain()
    return _svg(frame)


async def _worth_showing(assembly: Assembly, rollout: RolloutId) -> View:
    while True:
        frame = view(rollout, assembly.engine.services(rollout), assembly.clock.now(), SERVICES)
        going_back = any(row.group is Group.FAILED and not row.outcome for row in frame.rows)
        if going_back and frame.totals[Group.DONE] > 1:
            return frame
        await asyncio.sleep(LOOK_EVERY_S)


def _svg(frame: View) -> str:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(Frame(frame))
    drawn = console.export_svg(title="rollout demo", unique_id="demo")
    # The picture loads nothing from anywhere: without the fonts of a foreign host it uses the reader's own.
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory(prefix="rollout-picture-") as folder:
        TARGET.write_text(asyncio.run(draw(Path(folder))), encoding="utf-8")
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
