"""Plays seeds on a copy of the product with a bug in it: `python nursery.py CASES`, one JSON question a line.

The libraries are imported once, and each question is answered by a child of its own that imports the copy it names.
A question is `{copy, policy, lane, domains, seeds: [first, end]}`; the answer names the first seed with a violation.
"""

import functools
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

LIBRARIES = "aiohttp aiohttp.web asyncio hashlib lxml.etree msgspec prometheus_client pydantic sqlite3 structlog yaml"


def answer(cases: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Play seeds of one copy until the first violation."""
    sys.path.insert(0, asked["copy"])
    from rollout.assembly import make_kit
    from rollout.policy.load import load_policy
    from rollout.settings import RunSettings
    from rollout.simulation.play import play
    from rollout.simulation.stage import LaneName, staged
    from rollout.simulation.weather import Profile

    kit = functools.partial(make_kit, RunSettings("https://rehearsal.invalid", cases))
    domains = asked["domains"]
    bundle = load_policy(cases / f"{asked['policy']}.yaml")
    stage = staged(bundle, kit, Profile.STORM, domains=domains, instances=domains, lane=LaneName(asked["lane"]))
    for seed in range(*asked["seeds"]):
        violation = play(stage, seed, watchdog=True).violation
        if violation is not None:
            return {"seed": seed, "rule": violation.invariant, "said": violation.said}
    return {"seed": None, "rule": "", "said": ""}


def main() -> None:
    """Answer questions until there are no more."""
    for name in LIBRARIES.split():
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                told = answer(Path(sys.argv[1]), json.loads(line))
            except Exception:  # noqa: BLE001 - a copy that cannot even be imported is an answer, too
                told = {"seed": None, "rule": "broken", "said": traceback.format_exc()}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
