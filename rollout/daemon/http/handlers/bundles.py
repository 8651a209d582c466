"""A policy with everything it names, as a program sends it."""

import asyncio
import base64
import binascii
from pathlib import PurePosixPath
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Body
from rollout.policy.bundle import Bundle
from rollout.policy.load import load_sent

FILES_MAX: Final = 500
SETS_MAX: Final = 100
SET_CHARS_MAX: Final = 4_096


def _relative(name: str) -> str:
    path = PurePosixPath(name)
    plain = name.isprintable() and not set(name) & set("\\:~") and path.as_posix() == name
    if not plain or path.is_absolute() or ".." in path.parts or name == ".":
        raise ValueError("must be a relative name with `/` between its parts, such as configs/web.cscfg")
    return name


FileName = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_relative)]


class Encoded(Body):
    """A file that is no UTF-8 text."""

    base64: str


class BundleBody(Body):
    """The policy's text, and every file it names by its name relative to the policy."""

    policy: Annotated[str, StringConstraints(min_length=1)]
    policy_name: FileName = "policy.yaml"
    files: Annotated[dict[FileName, str | Encoded], Field(max_length=FILES_MAX, default_factory=dict)]
    set: Annotated[
        list[Annotated[str, StringConstraints(max_length=SET_CHARS_MAX)]],
        Field(max_length=SETS_MAX, default_factory=list),
    ]

    @model_validator(mode="after")
    def _one_policy(self) -> Self:
        if self.policy_name in self.files:
            raise ValueError(f"files: {self.policy_name} is the policy itself")
        return self


async def load(body: BundleBody) -> Bundle:
    """Read what was sent, beside the loop. Raises PolicyError, UsageError, and Refused (400) for bad base64."""
    files = {name: _bytes(name, file) for name, file in body.files.items()}
    files[body.policy_name] = body.policy.encode()
    return await asyncio.to_thread(load_sent, body.policy_name, files, sets=tuple(body.set))


def _bytes(name: str, file: str | Encoded) -> bytes:
    if isinstance(file, str):
        return file.encode()
    try:
        return base64.b64decode(file.base64, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400, f"the file {name} is no base64") from None
