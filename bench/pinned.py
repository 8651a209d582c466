"""Becomes another program on one core: `python -m bench.pinned CORE PROGRAM WORD…`."""

import os
import sys


def main() -> None:
    """Move to the core, so that every thread of the program is born there, and become the program."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the bench's own command, no shell reads it


if __name__ == "__main__":
    main()
