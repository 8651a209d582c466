"""What a process has used of the machine: CPU seconds of all its threads, and resident memory."""

import os
import resource
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = resource.getpagesize()
_KIB: Final = 1024


def cpu_s(who: int = resource.RUSAGE_SELF) -> float:
    """Give user and system seconds; `who` as getrusage names it."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def rss_bytes() -> int:
    """Give what is resident at the moment."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


def peak_rss_bytes() -> int:
    """Give the most that was ever resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def process_cpu_s(process: int) -> float:
    """Give user and system seconds of another process so far."""
    # The second field, the program's name, may hold blanks and parentheses: the others follow its last one.
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
