"""`SERVICE` or `ID/SERVICE`: one service as people name it, by itself or along with the rollout it is in."""

from typing import NamedTuple

import click

from rollout.core.names import RolloutId, ServiceName


class Place(NamedTuple):
    """A service, and the rollout it was named with."""

    rollout: RolloutId | None
    service: ServiceName

    def __str__(self) -> str:
        return self.service if self.rollout is None else f"{self.rollout}/{self.service}"


class PlaceType(click.ParamType[Place]):
    """Parses a place."""

    name = "service"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        """Give the place."""
        if isinstance(value, Place):
            return value
        rollout, slash, service = str(value).rpartition("/")
        if not service or "/" in rollout or "#" in str(value) or (slash and not rollout):
            self.fail(f"{value!r} is no service: give SERVICE, or ID/SERVICE for one that is in a rollout", param, ctx)
        return Place(RolloutId(rollout) if rollout else None, ServiceName(service))
