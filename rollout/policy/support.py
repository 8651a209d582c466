"""What `run` cannot do yet: every such field a policy sets is refused with its place, none is ignored."""

from collections.abc import Iterator
from typing import Any, Final

from rollout.errors import Problem
from rollout.policy.bundle import Bundle
from rollout.policy.fields import named
from rollout.policy.model.base import Doc
from rollout.policy.problems import in_order
from rollout.policy.tree import Loc

ANY: Final = object()
SUPPORTED: Final[dict[str, Any]] = {
    "rollout": ANY,
    "about": ANY,
    "extends": ANY,
    "submit": ANY,
    "change.upgrade.slot": ANY,
    "change.upgrade.package": ANY,
    "change.upgrade.configuration": ANY,
    "change.upgrade.label": ANY,
    "change.upgrade.role": ANY,
    "change.upgrade.force": ANY,
    "change.upgrade.mode": ANY,
    "change.upgrade.properties": ANY,
    "change.upgrade.extensions": ANY,
    "change.upgrade.instance_counts": ANY,
    "change.configure": ANY,
    "change.swap": ANY,
    "change.status": ANY,
    "fleet.subscription": ANY,
    "fleet.slot": ANY,
    "fleet.services.*.tags": ANY,
    "fleet.services.*.needs": ANY,
    "fleet.services.*.paired": ANY,
    "waves[].name": ANY,
    "waves[].select": ANY,
    "waves[].max_parallel": ANY,
    "waves[].max_parallel_per": ANY,
    "waves[].failure_tolerance": ANY,
    "waves[].strict": ANY,
    "waves[].needs": ANY,
    "waves[].bake": ANY,
    "waves[].bake_first": ANY,
    "waves[].health.wait_duration": ANY,
    "waves[].health.stable_duration": ANY,
    "waves[].health.retry_timeout": ANY,
    "waves[].health.interval": ANY,
    "waves[].health.on_unknown": ANY,
    "waves[].health.baseline": ANY,
    "waves[].health.checks": ANY,
    "waves[].walk.bake_before_last": ANY,
    "waves[].walk.domain_timeout": ANY,
    "waves[].walk.allow_no_rollback": ANY,
    "waves[].on_failure": ANY,
    "waves[].approve.by": ANY,
    "waves[].approve.before": ANY,
    "waves[].approve.within": ANY,
    "waves[].windows.open": ANY,
    "waves[].windows.except": ANY,
    "waves[].windows.mid_service": ANY,
    "health.wait_duration": ANY,
    "health.stable_duration": ANY,
    "health.retry_timeout": ANY,
    "health.interval": ANY,
    "health.on_unknown": ANY,
    "health.baseline": ANY,
    "health.checks[].instances": ANY,
    "health.checks[].http": ANY,
    "health.checks[].command": ANY,
    "health.checks[].metric": ANY,
    "health.checks[].webhook": ANY,
    "health.checks[].python": ANY,
    "health.checks[].name": ANY,
    "health.checks[].scope": ANY,
    "health.checks[].timeout": ANY,
    "health.checks[].advisory": ANY,
    "health.checks[].final": ANY,
    "health.checks[].json": ANY,
    "health.checks[].moments": ANY,
    "walk.bake_before_last": ANY,
    "walk.domain_timeout": ANY,
    "walk.allow_no_rollback": ANY,
    "operation_timeout": ANY,
    "timeout": ANY,
    "deadline": ANY,
    "notify": ANY,
    "on_failure": ANY,
    "rollback": ANY,
    "foreign": ANY,
    "windows.open": ANY,
    "windows.except": ANY,
    "windows.mid_service": ANY,
    "on_conflict": ANY,
    "priority": ANY,
    "approve.by": ANY,
    "approve.before": ANY,
    "approve.within": ANY,
}
"""Fields that may differ from their defaults, and the values they may have."""


def unsupported(bundle: Bundle) -> list[Problem]:
    """Give a problem for everything the policy sets away from its default that `run` cannot do."""
    problems = [bundle.problem(loc, message) for loc, message in _faults(bundle.policy, (), "")]
    problems += [bundle.problem(loc, message) for loc, message in _faults(bundle.fleet, ("fleet",), "fleet.")]
    if not bundle.policy.health.checks:
        message = "a policy without any check is not supported yet by `run`; supported is `instances: ready`"
        problems.append(bundle.problem(("health", "checks"), message))
    return in_order(problems)


def _faults(doc: Doc, loc: Loc, prefix: str) -> Iterator[tuple[Loc, str]]:
    """Walk what is set and differs from its default; `prefix` is the path with `[]` and `*`."""
    for name, (written, default) in _set_fields(doc).items():
        here, path = (*loc, written), f"{prefix}{written}"
        if path == "fleet":
            continue  # walked by itself, wherever it was written
        value = getattr(doc, name)
        if value == default:
            continue
        if path in SUPPORTED:
            allowed = SUPPORTED[path]
            if allowed is not ANY and value not in allowed:
                words = ", ".join(str(choice) for choice in allowed)
                yield here, f"this value is not supported yet by `run`; supported: {words}"
        elif any(known.startswith((f"{path}.", f"{path}[")) for known in SUPPORTED):
            for step, inner, nesting in _inside(value):
                yield from _faults(inner, (*here, *step), f"{path}{nesting}.")
        else:
            yield here, f"`{written}` is not supported yet by `run`; supported here: {_siblings(prefix)}"


def _set_fields(doc: Doc) -> dict[str, tuple[str, Any]]:
    """Give the fields that were set, as attribute: (written name, default)."""
    fields = type(doc).model_fields
    return {
        name: (written, fields[name].get_default(call_default_factory=True))
        for written, name in zip(named(type(doc)), fields, strict=True)
        if name in doc.model_fields_set
    }


def _inside(value: Any) -> Iterator[tuple[Loc, Doc, str]]:
    if isinstance(value, Doc):
        yield (), value, ""
    elif isinstance(value, tuple):
        yield from (((number,), item, "[]") for number, item in enumerate(value))
    else:
        yield from (((key,), item, ".*") for key, item in value.items())


def _siblings(prefix: str) -> str:
    below = (path.removeprefix(prefix) for path in SUPPORTED if path.startswith(prefix))
    return ", ".join(dict.fromkeys(path.partition(".")[0].partition("[")[0] for path in below))
