"""The line that says where a rollout stands, and until when it is to be done."""

from collections.abc import Callable

from rollout.core.command import Verb
from rollout.core.compile import Compiled
from rollout.simulation.world import Parts, World, carry_out
from rollout.views.tell import headline
from tests.views.conftest import read_of, say

WAVES = "[{name: a, select: 1}, {name: b, select: rest, approve: {by: leads, within: 5h}}]"


def test_a_deadline_is_said_until_it_has_passed_and_then_what_it_did(
    make_world: Callable[..., World], compiled: Callable[..., Compiled]
) -> None:
    world, plan = make_world(2), compiled(2, waves=WAVES, more="deadline: 1h")
    world.live(lambda parts: carry_out(parts, plan))
    said = headline(read_of(world)[0])
    assert said.startswith("web-2.4.1: 1 done, 1 queued; deadline 2016-02-19 0")
    world.pass_by(2 * 3600.0)
    world.live(lambda parts: carry_out(parts, plan))
    late = headline(read_of(world)[0])
    assert "; halted by policy: the deadline 2016-02-19 0" in late
    assert late.endswith(" has passed, and 1 of 2 have not ended (freed by resume)")

    async def go_on(parts: Parts) -> None:
        await say(Verb.RESUME)(parts)
        await carry_out(parts, plan)

    world.live(go_on)
    assert headline(read_of(world)[0]) == "web-2.4.1: 1 done, 1 queued"
