"""Cloud services and extensions are read: both slots in one document, nothing known lost, nothing unknown dropped."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rollout.core.snapshot import Activity
from rollout.platforms.classic.decode import ApiError, DeploymentRead, decode_deployment
from rollout.platforms.classic.decode_extension import Extension, decode_extension, decode_extensions
from rollout.platforms.classic.decode_service import (
    Availability,
    CloudService,
    ServiceRead,
    ServicesRead,
    decode_availability,
    decode_service,
    decode_services,
)
from rollout.platforms.classic.fields import UnknownWord
from rollout.platforms.classic.xml import Unreadable

NS = 'xmlns="http://schemas.microsoft.com/windowsazure" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'


def golden(kit: Any, name: str) -> bytes:
    raw: bytes = (kit.golden / f"{name}.response.xml").read_bytes()
    return raw


def hosted(properties: str = "", more: str = "", name: str = "<ServiceName>svc</ServiceName>") -> bytes:
    inner = f"<HostedServiceProperties>{properties}</HostedServiceProperties>"
    return f"<HostedService {NS}>{name}{inner}{more}</HostedService>".encode()


def service(body: bytes) -> ServiceRead:
    read = decode_service(body)
    assert isinstance(read, ServiceRead)
    return read


def test_the_golden_service_is_read_whole(kit: Any) -> None:
    assert service(golden(kit, "service")) == ServiceRead(
        CloudService(
            name="svc-0001",
            url="https://management.core.windows.net/00000000-0000-4000-8000-000000000001/services/hostedservices/svc-0001",
            status="Created",
            label="svc-0001",
            place="East US",
            description=None,
            created=datetime(2016, 2, 19, 1, 33, 3, tzinfo=UTC),
            modified=datetime(2016, 2, 19, 1, 33, 3, tzinfo=UTC),
            properties={"ResourceGroup": "svc-0001", "ResourceLocation": "East US"},
            deployments=None,
        )
    )


def test_a_service_in_detail_shows_the_deployments_of_its_slots_as_they_show_themselves(kit: Any) -> None:
    read = service(golden(kit, "service.detail"))
    assert read.unknown == ()
    assert read.service.deployments is not None
    alone = decode_deployment(golden(kit, "deployment.running"))
    assert isinstance(alone, DeploymentRead)
    production = read.service.deployments[0]
    assert (production.slot, production.snapshot.deployment) == ("Production", "svc-0001-production")
    assert production.snapshot.activity is Activity.RUNNING
    assert production.snapshot.instances == alone.snapshot.instances
    assert production.snapshot.digest != alone.snapshot.digest


def test_the_digest_of_a_deployment_in_a_service_changes_with_it_and_only_then(kit: Any) -> None:
    body = golden(kit, "service.detail")
    other_service = body.replace(b"<Status>Created<", b"<Status>Changing<")
    digests = []
    for seen in (
        body,
        other_service,
        body.replace(b"ReadyRole", b"BusyRole"),
    ):
        deployments = service(seen).service.deployments
        assert deployments is not None
        digests.append(deployments[0].snapshot.digest)
    assert digests[0] == digests[1] != digests[2]


def test_services_are_listed_in_order(kit: Any) -> None:
    read = decode_services(golden(kit, "services"))
    assert isinstance(read, ServicesRead)
    assert [each.name for each in read.services] == ["svc-0001", "svc-0002"]
    assert decode_services(f"<HostedServices {NS}/>".encode()) == ServicesRead(())


def test_no_deployments_asked_for_is_not_the_same_as_none_there() -> None:
    assert service(hosted()).service.deployments is None
    assert service(hosted(more="<Deployments/>")).service.deployments == ()


def test_an_affinity_group_is_a_place_too_and_an_unknown_status_is_kept() -> None:
    read = service(hosted("<AffinityGroup>ag</AffinityGroup><Status>Pondering</Status>"))
    assert (read.service.place, read.service.status) == ("ag", "Pondering")
    assert read.unknown == (UnknownWord("HostedService/Status", "Pondering"),)


def test_a_strange_slot_is_kept() -> None:
    inner = "<Name>d</Name><DeploymentSlot>Limbo</DeploymentSlot><Status>Running</Status>"
    read = service(hosted(more=f"<Deployments><Deployment>{inner}</Deployment></Deployments>"))
    assert read.service.deployments is not None
    assert read.service.deployments[0].slot == "Limbo"
    assert read.unknown == (UnknownWord("DeploymentSlot", "Limbo"),)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (hosted(name=""), "no ServiceName"),
        (f"<HostedService {NS}><ServiceName>s</ServiceName></HostedService>".encode(), "no HostedServiceProperties"),
        (hosted("<Label>%%%</Label>"), "not base64"),
        (hosted("<DateCreated>yesterday</DateCreated>"), "expected a moment"),
        (hosted("<DateCreated>2016-13-41T01:00:00Z</DateCreated>"), "expected a moment"),
        (hosted(more="<Deployments><Deployment/></Deployments>"), "no DeploymentSlot"),
        (hosted("<ExtendedProperties><ExtendedProperty/></ExtendedProperties>"), "no Name"),
        (f"<Deployment {NS}/>".encode(), "expected <Error> or <HostedService>"),
    ],
)
def test_a_service_that_lacks_what_makes_it_one_is_unreadable(body: bytes, sentence: str) -> None:
    with pytest.raises(Unreadable, match=sentence):
        decode_service(body)


@pytest.mark.parametrize("moment", ["2016-02-19T01:41:14Z", "2016-02-19T01:41:14.1234567Z", "2016-02-19T01:41:14"])
def test_moments_are_read_in_each_of_their_spellings(moment: str) -> None:
    found = service(hosted(f"<DateCreated>{moment}</DateCreated>")).service.created
    assert found == datetime(2016, 2, 19, 1, 41, 14, tzinfo=UTC)


def test_availability_is_read_with_its_reason(kit: Any) -> None:
    assert decode_availability(golden(kit, "availability.free")) == Availability(free=True, reason="")
    taken = decode_availability(golden(kit, "availability.taken"))
    assert taken == Availability(free=False, reason="The specified DNS name is already taken.")
    with pytest.raises(Unreadable, match="no Result"):
        decode_availability(f"<AvailabilityResponse {NS}/>".encode())


def test_extensions_are_read_alone_and_listed(kit: Any) -> None:
    one = Extension(
        provider="Microsoft.Azure.Diagnostics",
        type="PaaSDiagnostics",
        id="Diagnostics",
        version="1.*",
        thumbprint=None,
        thumbprint_algorithm=None,
        public="PFB1YmxpY0NvbmZpZy8+",
    )
    assert decode_extension(golden(kit, "extension")) == one
    assert decode_extensions(golden(kit, "extensions")) == (one,)
    assert decode_extensions(golden(kit, "extensions.empty")) == ()
    with pytest.raises(Unreadable, match="no Id"):
        decode_extension(golden(kit, "extension").replace(b"<Id>Diagnostics</Id>", b""))


def test_an_error_is_an_error_whatever_was_asked(kit: Any) -> None:
    body = golden(kit, "error.no-such-service")
    for decode in (decode_service, decode_services, decode_availability, decode_extension, decode_extensions):
        read = decode(body)
        assert isinstance(read, ApiError)
        assert read.code == "ResourceNotFound"
