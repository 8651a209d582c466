"""Who a policy wants to be told, as a plan has it: URLs by digest, for the URL of a chat is a secret. Pure."""

from urllib.parse import urlsplit

from rollout.core.compile_change import digest_of
from rollout.core.notice import NoticeEvent, NoticeFormat, NotifyPlan
from rollout.policy.model.policy import Policy
from rollout.policy.placeholders import expand


def notify_of(policy: Policy) -> tuple[NotifyPlan, ...]:
    """Give who is told of what."""
    return tuple(
        NotifyPlan(
            digest_of(url.encode()),
            _shown(url),
            tuple(NoticeEvent(event) for event in dict.fromkeys(each.events)),
            NoticeFormat(each.format),
        )
        for each, url in zip(policy.notify, urls_of(policy), strict=True)
    )


def urls_of(policy: Policy) -> list[str]:
    """Give the URLs, in order, with placeholders filled in."""
    return [expand(each.webhook, {"rollout": policy.rollout}) for each in policy.notify]


def _shown(url: str) -> str:
    """Give what people may see: the path of a chat's URL lets anybody write to it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"
