"""Measures in a process of its own, on the client's core: `python -m bench.child MODULE JSON`.

The module has `measure(order: Order) -> Reading`. What it measured is the last line of stdout, as JSON.
"""

import importlib
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.cores import Cores
from bench.skipped import Skipped

ROOT: Final = Path(__file__).resolve().parents[1]
SKIPPED_CODE: Final = 77
SAID_CHARS_MAX: Final = 2_000

Reading = dict[str, float]
"""One repetition: what was measured, by the name of its column."""


class ChildFailed(Exception):
    """A measurement ended badly; the message holds the end of what it said."""


class Killed(ChildFailed):
    """A measurement was ended by a signal."""

    def __init__(self, signal_number: int, said: str) -> None:
        super().__init__(f"ended by signal {signal_number}: {said}")
        self.signal = signal_number


def measured(cores: Cores, module: str, order: dict[str, Any], *, seconds_max: float = 600.0) -> Reading:
    """Let `module` measure in a fresh process. Raises Skipped where it cannot, ChildFailed where it went wrong."""
    command = cores.on_client([sys.executable, "-m", "bench.child", module, msgspec.json.encode(order).decode()])
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    ) as process:
        try:
            said, complained = process.communicate(timeout=seconds_max)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode == SKIPPED_CODE:
        raise Skipped(complained.strip())
    if process.returncode < 0:
        raise Killed(-process.returncode, complained[-SAID_CHARS_MAX:])
    if process.returncode:
        raise ChildFailed(f"{module} ended with {process.returncode}: {complained[-SAID_CHARS_MAX:]}")
    return msgspec.json.decode(said.splitlines()[-1], type=Reading)


def main() -> None:
    """Measure once and say it."""
    try:
        module = importlib.import_module(sys.argv[1])
        reading = module.measure(msgspec.json.decode(sys.argv[2]))
    except Skipped as reason:
        print(reason, file=sys.stderr)
        sys.exit(SKIPPED_CODE)
    # JSON has no NaN: what could not be measured is left out.
    print(msgspec.json.encode({key: value for key, value in reading.items() if not math.isnan(value)}).decode())


if __name__ == "__main__":
    main()
