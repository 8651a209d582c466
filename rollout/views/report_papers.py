"""What a report takes from payloads: the forecast of the submission, and the policies as they were written. Pure."""

from collections.abc import Mapping

import msgspec

from rollout.core.fleet_state import RolloutState
from rollout.core.names import Digest
from rollout.views.policies import policy_texts
from rollout.views.report import Report, beside
from rollout.views.report_forecast import forecast_in


def papers_of(state: RolloutState) -> tuple[Digest, ...]:
    """Name the payloads that the report of a rollout is made with."""
    forecast = () if state.foreseen is None else (state.foreseen.document,)
    return tuple(dict.fromkeys([*(given.digest for given in state.policies), *forecast]))


def with_papers(report: Report, state: RolloutState, papers: Mapping[Digest, bytes]) -> Report:
    """Put into a report what these payloads say."""
    report = msgspec.structs.replace(report, policies=policy_texts(state, papers))
    if state.foreseen is None:
        return report
    return beside(report, forecast_in(papers[state.foreseen.document], state.plan.rollout))
