"""The operations: each reads its body, meets its faults, asks the fabric, and says what was accepted."""

from rollout.emulator import read, refusals, write, write_deployment
from rollout.emulator.calls import Answer, Call
from rollout.platforms.classic.vocabulary import Verb

ACCEPTED = Answer(202)


def upgrade(call: Call) -> Answer:
    """Upgrade Deployment."""
    request = read.upgrade(call.body, call.reader)
    call.meet_fault(Verb.UPGRADE)
    call.fabric.begin(call.target, request, Verb.UPGRADE, call.request_id)
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
