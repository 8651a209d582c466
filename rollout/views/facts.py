"""Every recorded fact in words, such as `walk of domain 2 accepted`. Pure."""

import msgspec

from rollout.core import event
from rollout.core.event import Entry
from rollout.core.gate_event import Baselined
from rollout.core.operation import describe
from rollout.views.words import told


def said(entry: Entry) -> str:  # noqa: C901, PLR0911, PLR0912 - one sentence for each fact
    """Say it, as the continuation of "<whose>: "."""
    match entry.fact:
        case event.Intended(number=number, operation=operation):
            return f"intends call {number}: {describe(operation)}"
        case event.Accepted(number=number):
            return f"call {number} accepted"
        case event.Refused(number=number, kind=kind, error=error):
            return f"call {number} refused ({kind}): {error}"
        case event.Lost(number=number, detail=detail):
            return f"call {number} lost: {detail}"
        case event.Succeeded(number=number):
            return f"operation of call {number} succeeded"
        case event.Failed(number=number, code=code):
            return f"operation of call {number} failed: {code}"
        case event.Untracked(number=number):
            return f"operation of call {number} is not known any more"
        case event.Observed(finding=finding, detail=detail):
            return f"sees {finding}: {detail}"
        case Baselined(evidence=evidence, hold=hold, refused=refused):
            said = refused or hold or "; ".join(each.detail for each in evidence)
            return f"health before the change: {said}"
        case event.Probed(domain=domain, verdict=verdict, evidence=evidence):
            return f"health of domain {domain}: {verdict} ({'; '.join(each.detail for each in evidence)})"
        case event.GatePassed(domain=domain):
            return f"gate of domain {domain} passed"
        case event.GateFailed(domain=domain, reason=reason):
            return f"gate of domain {domain} failed: {reason}"
        case event.Baked(domain=domain):
            return f"bake before domain {domain} passed"
        case event.Closed(outcome=outcome, reason=reason):
            return f"ENDS as {outcome}: {reason}"
        case fact:
            return told(fact) or _name(entry)


def _name(entry: Entry) -> str:
    fields = msgspec.to_builtins(entry.fact)
    shown = [str(value) for name, value in fields.items() if name != "type" and isinstance(value, str | int | float)]
    return " ".join([str(fields["type"]).replace("_", " "), *shown])
