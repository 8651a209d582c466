"""Writing replies: compact XML without a declaration, every element in its recorded order."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

from rollout.emulator.fabric_state import Operation
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import INSTANCE_NAMESPACE, NAMESPACE, OperationStatus

_NOT_XML: Final = {code: "\ufffd" for code in range(32) if chr(code) not in "\t\n\r"} | {
    0xFFFE: "\ufffd",
    0xFFFF: "\ufffd",
}


def error(refusal: Refusal) -> bytes:
    """Write an Error."""
    return document("Error", _error_parts(refusal))


def operation(known: Operation) -> bytes:
    """Write an Operation; its id is dashed here and nowhere else."""
    return document("Operation", operation_parts(known))


def read_request(request_id: str) -> bytes:
    """Write the Operation that answers for a request which was no asynchronous one: it has ended."""
    return document("Operation", status_parts(request_id, OperationStatus.SUCCEEDED, None))


def operation_parts(known: Operation) -> Iterable[str]:
    """Give the children of an Operation."""
    return status_parts(known.id, known.status, known.error)


def document(root: str, parts: Iterable[str]) -> bytes:
    """Frame a reply with its root and the two namespaces."""
    head = f'<{root} xmlns="{NAMESPACE}" xmlns:i="{INSTANCE_NAMESPACE}"'
    inside = "".join(parts)
    return f"{head}>{inside}</{root}>".encode() if inside else f"{head}/>".encode()


def text(name: str, value: object) -> str:
    """Write an element that holds text; what XML cannot carry is replaced."""
    escaped = escape(str(value).translate(_NOT_XML), {"\r": "&#13;"})
    return f"<{name}>{escaped}</{name}>" if escaped else f"<{name}/>"


def group(name: str, parts: Iterable[str]) -> str:
    """Write an element that holds elements; an empty one in its short form."""
    inside = "".join(parts)
    return f"<{name}>{inside}</{name}>" if inside else f"<{name}/>"


def base64(name: str, value: bytes) -> str:
    """Write an element that holds bytes."""
    return text(name, b64encode(value).decode())


def boolean(name: str, value: bool) -> str:
    """Write a truth value in lower case."""
    return text(name, "true" if value else "false")


def properties(pairs: Iterable[tuple[str, str]]) -> str:
    """Write ExtendedProperties."""
    return group(
        "ExtendedProperties",
        (group("ExtendedProperty", (text("Name", name), text("Value", value))) for name, value in pairs),
    )


def dashed(request_id: str) -> str:
    """Write an id in the 8-4-4-4-12 form."""
    return "-".join((request_id[:8], request_id[8:12], request_id[12:16], request_id[16:20], request_id[20:]))


def status_parts(request_id: str, status: OperationStatus, failure: Refusal | None) -> Iterable[str]:
    """Give the children of an Operation at one moment."""
    yield text("ID", dashed(request_id))
    yield text("Status", status)
    if status is not OperationStatus.IN_PROGRESS:
        yield text("HttpStatusCode", failure.status if failure else 200)
    if failure is not None:
        yield group("Error", _error_parts(failure))


def _error_parts(refusal: Refusal) -> Iterable[str]:
    return text("Code", refusal.code), text("Message", refusal.message)
