"""Get Cloud Service Properties, List Cloud Services, and the check of a name for a new one."""

from typing import Final

import msgspec

from rollout.platforms.classic.paths import segment, service_path, services_path
from rollout.platforms.classic.request import CannotEncode, Request, require

CONTINUATION_CHARS_MAX: Final = 4_096
AVAILABILITY_SINCE: Final = "2012-03-01"


class GetService(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for one cloud service; with `detail`, for the deployments in both of its slots too."""

    subscription: str
    service: str
    detail: bool = False

    def request(self, _version: str) -> Request:
        """Get it."""
        path = service_path(self.subscription, self.service)
        return Request("GET", f"{path}?embed-detail=true" if self.detail else path)


class ListServices(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for one page of a subscription's cloud services."""

    subscription: str
    continuation: str | None = None
    """The mark the page before ended with; it travels in a header."""

    def request(self, _version: str) -> Request:
        """Get one page."""
        mark = self.continuation or ""
        if len(mark) > CONTINUATION_CHARS_MAX or not (mark.isascii() and mark.isprintable()):
            raise CannotEncode("the mark of the next page is not one that a header can carry")
        return Request("GET", services_path(self.subscription), continuation=self.continuation)


class CheckName(msgspec.Struct, frozen=True, kw_only=True):
    """Ask whether a cloud service may be called so."""

    subscription: str
    name: str

    def request(self, version: str) -> Request:
        """Get the answer."""
        require(version, AVAILABILITY_SINCE, "the check of a service's name")
        return Request("GET", f"{services_path(self.subscription)}/operations/isavailable/{segment(self.name)}")
