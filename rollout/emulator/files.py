"""Files for the emulator: faults, strangers and knobs written by people in YAML, read within a limit."""

from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from rollout.emulator.faults import BadFaults, Fault, read_faults
from rollout.emulator.knobs import Knobs
from rollout.emulator.strangers import BadStrangers, Stranger, read_strangers
from rollout.errors import UsageError

FILE_BYTES_MAX: Final = 64 * 1024
DEPTH_MAX: Final = 20


def faults_from(path: Path) -> list[Fault]:
    """Read a list of faults. Raises UsageError naming the file."""
    try:
        return read_faults(_document(path))
    except BadFaults as error:
        raise UsageError(f"{path}: {error}") from error


def strangers_from(path: Path) -> list[Stranger]:
    """Read a list of strangers. Raises UsageError naming the file."""
    try:
        return read_strangers(_document(path))
    except BadStrangers as error:
        raise UsageError(f"{path}: {error}") from error


def knobs_from(path: Path) -> Knobs:
    """Read a mapping of knobs. Raises UsageError naming the file and each knob that is wrong."""
    document = _document(path)
    if document is None:
        return Knobs()
    if not isinstance(document, dict):
        raise UsageError(f"{path}: knobs are a mapping of names to values, such as `settle_lag_s: 30`")
    try:
        return Knobs.model_validate(document)
    except ValidationError as error:
        known = ", ".join(Knobs.model_fields)
        problems = "; ".join(f"{'.'.join(map(str, each['loc'][:1]))}: {each['msg']}" for each in error.errors()[:20])
        raise UsageError(f"{path}: {problems}; the knobs are {known}") from error


def _document(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > FILE_BYTES_MAX:
        raise UsageError(f"{path} is over {FILE_BYTES_MAX} bytes")
    try:
        return _shallow(content.decode())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not YAML: {error!s:.300}") from error


def _shallow(text: str) -> Any:
    # An alias bomb is small as text and endless when walked, depth costs the loader time: no honest list has either.
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise yaml.YAMLError(f"it is nested more than {DEPTH_MAX} deep")
    return yaml.safe_load(text)
