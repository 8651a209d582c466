"""What changed between two versions of a policy, shown when a changed one comes under a known id."""

import re
from difflib import unified_diff

LINES_MAX = 400


def diff(old_text: str, new_text: str) -> str:
    """Give a unified diff, without the queries of URLs; empty when nothing changed."""
    lines = list(
        unified_diff(old_text.splitlines(), new_text.splitlines(), "as submitted", "as given now", lineterm="")
    )
    told = [_without_queries(line) for line in lines[:LINES_MAX]]
    if len(lines) > LINES_MAX:
        told.append(f"… and {len(lines) - LINES_MAX} more lines")
    return "\n".join(told)


def _without_queries(line: str) -> str:
    """Cut queries: one may carry a signature that opens the package to whoever reads it."""
    return re.sub(r"(://[^\s?'\"]*)\?[^\s'\"]*", r"\1?***", line)
