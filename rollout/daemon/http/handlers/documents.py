"""Documents about the API itself: what it is, and what a policy may say."""

from rollout.daemon.http.desk import Desk
from rollout.daemon.http.route import Answer, Asked, NoQuery
from rollout.policy import schema as documents


async def schema(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:  # noqa: ARG001 - a handler's signature
    """Give the JSON Schema of policies."""
    return Answer(documents.schema(), content_type="application/schema+json")


async def openapi(desk: Desk, asked: Asked[NoQuery, None]) -> Answer:  # noqa: ARG001 - as above
    """Give this API as OpenAPI 3.1."""
    return Answer(desk.openapi)
