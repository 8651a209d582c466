"""Writing the history: operations with who sent them, what they named, and how they ended."""

from collections.abc import Iterable
from xml.sax.saxutils import escape

from rollout.emulator import write
from rollout.emulator.callers import Caller
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_history import Page, Shown, object_id
from rollout.emulator.fabric_state import Operation
from rollout.emulator.write_deployment import wire_time
from rollout.platforms.classic.vocabulary import OPERATION_NAMES, PARAMETER_NAMESPACE, OperationStatus


def operations(page: Page, fabric: Fabric, subscription: str) -> bytes:
    """Write List Subscription Operations' reply; the last page has no token."""
    shown = (write.group("SubscriptionOperation", _operation(each, fabric, subscription)) for each in page.shown)
    parts = [write.group("SubscriptionOperations", shown)]
    if page.token is not None:
        parts.append(write.text("ContinuationToken", page.token))
    return write.document("SubscriptionOperationCollection", parts)


def _operation(shown: Shown, fabric: Fabric, subscription: str) -> Iterable[str]:
    operation = shown.operation
    yield write.text("OperationId", write.dashed(operation.id))
    yield write.text("OperationObjectId", object_id(operation, subscription))
    yield write.text("OperationName", operation.name or OPERATION_NAMES[operation.verb])
    yield write.group("OperationParameters", (_parameter(*each) for each in _inputs(operation, subscription)))
    yield write.group("OperationCaller", _caller(operation.caller))
    failure = operation.error if shown.status is OperationStatus.FAILED else None
    yield write.group("OperationStatus", write.status_parts(operation.id, shown.status, failure))
    yield write.text("OperationStartedTime", wire_time(fabric.date(operation.started_at)))
    if shown.status is not OperationStatus.IN_PROGRESS and operation.completed_at is not None:
        yield write.text("OperationCompletedTime", wire_time(fabric.date(operation.completed_at)))


def _inputs(operation: Operation, subscription: str) -> Iterable[tuple[str, str]]:
    yield "subscriptionID", subscription
    yield "serviceName", operation.service
    if operation.inputs:
        yield from operation.inputs
    elif operation.deployment:
        yield "deploymentName", operation.deployment


def _parameter(name: str, value: str) -> str:
    # Name and Value are of another namespace than everything around them, under the prefix that clients look for.
    inside = f"<a:Name>{escape(name)}</a:Name>{write.text('a:Value', value)}"
    return f'<OperationParameter xmlns:a="{PARAMETER_NAMESPACE}">{inside}</OperationParameter>'


def _caller(caller: Caller) -> Iterable[str]:
    yield write.boolean("UsedServiceManagementApi", caller.used_management_api)
    if caller.email is not None:
        yield write.text("UserEmailAddress", caller.email)
    if caller.thumbprint is not None:
        yield write.text("SubscriptionCertificateThumbprint", caller.thumbprint)
    yield write.text("ClientIP", caller.client_ip)
