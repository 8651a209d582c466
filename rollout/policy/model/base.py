"""What every document model shares: strictness, whose word a field is, short forms, and errors in plain words."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Doc(BaseModel):
    """A mapping people write: frozen, and a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_alias=True, validate_by_name=True)


@dataclass(frozen=True, slots=True)
class Word:
    """Whose word a field is: the system that coined it, so that a reader can look it up there."""

    source: str


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value looks like, in words, for `rollout explain`."""

    words: str


@dataclass(frozen=True, slots=True)
class ShortForm:
    """A text or list where a mapping belongs stands for the mapping with this one field."""

    field: str
    schema: dict[str, Any] = dataclasses.field(hash=False)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Write the short form out before the model looks at it."""
        return core_schema.no_info_before_validator_function(self.written_out, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Allow both forms in editors."""
        return {"anyOf": [self.schema, handler(schema)]}

    def written_out(self, value: Any) -> Any:
        """Give the long form."""
        return {self.field: value} if isinstance(value, str | list) else value


def wrong(message: str) -> PydanticCustomError:
    """Make a validator's error whose text reaches people unchanged."""
    return PydanticCustomError("wrong", "{message}", {"message": message})


def in_words(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let a parser that raises ValueError speak through `wrong`."""

    def validate(value: Any) -> Any:
        try:
            return parse(value)
        except ValueError as error:
            raise wrong(str(error)) from None

    return validate
