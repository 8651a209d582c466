"""Refusals: every way the service says no, with the code, status and message it was recorded with."""

from typing import Final, Literal

from rollout.platforms.classic.vocabulary import ErrorCode

CONFLICT_STATUS: Final = 409
NOT_FOUND_STATUS: Final = 404


class Refusal(Exception):
    """The request is answered with an Error and changes nothing."""

    def __init__(self, status: int, code: ErrorCode, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"{status} {code}: {message}")


class BadToken(Refusal):
    """The caller showed no right bearer token."""


def bad_request(message: str = "A parameter was incorrect") -> Refusal:
    """Refuse a value; the default text is the recorded one."""
    return Refusal(400, ErrorCode.BAD_REQUEST, message)


def conflict(message: str) -> Refusal:
    """Refuse because of the state, where the lock is not the reason."""
    return Refusal(409, ErrorCode.CONFLICT, message)


def by_knob(status: Literal[400, 409], message: str) -> Refusal:
    """Refuse with whichever of the two statuses a knob chose."""
    return conflict(message) if status == CONFLICT_STATUS else bad_request(message)


def locked(request_id: str | None) -> Refusal:
    """Refuse because another operation has exclusive access; the older text does not name it."""
    by_whom = f" with x-ms-requestid {request_id}" if request_id else ""
    return conflict(
        f"Windows Azure is currently performing an operation{by_whom} on this deployment"
        " that requires exclusive access.",
    )


def invalid_xml(reason: str) -> Refusal:
    """Refuse a body that cannot be read as what the operation takes."""
    return Refusal(
        400, ErrorCode.INVALID_XML_REQUEST, f"The request body's XML was invalid or not correctly specified. {reason}"
    )


def not_found(message: str) -> Refusal:
    """Refuse because the named thing is not there."""
    return Refusal(404, ErrorCode.RESOURCE_NOT_FOUND, message)


def no_such_service() -> Refusal:
    """Refuse an unknown hosted service."""
    return not_found("The hosted service does not exist.")


def empty_slot() -> Refusal:
    """Refuse a slot without a deployment."""
    return not_found("No deployments were found.")


def no_such_deployment(name: str) -> Refusal:
    """Refuse an unknown deployment name."""
    return not_found(f"The deployment name '{name[:64]}' does not exist.")


def version_header() -> Refusal:
    """Refuse a missing, unknown or too old x-ms-version."""
    return Refusal(
        400,
        ErrorCode.MISSING_OR_INCORRECT_VERSION_HEADER,
        "The versioning header is not specified or was specified incorrectly.",
    )


def query_parameter() -> Refusal:
    """Refuse a missing or unknown `comp`."""
    return Refusal(
        400,
        ErrorCode.MISSING_OR_INVALID_QUERY_PARAMETER,
        "A required query parameter was not specified for this request or was specified incorrectly.",
    )


def http_verb() -> Refusal:
    """Refuse a method that the resource does not have."""
    return Refusal(
        400,
        ErrorCode.INVALID_HTTP_VERB,
        "The HTTP verb specified was not recognized by the server or isn't valid for this resource.",
    )


def foreign_subscription() -> Refusal:
    """Refuse a subscription that is not the emulated one."""
    return Refusal(
        403,
        ErrorCode.AUTHENTICATION_FAILED,
        "The server failed to authenticate the request. Verify that the certificate is valid and is associated with"
        " this subscription.",
    )


def internal_error() -> Refusal:
    """Say that the service itself failed: the outcome is unknown to the caller."""
    return Refusal(
        500,
        ErrorCode.INTERNAL_ERROR,
        "The server encountered an internal error. Please retry the request.",
    )


def timed_out() -> Refusal:
    """Say that the time ran out: the outcome is unknown to the caller."""
    return Refusal(
        500,
        ErrorCode.OPERATION_TIMED_OUT,
        "The request timed out: the operation was not completed in the permitted time.",
    )


def server_busy() -> Refusal:
    """Refuse for the load of the service."""
    return Refusal(
        503,
        ErrorCode.SERVER_BUSY,
        "The server is currently unable to receive requests. Please retry your request.",
    )


def bad_token(status: Literal[401, 403]) -> Refusal:
    """Refuse a caller without the right bearer token; the text is the recorded one, its spelling too."""
    return BadToken(
        status,
        ErrorCode.AUTHENTICATION_FAILED,
        "A security token validation error occured for the received JWT token.",
    )


def name_taken() -> Refusal:
    """Refuse a service name that somebody has."""
    return conflict("The specified DNS name is already taken.")


def swap_names() -> Refusal:
    """Refuse a swap of other deployments than those in the slots."""
    return conflict("The deployments named in the request are not the ones in the slots.")


def too_many_requests() -> Refusal:
    """Refuse for the rate of requests."""
    return Refusal(503, ErrorCode.TOO_MANY_REQUESTS, "Too many requests received. Retry after some time.")
