"""Reading a status reply the ordinary ways: with lxml, and by searching its bytes."""

from typing import Final

from lxml import etree

_NAMESPACE: Final = "{http://schemas.microsoft.com/windowsazure}"
_ID: Final = f"{_NAMESPACE}ID"
_STATUS: Final = f"{_NAMESPACE}Status"
STATUSES: Final = frozenset({"InProgress", "Succeeded", "Failed"})
ENDED: Final = frozenset({"Succeeded", "Failed"})
OK: Final = 200


def parsed(body: bytes, operation: str) -> str | None:
    """Give the status of the operation asked for; None where the reply is about another or says nothing."""
    root = etree.fromstring(body)
    if (root.findtext(_ID) or "").replace("-", "") != operation:
        return None
    status = root.findtext(_STATUS)
    return status if status in STATUSES else None


def searched(body: bytes, dashed: bytes) -> str | None:
    """Give the status by looking for the id, as bodies spell it, and the words behind it."""
    at = body.find(b"<ID>" + dashed + b"</ID><Status>")
    if at < 0:
        return None
    begin = at + len(dashed) + 17
    status = body[begin : body.find(b"<", begin)].decode("ascii", "replace")
    return status if status in STATUSES else None


def dashed(operation: str) -> bytes:
    """Spell an id as bodies do."""
    return "-".join((operation[:8], operation[8:12], operation[12:16], operation[16:20], operation[20:])).encode()
