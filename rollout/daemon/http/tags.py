"""Answers with tags: whoever has an equal one already is told so instead of being sent it again."""

import hashlib

from aiohttp import hdrs, web

from rollout.daemon.http.problem import HEADERS
from rollout.daemon.http.route import Answer, encode


def response(request: web.Request, answer: Answer) -> web.Response:
    """Write an answer; a GET whose If-None-Match names it is answered 304."""
    body = answer.content if answer.content is not None else encode(answer.document)
    headers = {**HEADERS, **answer.headers}
    if request.method in {"GET", "HEAD"} and answer.status == 200:  # noqa: PLR2004 - only what was found has a tag
        made_from = answer.tag if answer.tag is not None else hashlib.sha256(body).hexdigest()[:32]
        tag = f'W/"{made_from}"'
        headers |= {hdrs.ETAG: tag, "Cache-Control": "private, no-cache"}
        if _has(request, tag):
            return web.Response(status=304, headers=headers)
    return web.Response(status=answer.status, body=body, headers={**headers, hdrs.CONTENT_TYPE: answer.content_type})


def _has(request: web.Request, tag: str) -> bool:
    """Compare weakly, as RFC 9110 wants it for If-None-Match."""
    named = ",".join(request.headers.getall(hdrs.IF_NONE_MATCH, []))
    known = {each.strip().removeprefix("W/") for each in named.split(",")}
    return "*" in known or tag.removeprefix("W/") in known
