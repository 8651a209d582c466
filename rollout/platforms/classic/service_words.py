"""Words of the API that only the client reads."""

from enum import StrEnum


class ServiceStatus(StrEnum):
    """The Status of a cloud service."""

    CREATING = "Creating"
    CREATED = "Created"
    DELETING = "Deleting"
    DELETED = "Deleted"
    CHANGING = "Changing"
    RESOLVING_DNS = "ResolvingDns"
