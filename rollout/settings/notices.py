"""The words in which people choose what they are told of, and how: policies and settings share them."""

from typing import Literal, TypeAlias

NoticeEvent: TypeAlias = Literal[
    "started", "wave_finished", "approval_needed", "service_failed", "needs_attention", "finished"
]
"""What a notice is about. `needs_attention` and `approval_needed` are told again once they are resolved."""
NoticeFormat: TypeAlias = Literal["json", "slack", "teams"]
"""`json` is ours, and signed; the others are the messages that the two common chats take."""
NOTICED: tuple[NoticeEvent, ...] = ("needs_attention", "finished")
"""What is told where nobody chose."""
