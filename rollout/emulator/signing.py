"""Signing: an accepted request is remembered with its caller, its name and what it carried."""

from typing import Final

from rollout.emulator.callers import Caller
from rollout.emulator.calls import Call
from rollout.platforms.classic.vocabulary import BY_SLOT, OPERATION_NAMES, Verb

INPUT_BYTES_MAX: Final = 16 * 1024
"""A longer body is not shown in listings; a label and a configuration fit."""

_PARAMETERS: Final = {
    "slot": "deploymentSlot",
    "deployment": "deploymentName",
    "instance": "roleInstanceName",
    "extension": "extensionId",
}


def sign(call: Call, caller: Caller) -> None:
    """Write down who made a call and how; it is one that listings show."""
    operation = call.fabric.world.history[call.request_id]
    named = [(_PARAMETERS[key], value) for key, value in call.names.items() if key in _PARAMETERS]
    if call.body and len(call.body) <= INPUT_BYTES_MAX and operation.verb is not Verb.ADD_EXTENSION:
        # An extension's private configuration is a secret, and is kept nowhere.
        named.append(("input", _without_declaration(call.body.decode("utf-8", "replace"))))
    operation.caller = caller
    operation.name = OPERATION_NAMES[operation.verb] + (BY_SLOT if "slot" in call.names else "")
    operation.inputs = tuple(named)


def _without_declaration(document: str) -> str:
    text = document.removeprefix("\ufeff").lstrip()
    return text.partition("?>")[2].lstrip() if text.startswith("<?xml") else text
