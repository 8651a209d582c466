"""The fixed placeholders `{service} {slot} {domain} {rollout} {tag.X} {instances}`; there is no other templating."""

import re
from collections.abc import Mapping

from rollout.policy.tree import did_you_mean

KNOWN = ("service", "slot", "domain", "rollout", "instances", "tag.X")

_BRACED = re.compile(r"\{([^{}]*)\}|[{}]")
_NAMED = re.compile(r"\{([a-z]+(?:\.[A-Za-z0-9_-]+)?)\}")


def refuse_misuse(text: str, allowed: frozenset[str], *, other_braces: bool = False) -> str:
    """Give `text` back if it uses only `allowed` placeholders; raises ValueError.

    `other_braces` leaves braces alone that do not look like a placeholder: metric queries use them for labels.
    """
    for found in (_NAMED if other_braces else _BRACED).finditer(text):
        name = found[1]
        if name is None:
            raise ValueError("has a brace without its partner; placeholders look like `{service}`")
        known = "tag.X" if re.fullmatch(r"tag\.[A-Za-z0-9_-]+", name) else name
        if known not in KNOWN:
            hint = did_you_mean(name, KNOWN)
            raise ValueError(f"unknown placeholder `{{{name[:40]}}}`{hint or _choice(frozenset(KNOWN))}")
        if known not in allowed:
            raise ValueError(f"the placeholder `{{{name[:40]}}}` has no meaning here{_choice(allowed)}")
    return text


def used(text: str) -> frozenset[str]:
    """Give the names of the placeholders in `text`."""
    return frozenset(_NAMED.findall(text))


def expand(text: str, values: Mapping[str, str]) -> str:
    """Put the values in; raises ValueError naming a tag the service does not have."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise ValueError(f"has no tag `{found[1].removeprefix('tag.')}`, which `{found[0]}` asks for")
        return values[found[1]]

    return _NAMED.sub(value, text)


def _choice(allowed: frozenset[str]) -> str:
    return "; it can be " + ", ".join(f"`{{{name}}}`" for name in KNOWN if name in allowed)
