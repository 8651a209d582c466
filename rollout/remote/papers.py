"""A policy with everything it names as one body for a daemon: read and judged here, and judged there again."""

import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from rollout.errors import UsageError
from rollout.policy.bundle import Bundle
from rollout.policy.load import load_policy

BODY_BYTES_MAX: Final = 1 << 20
"""What a daemon takes in one request."""


def read_papers(policy: str | Path, sets: Sequence[str] = ()) -> dict[str, Any]:
    """Read a policy from disk and give the body that submits it. Raises PolicyError with all problems."""
    file = Path(policy)
    return body_of(load_policy(file, sets=sets), file, sets)


def body_of(bundle: Bundle, file: Path, sets: Sequence[str] = ()) -> dict[str, Any]:
    """Give the body: the policy as it was written, and its files by their names below the policy's folder."""
    first, *others = bundle.sources
    files = {_name(file, Path(source.file)): source.data for source in others}
    for service in bundle.services:
        for configuration in (service.configuration, service.rollback_configuration):
            if configuration is not None:
                files[configuration.file] = configuration.data
    body = {
        "policy": first.data.decode(),
        "policy_name": file.name,
        "files": {name: _text(data) for name, data in files.items()},
        "set": list(sets),
    }
    _refuse_large(body)
    return body


def _name(policy: Path, file: Path) -> str:
    return Path(os.path.relpath(file, policy.parent)).as_posix()


def _text(data: bytes) -> str | dict[str, str]:
    """Give text as text, and what is none (UTF-16, say) in a way that keeps every byte."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _refuse_large(body: Mapping[str, Any]) -> None:
    size = len(msgspec.json.encode(body))
    if size > BODY_BYTES_MAX:
        raise UsageError(
            f"the policy and its {len(body['files'])} files come to {size >> 10} KiB, and a daemon takes "
            f"{BODY_BYTES_MAX >> 10} KiB: put them into the daemon's own policy folder, or use `rollout run`"
        )
