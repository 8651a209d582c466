"""A rollout with all its services as one document: what `rollout get -o json` prints and the API answers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from rollout.core.admission import Scene
from rollout.core.approvals import plan_digest
from rollout.core.names import ServiceName
from rollout.core.witnessed import Witnessed
from rollout.views.exchanges import exchange_fields
from rollout.views.gates import gate_samples
from rollout.views.head import RolloutHead, head_of
from rollout.views.reading import Read
from rollout.views.service import service_view
from rollout.views.tell import details, legal_words
from rollout.views.waves import approvals_of


def document(read: Read, chosen: Iterable[ServiceName] | None = None) -> dict[str, Any]:
    """Give the head's fields, `plan` (its digest), `approvals`, and the rows of `chosen` services; None = all."""
    scene = read.scene()
    rows = [plain(service_view(read, name, scene)) for name in (read.services if chosen is None else chosen)]
    return rollout_fields(read, head_of(read, scene)) | {"services": rows}


def rollout_fields(read: Read, head: RolloutHead) -> dict[str, Any]:
    """Give the document's fields but the services. `policies` are the submission's and those it was amended by."""
    given = [
        {"digest": each.digest, "at": each.at_wall, "who": each.who, "note": each.note}
        for each in read.rollout.policies
    ]
    return {
        **plain(head),
        "plan": plan_digest(read.rollout.plan),
        "approvals": approvals_of(read),
        "policies": given,
    }


def service_document(read: Read, service: ServiceName, scene: Scene, exchanges: Sequence[Witnessed]) -> dict[str, Any]:
    """Give a service's row, its last gate, operation and error, and what each word would be answered now.

    Besides, everything that gates have seen, and `exchanges`: how its calls were sent and answered. The entries of its
    newest attempt have to be at hand.
    """
    known: Mapping[str, Any] = details(read, service, scene)
    words = {verb.value: said for verb, said in legal_words(read, read.services[service]).items()}
    row = plain(service_view(read, service, scene))
    return {
        **row,
        **{name: known[name] for name in ("walked", "gate", "operation", "error")},
        "words": words,
        "gates": [plain(each) for each in gate_samples(read.entries.get(service, ()))],
        "exchanges": [exchange_fields(each) for each in exchanges],
    }


def plain(record: msgspec.Struct) -> dict[str, Any]:
    """Give a record as the document it becomes."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    return fields
