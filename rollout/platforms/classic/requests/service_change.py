"""Create, update and delete a cloud service: the empty house that deployments stand in."""

from typing import Final

import msgspec

from rollout.platforms.classic.paths import segment, service_path, services_path
from rollout.platforms.classic.properties import ExtendedProperty
from rollout.platforms.classic.request import CannotEncode, Request, require
from rollout.platforms.classic.requests.parts import property_part
from rollout.platforms.classic.vocabulary import SERVICE_PROPERTIES_MAX
from rollout.platforms.classic.write import Field, document, label_text

SERVICE_CHANGES_SINCE: Final = "2010-10-28"


class CreateService(msgspec.Struct, frozen=True, kw_only=True):
    """Create a cloud service in a location or in an affinity group: exactly one of them."""

    subscription: str
    name: str
    label: str
    description: str | None = None
    location: str | None = None
    affinity_group: str | None = None
    properties: tuple[ExtendedProperty, ...] = ()

    def request(self, version: str) -> Request:
        """Post CreateHostedService."""
        require(version, SERVICE_CHANGES_SINCE, "Create Cloud Service")
        if (self.location is None) is (self.affinity_group is None):
            raise CannotEncode("a cloud service is created in a location or in an affinity group: exactly one")
        segment(self.name)
        fields: list[Field] = [("ServiceName", self.name), ("Label", label_text(self.label))]
        optional = {
            "Description": self.description,
            "Location": self.location,
            "AffinityGroup": self.affinity_group,
        }
        fields += [(name, text) for name, text in optional.items() if text is not None]
        fields += property_part(self.properties, version, SERVICE_PROPERTIES_MAX)
        return Request("POST", services_path(self.subscription), document("CreateHostedService", fields))


class UpdateService(msgspec.Struct, frozen=True, kw_only=True):
    """Change what a cloud service is called by people; None leaves a field as it is."""

    subscription: str
    service: str
    label: str | None = None
    description: str | None = None
    properties: tuple[ExtendedProperty, ...] = ()

    def request(self, version: str) -> Request:
        """Put UpdateHostedService."""
        require(version, SERVICE_CHANGES_SINCE, "Update Cloud Service")
        fields: list[Field] = [] if self.label is None else [("Label", label_text(self.label))]
        if self.description is not None:
            fields.append(("Description", self.description))
        fields += property_part(self.properties, version, SERVICE_PROPERTIES_MAX)
        if not fields:
            raise CannotEncode("an update of a cloud service that changes nothing")
        return Request("PUT", service_path(self.subscription, self.service), document("UpdateHostedService", fields))


class DeleteService(msgspec.Struct, frozen=True, kw_only=True):
    """Delete a cloud service that has no deployment any more."""

    subscription: str
    service: str

    def request(self, version: str) -> Request:
        """Delete without a body."""
        require(version, SERVICE_CHANGES_SINCE, "Delete Cloud Service")
        return Request("DELETE", service_path(self.subscription, self.service))
