"""A thousand documents into the decoders: they are read or `Unreadable`, and nothing else ever comes out."""

import contextlib
from collections.abc import Callable
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout.platforms.classic.decode import decode_deployment, decode_error, decode_operation
from rollout.platforms.classic.decode_extension import Extension, decode_extension, decode_extensions
from rollout.platforms.classic.decode_listing import decode_operations
from rollout.platforms.classic.decode_service import decode_availability, decode_service, decode_services
from rollout.platforms.classic.exchange import Reply
from rollout.platforms.classic.faults import answered, submit_outcome
from rollout.platforms.classic.xml import Unreadable

Decoder = Callable[[bytes], object]

DOCUMENTS: Final = 1_000
DECODERS: Final[dict[str, Decoder]] = {
    "Deployment": decode_deployment,
    "Operation": decode_operation,
    "Error": decode_error,
    "HostedService": decode_service,
    "HostedServices": decode_services,
    "AvailabilityResponse": decode_availability,
    "SubscriptionOperationCollection": decode_operations,
    "Extension": decode_extension,
    "Extensions": decode_extensions,
}
NAMES: Final = (
    *DECODERS,
    *("Deployments", "HostedServiceProperties", "ServiceName", "Label", "Status", "Name", "DeploymentSlot", "Location"),
    *("RoleInstanceList", "RoleInstance", "InstanceName", "RoleName", "InstanceStatus", "InstanceUpgradeDomain"),
    *("UpgradeStatus", "UpgradeType", "CurrentUpgradeDomain", "CurrentUpgradeDomainState", "UpgradeDomainCount"),
    *("Locked", "RollbackAllowed", "ID", "HttpStatusCode", "Code", "Message", "Result", "Reason", "DateCreated"),
    *("SubscriptionOperations", "SubscriptionOperation", "OperationId", "OperationStatus", "OperationParameters"),
    *("OperationParameter", "Value", "OperationCaller", "UsedServiceManagementApi", "OperationStartedTime"),
    *("ContinuationToken", "ExtendedProperties", "ExtendedProperty", "ProviderNameSpace", "Type", "Id", "Version"),
)
TEXTS: Final = (
    *("", "Running", "InProgress", "Failed", "Succeeded", "Manual", "Before", "ReadyRole", "true", "0", "-1"),
    *("2", "1e9", " ", "<", "]]>"),
    *("99999999999", "d2Vi", "%%%", "2016-02-19T01:33:03Z", "2016-02-30T25:00:00Z", "Production", "&amp;", "&#1;", "٣"),
    *("0f8fad5b-d9cb-469f-a165-70867728950e", "x-ms-requestid 0f8fad5bd9cb469fa16570867728950e"),
)
SPACES: Final = (
    ' xmlns="http://schemas.microsoft.com/windowsazure" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"',
    ' xmlns="https://schemas.microsoft.com/windowsazure" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"',
    ' xmlns="http://other.example" xmlns:i="i"',
    "",
)
WAYS_MAX: Final = len(NAMES) + len(TEXTS)
Step = tuple[int, int]
"""What comes next: an element (closed at once, left open for the next ones, or nil), or a text; and how many close."""


def document(root: str, space: str, steps: list[Step]) -> bytes:
    """Build a tree of the API's own names in any order and depth, with texts that fit and texts that do not."""
    parts, open_names = [f"<{root}{space}>"], [root]
    for way, close in steps:
        if way < len(NAMES):
            name = NAMES[way]
            parts.append(f'<{name} i:nil="true"/>' if close == 0 and space else f"<{name}>")
            if close or not space:
                open_names.append(name)
        else:
            parts.append(TEXTS[way - len(NAMES)])
        closing = min(max(close - 1, 0), len(open_names) - 1)
        parts.extend(f"</{open_names.pop()}>" for _ in range(closing))
    parts += [f"</{name}>" for name in reversed(open_names)]
    return "".join(parts).encode()


STEPS: Final = st.lists(st.tuples(st.integers(0, WAYS_MAX - 1), st.integers(0, 3)), max_size=40)
WHOLE: Final = st.builds(document, st.sampled_from(sorted(DECODERS)), st.sampled_from(SPACES), STEPS)
CUT: Final = st.builds(lambda body, at: body[: at % len(body)], WHOLE, st.integers(0, 5_000))
BODIES: Final = st.one_of(WHOLE, WHOLE, CUT, st.binary(max_size=100))


@settings(max_examples=DOCUMENTS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES)
def test_every_decoder_gives_a_record_or_says_unreadable(body: bytes) -> None:
    for decode in DECODERS.values():
        with contextlib.suppress(Unreadable):
            assert decode(body) is not None


@settings(max_examples=DOCUMENTS // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=BODIES,
    status=st.integers(100, 599),
    name=st.sampled_from(["x-ms-request-id", "retry-after", "location", "date", "x-ms-continuation-token"]),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
)
def test_any_reply_at_all_is_classified(body: bytes, status: int, name: str, value: str) -> None:
    reply = Reply(status, ((name, value),), body)
    assert submit_outcome(reply, "sub") is not None
    assert answered(reply, decode_service) is not None


def test_the_documents_reach_what_they_are_made_for() -> None:
    """The generator is worth nothing if every document is refused at its root."""
    steps = [(NAMES.index("ProviderNameSpace"), 1), (WAYS_MAX - len(TEXTS) + 1, 2), (NAMES.index("Type"), 1)]
    steps += [(WAYS_MAX - len(TEXTS) + 1, 2), (NAMES.index("Id"), 1), (WAYS_MAX - len(TEXTS) + 1, 2)]
    assert isinstance(decode_extension(document("Extension", SPACES[0], steps)), Extension)
