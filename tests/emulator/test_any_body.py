"""Any body on any operation that takes one: an answer of the contract, never a failure of ours."""

import asyncio
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout.emulator.fleet import SUBSCRIPTION
from rollout.emulator.server import make_app

SERVICES = f"/{SUBSCRIPTION}/services/hostedservices"
SERVICE = f"{SERVICES}/svc-0001"
SLOT = f"{SERVICE}/deploymentslots/production"
VERSION = {"x-ms-version": "2015-09-01"}
OPERATIONS = (
    ("POST", f"{SLOT}?comp=upgrade", "upgrade.full"),
    ("POST", f"{SLOT}?comp=config", "config.full"),
    ("POST", f"{SLOT}?comp=walkupgradedomain", "walk"),
    ("POST", f"{SLOT}?comp=rollback", "rollback"),
    ("POST", f"{SLOT}?comp=status", "status"),
    ("POST", f"{SLOT}/roleinstances/?comp=delete", "delete-instances"),
    ("POST", f"{SERVICE}/deploymentslots/staging", "create-deployment.full"),
    ("POST", SERVICE, "swap"),
    ("POST", SERVICES, "create-service"),
    ("PUT", SERVICE, "update-service"),
    ("POST", f"{SERVICE}/extensions", "add-extension"),
)
DOCUMENTS_PER_EXAMPLE = 3
EXAMPLES = 350
"""With three documents each, more than a thousand."""

FRAGMENTS = st.sampled_from(
    [
        '<UpgradeDeployment xmlns="http://schemas.microsoft.com/windowsazure">',
        "</UpgradeDeployment>",
        '<WalkUpgradeDomain xmlns="http://schemas.microsoft.com/windowsazure">',
        "</WalkUpgradeDomain>",
        '<RollbackUpdateOrUpgrade xmlns="http://schemas.microsoft.com/windowsazure">',
        "</RollbackUpdateOrUpgrade>",
        "<UpgradeDomain>0</UpgradeDomain>",
        "<Mode>Manual</Mode>",
        "<Mode>",
        "</Mode>",
        "<Force>false</Force>",
        "<Label>d2Vi</Label>",
        "<Configuration>d2Vi</Configuration>",
        "<PackageUrl>https://a/</PackageUrl>",
        "<ExtendedProperties><ExtendedProperty/></ExtendedProperties>",
        "<ExtensionConfiguration><NamedRoles><Role/></NamedRoles></ExtensionConfiguration>",
        "<!-- -->",
        "<?x?>",
        "<![CDATA[0]]>",
        "&amp;",
        "&#0;",
        "<!DOCTYPE a>",
        "\0",
        "\ufeff",
    ],
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.lists(st.one_of(FRAGMENTS, st.text(max_size=8)), max_size=12).map(
        lambda parts: "".join(parts).encode("utf-8", "replace")
    ),
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, operation=st.sampled_from(OPERATIONS), at=st.integers(0, 10**6))
def test_no_body_makes_the_server_fail(
    make_stage: Any, golden: Any, body: bytes, operation: tuple[str, str, str], at: int
) -> None:
    method, path, name = operation
    whole = golden(f"{name}.request.xml")
    mutated = whole[: at % len(whole)] + body[:3] + whole[at % len(whole) + at % 5 :]
    documents = [body, mutated, whole]
    assert len(documents) == DOCUMENTS_PER_EXAMPLE
    statuses = asyncio.run(answers(make_stage(domains=2), method, path, documents))
    assert set(statuses) <= {200, 201, 202, 400, 404, 409, 413}


async def answers(stage: Any, method: str, path: str, bodies: list[bytes]) -> list[int]:
    """Give the statuses that bodies meet, straight at the handlers."""
    async with TestClient(TestServer(make_app(stage.fabric))) as client:
        statuses = []
        for body in bodies:
            async with client.request(method, path, data=body, headers=VERSION) as reply:
                statuses.append(reply.status)
        return statuses


def test_every_whole_document_is_taken_as_it_is(make_stage: Any, golden: Any) -> None:
    for method, path, name in OPERATIONS[:2] + OPERATIONS[4:7] + OPERATIONS[8:]:
        whole = golden(f"{name}.request.xml")
        (status,) = asyncio.run(answers(make_stage(domains=2), method, path, [whole]))
        assert status < 300, name
