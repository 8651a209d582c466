"""The names of the classic Service Management API that client and emulator share: words only, no encoding."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

NAMESPACE: Final = "http://schemas.microsoft.com/windowsazure"
NAMESPACE_MISPRINTED: Final = "https://schemas.microsoft.com/windowsazure"
"""As some documentation pages print it; no recorded exchange carries it."""
INSTANCE_NAMESPACE: Final = "http://www.w3.org/2001/XMLSchema-instance"
PARAMETER_NAMESPACE: Final = "http://schemas.datacontract.org/2004/07/Microsoft.WindowsAzure.ServiceManagement"
CONFIGURATION_NAMESPACE: Final = "http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration"

VERSION_HEADER: Final = "x-ms-version"
REQUEST_ID_HEADER: Final = "x-ms-request-id"
REGION_HEADER: Final = "x-ms-servedbyregion"
CONTINUATION_HEADER: Final = "x-ms-continuation-token"
PIPELINING_HEADER: Final = "x-ms-rollout-pipelining"
"""Not of the service: how many requests in a row a server says it takes, so that nobody has to guess."""

REQUEST_CONTENT_TYPE: Final = "application/xml"
RESPONSE_CONTENT_TYPE: Final = "application/xml; charset=utf-8"

CLIENT_VERSION: Final = "2015-09-01"
"""What our client sends: a create and an upgrade are recorded end to end in its era."""
# fmt: off
KNOWN_VERSIONS: Final = frozenset({
    "2009-10-01", "2010-04-01", "2010-10-28", "2011-02-25", "2011-04-01", "2011-06-01", "2011-08-01", "2011-10-01",
    "2012-03-01", "2012-08-01", "2012-12-01", "2013-03-01", "2013-06-01", "2013-08-01", "2013-11-01", "2014-02-01",
    "2014-04-01", "2014-05-01", "2014-06-01", "2014-08-01", "2014-10-01", "2015-02-01", "2015-03-01", "2015-04-01",
    "2015-05-01", "2015-09-01", "2016-06-01", "2017-01-01",
})
# fmt: on

LABEL_CHARACTERS_MAX: Final = 100
PROPERTIES_MAX: Final = 25
"""Of a deployment."""
SERVICE_PROPERTIES_MAX: Final = 50
PROPERTY_NAME_CHARACTERS_MAX: Final = 64
PROPERTY_VALUE_CHARACTERS_MAX: Final = 255
UPGRADE_DOMAINS_MAX: Final = 20


class Slot(StrEnum):
    """A deployment's place, as replies spell it; paths match it in any case."""

    PRODUCTION = "Production"
    STAGING = "Staging"


class Comp(StrEnum):
    """Values of the `comp` query parameter, which names the operation on a resource."""

    UPGRADE = "upgrade"
    CONFIG = "config"
    WALK = "walkupgradedomain"
    ROLLBACK = "rollback"
    STATUS = "status"
    REBOOT = "reboot"
    REIMAGE = "reimage"
    REBUILD = "rebuild"
    DELETE = "delete"
    MEDIA = "media"


class Verb(StrEnum):
    """Kinds of mutating operation, as logs and faults name them."""

    UPGRADE = "upgrade"
    CONFIG = "config"
    WALK = "walk"
    ROLLBACK = "rollback"
    STATUS = "status"
    SWAP = "swap"
    CREATE = "create"
    DELETE = "delete"
    REBOOT = "reboot"
    REIMAGE = "reimage"
    REBUILD = "rebuild"
    DELETE_INSTANCES = "delete_instances"
    PACKAGE = "package"
    CREATE_SERVICE = "create_service"
    UPDATE_SERVICE = "update_service"
    DELETE_SERVICE = "delete_service"
    ADD_EXTENSION = "add_extension"
    DELETE_EXTENSION = "delete_extension"


OPERATION_NAMES: Final[Mapping[Verb, str]] = MappingProxyType(
    {
        Verb.UPGRADE: "UpgradeDeployment",
        Verb.CONFIG: "ChangeConfiguration",
        Verb.WALK: "WalkUpgradeDomain",
        Verb.ROLLBACK: "RollbackDeploymentUpdateOrUpgrade",
        Verb.STATUS: "UpdateDeploymentStatus",
        Verb.SWAP: "SwapDeployment",
        Verb.CREATE: "CreateDeployment",
        Verb.DELETE: "DeleteDeployment",
        Verb.REBOOT: "RebootDeploymentRoleInstance",
        Verb.REIMAGE: "ReimageDeploymentRoleInstance",
        Verb.REBUILD: "RebuildDeploymentRoleInstance",
        Verb.DELETE_INSTANCES: "DeleteRoleInstances",
        Verb.PACKAGE: "GetPackage",
        Verb.CREATE_SERVICE: "CreateHostedService",
        Verb.UPDATE_SERVICE: "UpdateHostedService",
        Verb.DELETE_SERVICE: "DeleteHostedService",
        Verb.ADD_EXTENSION: "AddHostedServiceExtension",
        Verb.DELETE_EXTENSION: "DeleteHostedServiceExtension",
    }
)
"""OperationName in a listing, after the names of the published service interface; no public source lists them."""
BY_SLOT: Final = "BySlot"
"""What OperationName ends with where the request's path named a slot."""


class Mode(StrEnum):
    """How a change goes over the upgrade domains; UpgradeType in replies."""

    AUTO = "Auto"
    MANUAL = "Manual"
    SIMULTANEOUS = "Simultaneous"


class DomainState(StrEnum):
    """CurrentUpgradeDomainState."""

    BEFORE = "Before"
    DURING = "During"


class OperationStatus(StrEnum):
    """The Status of an Operation; other clients compare these exact spellings."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class DeploymentStatus(StrEnum):
    """The Status of a Deployment."""

    RUNNING = "Running"
    SUSPENDED = "Suspended"
    RUNNING_TRANSITIONING = "RunningTransitioning"
    SUSPENDED_TRANSITIONING = "SuspendedTransitioning"
    STARTING = "Starting"
    SUSPENDING = "Suspending"
    DEPLOYING = "Deploying"
    DELETING = "Deleting"


class InstanceStatus(StrEnum):
    """The InstanceStatus of a role instance; the last two are recorded, though not documented."""

    UNKNOWN = "Unknown"
    CREATING_VM = "CreatingVM"
    STARTING_VM = "StartingVM"
    CREATING_ROLE = "CreatingRole"
    STARTING_ROLE = "StartingRole"
    READY = "ReadyRole"
    BUSY = "BusyRole"
    STOPPING_ROLE = "StoppingRole"
    STOPPING_VM = "StoppingVM"
    DELETING_VM = "DeletingVM"
    STOPPED_VM = "StoppedVM"
    RESTARTING = "RestartingRole"
    CYCLING = "CyclingRole"
    FAILED_STARTING_ROLE = "FailedStartingRole"
    FAILED_STARTING_VM = "FailedStartingVM"
    UNRESPONSIVE = "UnresponsiveRole"
    DEALLOCATED = "StoppedDeallocated"
    PREPARING = "Preparing"
    ROLE_STATE_UNKNOWN = "RoleStateUnknown"
    PROVISIONING = "Provisioning"


class PowerState(StrEnum):
    """The PowerState of a role instance."""

    STARTING = "Starting"
    STARTED = "Started"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    UNKNOWN = "Unknown"


class ErrorCode(StrEnum):
    """The Code of an Error, of a reply or inside an Operation."""

    MISSING_OR_INCORRECT_VERSION_HEADER = "MissingOrIncorrectVersionHeader"
    INVALID_XML_REQUEST = "InvalidXmlRequest"
    MISSING_OR_INVALID_QUERY_PARAMETER = "MissingOrInvalidRequiredQueryParameter"
    INVALID_HTTP_VERB = "InvalidHttpVerb"
    BAD_REQUEST = "BadRequest"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    SUBSCRIPTION_DISABLED = "SubscriptionDisabled"
    RESOURCE_NOT_FOUND = "ResourceNotFound"
    CONFLICT = "ConflictError"
    INTERNAL_ERROR = "InternalError"
    OPERATION_TIMED_OUT = "OperationTimedOut"
    SERVER_BUSY = "ServerBusy"
    TOO_MANY_REQUESTS = "TooManyRequests"
    TEMPORARY_REDIRECT = "TemporaryRedirect"
