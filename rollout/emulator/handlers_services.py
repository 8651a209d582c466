"""The operations on services: their life, their slots, their extensions, and the listings."""

from rollout.emulator import (
    fabric_history,
    fabric_services,
    fabric_slots,
    read_deployments,
    read_query,
    read_services,
    refusals,
    write_history,
    write_services,
)
from rollout.emulator.calls import Answer, Call
from rollout.emulator.handlers import ACCEPTED
from rollout.platforms.classic.vocabulary import CONTINUATION_HEADER, Verb

_DONE = Answer(200)


def get_service(call: Call) -> Answer:
    """Get Cloud Service Properties."""
    call.meet_fault("services")
    found = call.fabric.service(call.names["service"])
    detail = call.query.get("embed-detail", "false").lower() == "true"
    return Answer(200, write_services.service(found, call.fabric, call.subscription, call.version, detail=detail))


def list_services(call: Call) -> Answer:
    """List Cloud Services, in the order of their names; the token is the last name shown."""
    call.meet_fault("services")
    call.fabric.now()
    every = sorted(call.fabric.world.services)
    after = [name for name in every if call.token is None or name > call.token]
    size = call.fabric.knobs.list_services_page_size
    shown = [call.fabric.world.services[name] for name in after[:size]]
    headers = ((CONTINUATION_HEADER, after[size - 1]),) if len(after) > size else ()
    return Answer(200, write_services.services(shown, call.fabric, call.subscription), headers)


def create_service(call: Call) -> Answer:
    """Create Cloud Service; the reply says where it is, which is no redirect."""
    request = read_services.create(call.body, call.reader)
    call.names["service"] = request.name
    call.meet_fault(Verb.CREATE_SERVICE)
    created = fabric_services.create(call.fabric, request, call.request_id)
    place = f"https://management.core.windows.net/subscriptions/{call.subscription}/compute/{created.name}"
    return Answer(201, headers=(("Location", place),))


def update_service(call: Call) -> Answer:
    """Update Cloud Service."""
    request = read_services.update(call.body, call.reader)
    call.meet_fault(Verb.UPDATE_SERVICE)
    fabric_services.update(call.fabric, call.names["service"], request, call.request_id)
    return _DONE


def delete_service(call: Call) -> Answer:
    """Delete Cloud Service."""
    call.meet_fault(Verb.DELETE_SERVICE)
    fabric_services.delete(call.fabric, call.names["service"], call.request_id)
    return _DONE


def delete_whole_service(call: Call) -> Answer:
    """Delete Cloud Service with everything in it."""
    call.meet_fault(Verb.DELETE_SERVICE)
    fabric_services.delete_whole(call.fabric, call.names["service"], call.request_id)
    return ACCEPTED


def check_name(call: Call) -> Answer:
    """Check Cloud Service Name Availability."""
    call.meet_fault("services")
    call.fabric.now()
    name = call.names["name"]
    if not fabric_services.is_valid_name(name):
        raise refusals.bad_request("The hosted service name is invalid.")
    return Answer(200, write_services.availability(free=name.lower() not in call.fabric.world.services))


def swap(call: Call) -> Answer:
    """Swap Deployment."""
    production, source = read_deployments.swap(call.body, call.reader)
    call.meet_fault(Verb.SWAP)
    fabric_slots.swap(call.fabric, call.names["service"], production, source, call.request_id)
    return ACCEPTED


def add_extension(call: Call) -> Answer:
    """Add Extension."""
    request = read_services.extension(call.body, call.reader)
    call.meet_fault(Verb.ADD_EXTENSION)
    fabric_services.add_extension(call.fabric, call.names["service"], request, call.request_id)
    return ACCEPTED


def list_extensions(call: Call) -> Answer:
    """List Extensions."""
    call.meet_fault("services")
    return Answer(200, write_services.extensions(call.fabric.service(call.names["service"]).extensions.values()))


def get_extension(call: Call) -> Answer:
    """Get Extension."""
    call.meet_fault("services")
    found = fabric_services.extension(call.fabric, call.names["service"], call.names["extension"])
    return Answer(200, write_services.extension(found))


def delete_extension(call: Call) -> Answer:
    """Delete Extension."""
    call.meet_fault(Verb.DELETE_EXTENSION)
    fabric_services.delete_extension(call.fabric, call.names["service"], call.names["extension"], call.request_id)
    return ACCEPTED


def list_operations(call: Call) -> Answer:
    """List Subscription Operations."""
    wanted = read_query.operations(call.query)
    call.meet_fault("list")
    page = fabric_history.listed(call.fabric, wanted, call.subscription)
    return Answer(200, write_history.operations(page, call.fabric, call.subscription))
