"""How notices are written: our own JSON, and the messages that two common chats take. Pure; every text stays text."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, assert_never

import msgspec

from rollout.core.notice import Notice, NoticeFormat, NoticeState
from rollout.settings.redaction import redact_text

SENTENCE_CHARS_MAX: Final = 600
VERSION: Final = 1
"""Of our own JSON; fields are only ever added to one version."""
_MARKS: Final = {
    NoticeState.TOLD: "",
    NoticeState.RAISED: "needs you: ",
    NoticeState.AGAIN: "still needs you: ",
    NoticeState.CLAIMED: "",
    NoticeState.RESOLVED: "",
}


class Written(msgspec.Struct, frozen=True):
    """One notice in our own JSON (docs in the README); `key` is the same when the same notice comes again."""

    key: str
    alert: str
    event: str
    state: str
    rollout: str
    service: str | None
    wave: str | None
    sentence: str
    at: str
    instead: str
    about: dict[str, str]


class Message(msgspec.Struct, frozen=True):
    """The body of one post: up to fifty notices, in the order in which they happened."""

    notices: tuple[Written, ...]
    version: int = VERSION


def written(notices: Sequence[Notice], how: NoticeFormat) -> bytes:
    """Write the body of a post."""
    match how:
        case NoticeFormat.JSON:
            return msgspec.json.encode(Message(tuple(map(_written, notices))))
        case NoticeFormat.SLACK:
            text = "\n".join(map(_escaped_line, notices))
            return msgspec.json.encode({"text": text, "mrkdwn": False, "unfurl_links": False})
        case NoticeFormat.TEAMS:
            return msgspec.json.encode(_card(notices))
        case _:
            assert_never(how)


def _written(notice: Notice) -> Written:
    return Written(
        key=notice.key,
        alert=notice.alert,
        event=notice.event,
        state=notice.state,
        rollout=notice.rollout,
        service=notice.service,
        wave=notice.wave,
        sentence=_cut(notice.sentence),
        at=datetime.fromtimestamp(notice.at_wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        instead=notice.instead,
        about=notice.about,
    )


def _line(notice: Notice) -> str:
    """Say a notice in one line of plain text."""
    ticket = f" ({notice.about['ticket']})" if "ticket" in notice.about else ""
    head = f"[{notice.rollout}]{ticket} {_MARKS[notice.state]}{_cut(notice.sentence)}"
    runbook = notice.about.get("runbook", "") if notice.state in {NoticeState.RAISED, NoticeState.AGAIN} else ""
    return "  ".join(filter(None, (head, notice.instead and f"-> {notice.instead}", runbook)))


def _escaped_line(notice: Notice) -> str:
    """Keep a chat from reading mentions and links out of names that others chose: these three are its only escapes."""
    return _line(notice).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _card(notices: Sequence[Notice]) -> dict[str, Any]:
    """Write an adaptive card of text runs, which unlike text blocks know no mark-up."""
    lines = [
        {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": _line(notice)}], "spacing": "small"}
        for notice in notices
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": lines,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _cut(text: str) -> str:
    plain = redact_text(text)
    return plain if len(plain) <= SENTENCE_CHARS_MAX else f"{plain[: SENTENCE_CHARS_MAX - 1]}…"
