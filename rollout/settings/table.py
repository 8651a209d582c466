"""What every table of `rollout.toml` is made of."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table people write: frozen, exact types, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
