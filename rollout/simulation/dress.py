"""Dresses a world for one seed: weather around its wire or network, its disk and its service; a checker over all."""

from rollout.platforms.platform import Platform
from rollout.simulation.besides import Wall
from rollout.simulation.checker import Checker
from rollout.simulation.history import Remembered
from rollout.simulation.http_lane import HttpLane
from rollout.simulation.mortal import LATE_PER_TIMEOUT
from rollout.simulation.scripted import rehearsed
from rollout.simulation.skies import DrawnFaults
from rollout.simulation.spoil import Spoiler
from rollout.simulation.stage import SAFETY_S, LaneName, Stage
from rollout.simulation.stormy import StormyNetwork, StormyWire
from rollout.simulation.throttle import Limits, Subscription, ThrottlingPlatform, storms
from rollout.simulation.watch import Post, WatchedAgenda, WatchedPlatform, WatchedWire
from rollout.simulation.weather import Weather
from rollout.simulation.world import World


def dress(world: World, stage: Stage, weather: Weather, checker: Checker) -> None:
    """Put weather and checker around the world's parts."""
    post, subscription = Post(), _subscription(weather)
    throttled = weather.happens("throttle")
    if throttled:
        weather.hits["throttle"] += 1

    def around(platform: Platform) -> Platform:
        if throttled:
            platform = ThrottlingPlatform(platform, subscription, world.time)
        return WatchedPlatform(platform, checker, weather, post, world.time)

    world.wire = StormyWire(weather, world.time, world.later)
    world.around_wire = lambda wire: WatchedWire(wire, post)
    world.lane = _lane(world, stage, weather, post) if stage.lane is LaneName.HTTP else None
    world.around_platform = around
    world.around_kit = lambda kit: rehearsed(kit, checker, weather, stage.mute)
    world.wall = Wall(weather)
    world.fabric.world.on_effect = checker.effect
    world.fabric.world.agenda = WatchedAgenda(checker.moved)
    world.fabric.world.durations = Remembered(weather.seed, history=stage.history, scale=stage.time_scale)
    world.fabric.world.faults = DrawnFaults(weather=weather, time=world.time)


def _lane(world: World, stage: Stage, weather: Weather, post: Post) -> HttpLane:
    return HttpLane(
        world.fabric,
        StormyNetwork(weather, world.time),
        time=world.time,
        at=world.at,
        late_s=LATE_PER_TIMEOUT * world.request_timeout_s,
        subscription=stage.compiled.services[0].target.subscription,
        sender=post.taken,
        spoil=Spoiler(weather, world.time),
    )


def _subscription(weather: Weather) -> Subscription:
    drawn = storms(weather.seed, every_s=3600.0, until_s=SAFETY_S, lasting_s=(60.0, 1200.0))
    return Subscription(Limits(weather.amount(3, 30, "reads"), weather.amount(0.1, 2, "writes")), drawn, weather.seed)
