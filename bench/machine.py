"""Names the machine a result was measured on, and says when it was too busy to be believed."""

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Final

import msgspec
from aiohttp.http_parser import HttpResponseParser, HttpResponseParserPy

from bench.cores import Cores

BUSY_SHARE: Final = 0.25
"""Runnable processes per core, in the minute before, from which on a machine counts as busy."""
_LIBRARIES: Final = (
    "rollout-engine", "aiohttp", "uvloop", "lxml", "msgspec", "httptools", "httpx", "azure-core",
    "azure-servicemanagement-legacy", "matplotlib",
)  # fmt: skip


class Machine(msgspec.Struct, frozen=True):
    """Where and under what load a result was measured."""

    cpu: str
    cores: int
    kernel: str
    python: str
    memory_gib: float
    client_core: int
    server_core: int
    load_before: float
    """Runnable processes in the minute before the first measurement."""
    versions: dict[str, str]
    """Of what is installed; a library that is absent is not named."""
    aiohttp_parser: str
    """C or Python: the library falls back to a slow twin of its own without a word."""

    @property
    def busy(self) -> bool:
        """Whether others were at work before the bench began: then no figure is to be quoted."""
        return self.load_before > BUSY_SHARE * self.cores

    def __str__(self) -> str:
        return f"{self.cpu}, {self.cores} cores, {self.memory_gib:.0f} GiB, Linux {self.kernel}, Python {self.python}"


def this_machine(cores: Cores) -> Machine:
    """Look at this machine, before the first measurement."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        kernel=platform.release(),
        python=f"{platform.python_version()} {sys.implementation.name}",
        memory_gib=round(memory / (1 << 30), 1),
        client_core=cores.client,
        server_core=cores.server,
        load_before=load(),
        versions=_versions(),
        aiohttp_parser="Python" if HttpResponseParser is HttpResponseParserPy else "C",
    )


def load() -> float:
    """Give the runnable processes of the last minute."""
    return round(os.getloadavg()[0], 2)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model"}:
            return value.strip()
    return platform.processor() or "unknown"


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
