"""Fill in what only a round knows: `{domain}` and `{instances}`."""

from rollout.gates.check import Question
from rollout.policy.placeholders import expand, used


def filled(text: str, question: Question, *, instance: str = "") -> str:
    """Give `text` with its values; several domains stand side by side, as in `0,1`."""
    names = used(text)
    if not names:
        return text
    values = {"domain": ",".join(map(str, question.domains)), "instances": instance}
    return expand(text, {name: value for name, value in values.items() if name in names})
