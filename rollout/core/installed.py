"""What an ended attempt left running, for the next one on that service to know: the platform never tells a package."""

from rollout.core.change_event import Installed
from rollout.core.change_plan import UpgradePlan, package_shown, updates
from rollout.core.ending import Outcome
from rollout.core.service import ServiceRollout
from rollout.core.way_back import revert_source


def installed(state: ServiceRollout) -> Installed | None:
    """Give what runs since this attempt; None where it left nothing that its mark would show."""
    update, ended = updates(state.plan.change), state.ended
    if not isinstance(update, UpgradePlan) or ended is None or state.token is None:
        return None
    if ended.outcome is Outcome.SUCCEEDED:
        return Installed(state.token, update.package, package_shown(update), update.configuration)
    source = revert_source(state)
    if ended.outcome is Outcome.ROLLED_BACK and state.former is not None and source and source.package:
        return Installed(state.token, source.package, source.shown, source.configuration)
    return None
