"""Recognise the one answer that polls get nearly always: the exact document that says InProgress."""

import re
from typing import Final

from rollout.platforms.classic.vocabulary import INSTANCE_NAMESPACE, NAMESPACE, OperationStatus

_ID: Final = rb"([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_IN_PROGRESS: Final = re.compile(
    rb'<Operation xmlns="%b"(?: xmlns:i="%b")?><ID>%b</ID><Status>%b</Status></Operation>'
    % (re.escape(NAMESPACE.encode()), re.escape(INSTANCE_NAMESPACE.encode()), _ID, OperationStatus.IN_PROGRESS.encode())
)


def says_in_progress(body: bytes, request_id: bytes) -> bool:
    """Tell whether `body`, the whole body of a 200, says exactly that `request_id` is in progress.

    The id is compared without its dashes; it has them where a request id has them, or none. False means nothing: the
    document goes to the one function that reads XML, and above all every ending does. Too little recognised costs a
    parse, too much would cost one interval at most.
    """
    found = _IN_PROGRESS.fullmatch(body)
    return found is not None and found[1].replace(b"-", b"") == request_id
