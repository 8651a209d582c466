"""The operations on deployments: each reads its body, meets its faults, asks the fabric, and says what was accepted."""

from collections.abc import Callable

from rollout.emulator import (
    fabric_instances,
    fabric_package,
    fabric_slots,
    read,
    read_deployments,
    read_query,
    refusals,
    write,
    write_deployment,
    write_services,
)
from rollout.emulator.calls import Answer, Call
from rollout.platforms.classic.vocabulary import Verb

ACCEPTED = Answer(202)


def upgrade(call: Call) -> Answer:
    """Upgrade Deployment."""
    request = read.upgrade(call.body, call.reader)
    call.meet_fault(Verb.UPGRADE)
    call.meet_data_loss(Verb.UPGRADE, force=request.force)
    call.fabric.begin(call.target, request, Verb.UPGRADE, call.request_id)
    return ACCEPTED


def configure(call: Call) -> Answer:
    """Change Deployment Configuration."""
    request = read_deployments.configure(call.body, call.reader)
    call.meet_fault(Verb.CONFIG)
    call.fabric.configure(call.target, request, call.request_id)
    return ACCEPTED


def walk(call: Call) -> Answer:
    """Walk Upgrade Domain."""
    domain = read.walk(call.body, call.reader)
    call.meet_fault(Verb.WALK, domain)
    call.fabric.walk(call.target, domain, call.request_id)
    return ACCEPTED


def rollback(call: Call) -> Answer:
    """Rollback Update Or Upgrade: the same work behind both spellings of the deployment, and two statuses."""
    mode = read.rollback(call.body, call.reader)
    call.meet_fault(Verb.ROLLBACK)
    call.fabric.roll_back(call.target, mode, call.request_id)
    accept = call.fabric.knobs.rollback_accept
    if accept == "split":
        accept = 200 if call.target.name is not None else 202
    return Answer(accept)


def status(call: Call) -> Answer:
    """Update Deployment Status."""
    running = read.status(call.body, call.reader)
    call.meet_fault(Verb.STATUS)
    call.fabric.set_running(call.target, call.request_id, running=running)
    return ACCEPTED


def create(call: Call) -> Answer:
    """Create Deployment; only a slot can be named."""
    request = read_deployments.create(call.body, call.reader)
    call.meet_fault(Verb.CREATE)
    fabric_slots.create(call.fabric, call.names["service"], call.slot, request, call.request_id)
    return ACCEPTED


def delete(call: Call) -> Answer:
    """Delete Deployment."""
    call.meet_fault(Verb.DELETE)
    fabric_slots.delete(call.fabric, call.target, call.request_id, media=False)
    return ACCEPTED


def delete_with_media(call: Call) -> Answer:
    """Delete Deployment with what it stores."""
    call.meet_fault(Verb.DELETE)
    fabric_slots.delete(call.fabric, call.target, call.request_id, media=True)
    return ACCEPTED


def restart(verb: Verb) -> Callable[[Call], Answer]:
    """Give the handler of Reboot, Reimage or Rebuild Role Instance."""

    def handle(call: Call) -> Answer:
        if verb is Verb.REBUILD and call.query.get("resources", "").lower() != "alllocaldrives":
            raise refusals.query_parameter()
        call.meet_fault(verb)
        fabric_instances.restart(call.fabric, call.target, call.names["instance"], verb, call.request_id)
        return ACCEPTED

    return handle


def delete_instances(call: Call) -> Answer:
    """Delete Role Instances."""
    names = read_deployments.instances(call.body, call.reader)
    call.meet_fault(Verb.DELETE_INSTANCES)
    fabric_instances.delete(call.fabric, call.target, names, call.request_id)
    return ACCEPTED


def get_package(call: Call) -> Answer:
    """Get Package."""
    container, overwrite = read_query.package(call.query)
    call.meet_fault(Verb.PACKAGE)
    fabric_package.get(call.fabric, call.target, container, call.request_id, overwrite=overwrite)
    return ACCEPTED


def list_events(call: Call) -> Answer:
    """List Deployment Events: what the platform did by itself."""
    start, end = read_query.moment(call.query, "StartTime"), read_query.moment(call.query, "EndTime")
    call.meet_fault("services")
    found = call.fabric.deployment(call.target)
    shown = [
        each
        for each in call.fabric.world.reboots
        if (each.service, each.deployment) == (found.service, found.name) and start <= call.fabric.date(each.at) <= end
    ]
    return Answer(200, write_services.events(shown, call.fabric))


def get_deployment(call: Call) -> Answer:
    """Get Deployment."""
    call.meet_fault("get")
    found = call.fabric.deployment(call.target)
    return Answer(200, write_deployment.deployment(found, call.fabric, call.version))


def get_operation(call: Call) -> Answer:
    """Get Operation Status, by the id of the reply that accepted the operation, dashed or not."""
    asked = call.names["operation"].replace("-", "").lower()
    found = call.fabric.operation(asked)
    if found is not None:
        call.names["service"] = found.service
    call.meet_fault("poll")
    if found is not None:
        return Answer(200, write.operation(found))
    if call.fabric.knobs.ops_for_reads and call.ids.was_given(asked):
        return Answer(200, write.read_request(asked))
    if call.fabric.knobs.unknown_operation == refusals.NOT_FOUND_STATUS:
        raise refusals.not_found("The operation request ID was not found.")
    raise refusals.bad_request()
