"""How a call was sent and answered, as people are shown it. Pure."""

from typing import Any

import msgspec

from rollout.core.witnessed import Witnessed
from rollout.views.operation import spellings


def exchange_fields(seen: Witnessed) -> dict[str, Any]:
    """Give one as data; the platform's id of the request in both of its spellings."""
    fields: dict[str, Any] = msgspec.to_builtins(seen)
    del fields["stream"]
    plain, dashed = spellings(seen.request_id)
    return fields | {"request_id": plain, "request_id_dashed": dashed}
