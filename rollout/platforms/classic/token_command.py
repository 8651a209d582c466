"""Run the command that prints a token: no shell, its own process group, a time limit, and a limit on what it says."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from typing import Final

from rollout.platforms.classic.access import NoAccess

OUTPUT_BYTES_MAX: Final = 32 << 10


async def run_token_command(argv: Sequence[str], timeout_s: float) -> bytes:
    """Give what the command says on stdout; raises NoAccess. Nothing of its group outlives this call."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            # What a command complains of may hold the token, in a form that nobody can know.
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its words cannot be used"
        raise NoAccess(f"the token command {argv[0]} cannot be started: {reason}") from None
    try:
        async with asyncio.timeout(timeout_s):
            said = await _read(process.stdout)
            code = await process.wait()
    except TimeoutError:
        raise NoAccess(f"the token command {argv[0]} was not done after {timeout_s:g} s, and was ended") from None
    finally:
        await _end(process)
    if code != 0:
        raise NoAccess(
            f"the token command {argv[0]} ended with code {code}: run it by hand to see what it complains of"
        )
    if len(said) > OUTPUT_BYTES_MAX:
        raise NoAccess(f"the token command {argv[0]} says more than {OUTPUT_BYTES_MAX >> 10} KiB, so it is no token")
    return said


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    """Read to the end, keeping one byte more than a token may have: enough to see that it is too long."""
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(OUTPUT_BYTES_MAX)):
        kept += chunk[: max(0, OUTPUT_BYTES_MAX + 1 - len(kept))]
    return bytes(kept)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill whatever is left of the group, children that the command left behind included."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
