"""The check `command`: a program the settings define, asked by its exit code or its word, and contained.

A policy names it and gives arguments, each one word and no shell; the settings hold its words. It gets a fixed
environment and folder, and nothing of its process group outlives the round.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from rollout.core.check_plan import CheckPlan, CommandSource
from rollout.core.event import Evidence, Verdict
from rollout.gates.check import Question, evidence, unknown
from rollout.gates.fill import filled
from rollout.gates.verdict import read_verdict

OUTPUT_BYTES_MAX: Final = 64 << 10
WAIT_CODE: Final = 75
"""EX_TEMPFAIL: ask again."""
ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/"}
FOLDER: Final = "/"


class _Ended(msgspec.Struct, frozen=True):
    """What a program came to; `code` below zero = a signal."""

    code: int
    said: bytes
    too_much: bool


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """Runs one command of the settings."""

    plan: CheckPlan
    source: CommandSource
    commands: Mapping[str, Sequence[str]]
    looks: bool = False

    @property
    def hook(self) -> str:
        """The command's name."""
        return self.source.name

    async def ask(self, question: Question) -> Evidence:
        """Run it: exit 0 passes, 75 waits, anything else fails; with `json` its word counts instead."""
        argv = self.commands.get(self.source.name)
        if argv is None:
            return unknown(self.plan, f"the settings define no command {self.source.name}")
        words = [*argv, *(filled(each, question) for each in self.source.arguments)]
        try:
            ended = await _run(words, _told(question))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its words cannot be used"
            return unknown(self.plan, f"{argv[0]} cannot be started: {reason}")
        return self._judge(ended)

    def _judge(self, ended: _Ended) -> Evidence:
        if ended.too_much:
            return unknown(self.plan, f"it says more than {OUTPUT_BYTES_MAX >> 10} KiB, and was ended")
        if ended.code < 0:
            return unknown(self.plan, f"it was ended by signal {-ended.code}")
        if self.source.prints_json:
            given = read_verdict(ended.said)
            if given is None:
                return unknown(self.plan, f"what it says is no JSON verdict (exit {ended.code})")
            return evidence(self.plan, given.verdict, given.reason or "it gave no reason", value=f"exit {ended.code}")
        verdict = {0: Verdict.PASS, WAIT_CODE: Verdict.WAIT}.get(ended.code, Verdict.FAIL)
        last = ended.said.decode(errors="replace").strip().rpartition("\n")[2]
        said = f"exit {ended.code}: {last}" if last else f"exit {ended.code}"
        return evidence(self.plan, verdict, said, value=str(ended.code), threshold="0")


def _told(question: Question) -> dict[str, str]:
    """Give the environment: fixed, and what is asked about."""
    return {
        **ENVIRONMENT,
        "ROLLOUT_ID": question.rollout,
        "ROLLOUT_SERVICE": question.target.service,
        "ROLLOUT_SLOT": question.target.slot,
        "ROLLOUT_DOMAINS": ",".join(map(str, question.domains)),
        "ROLLOUT_MOMENT": question.moment,
    }


async def _run(words: Sequence[str], environment: Mapping[str, str]) -> _Ended:
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
        cwd=FOLDER,
        start_new_session=True,
        close_fds=True,
    )
    try:
        said, too_much = await _read(process.stdout)
        if not too_much:
            return _Ended(await process.wait(), said, too_much=False)
        return _Ended(0, said, too_much=True)
    finally:
        await _end(process)


async def _read(stream: asyncio.StreamReader | None) -> tuple[bytes, bool]:
    """Read to the end, or to the cap: who says more than that is not listened to any longer."""
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(OUTPUT_BYTES_MAX)):
        kept += chunk
        if len(kept) > OUTPUT_BYTES_MAX:
            return bytes(kept[:OUTPUT_BYTES_MAX]), True
    return bytes(kept), False


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill whatever is left of the group, children that the command left behind included."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
