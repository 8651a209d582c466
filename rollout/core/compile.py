"""A bundle of documents becomes a frozen plan, and the payloads the plan names by digest. Pure."""

import hashlib

import msgspec

from rollout.core.change_plan import RollbackPlan, UpgradePlan
from rollout.core.names import Digest, RolloutId, ServiceName, Slot, Target
from rollout.core.operation import RollbackMode
from rollout.core.plan import CheckPlan, HealthPlan, OnFailure, RolloutPlan, ServicePlan, WalkPlan, WavePlan
from rollout.errors import InvariantBroken, NotSupportedYet
from rollout.policy.bundle import Bundle, ServiceFiles
from rollout.policy.model.change import Upgrade
from rollout.policy.model.check import Check
from rollout.policy.model.wave import Wave
from rollout.policy.support import unsupported


class Compiled(msgspec.Struct, frozen=True):
    """A rollout ready to be opened."""

    plan: RolloutPlan
    services: tuple[ServicePlan, ...]
    """In fleet order."""
    payloads: tuple[bytes, ...]
    """Everything the plan names by digest; stored before the plan is."""
    policy_text: str
    """The documents as people wrote them, for the diff against a later submission."""


def compile_bundle(bundle: Bundle) -> Compiled:
    """Compile; raises NotSupportedYet with every field a run cannot honour, so that none is silently ignored."""
    if problems := unsupported(bundle):
        raise NotSupportedYet(problems)
    wave, upgrade = bundle.policy.waves[0], bundle.policy.change.upgrade
    if upgrade is None:
        message = "a supported change without an upgrade"
        raise InvariantBroken(message)
    services = tuple(_service(bundle, wave, upgrade, files) for files in bundle.services)
    waves = (
        WavePlan(
            name=wave.name,
            services=tuple(each.service for each in services),
            max_parallel=wave.max_parallel,
            failure_tolerance=wave.failure_tolerance,
            strict=wave.strict,
        ),
    )
    text = _written(bundle, services[0])
    plan = RolloutPlan(
        rollout=RolloutId(bundle.policy.rollout),
        policy=_digest(text.encode()),
        documents=_digest(msgspec.json.encode((services, waves), order="deterministic")),
        waves=waves,
    )
    payloads = [text.encode()]
    for files in bundle.services:
        payloads += [_package(files).encode(), _configuration(files)]
    return Compiled(plan, services, tuple(dict.fromkeys(payloads)), text)


def _service(bundle: Bundle, wave: Wave, upgrade: Upgrade, files: ServiceFiles) -> ServicePlan:
    policy = bundle.policy
    health, walk = policy.health_of(wave), policy.walk_of(wave)
    bake_s = policy.bake_before_last_s(wave, bundle.slot)
    return ServicePlan(
        rollout=RolloutId(policy.rollout),
        target=Target(bundle.fleet.subscription, ServiceName(files.service), Slot(bundle.slot)),
        change=UpgradePlan(
            package=_digest(_package(files).encode()),
            package_shown=without_secrets(_package(files)),
            configuration=_digest(_configuration(files)),
            label=files.label,
            force=upgrade.force,
        ),
        health=HealthPlan(
            wait_s=health.wait_duration,
            stable_s=health.stable_duration,
            retry_s=health.retry_timeout,
            interval_s=health.interval,
            checks=tuple(_check(each) for each in health.checks),
        ),
        walk=WalkPlan(bake_s, walk.domain_timeout, walk.allow_no_rollback),
        begin_timeout_s=policy.operation_timeout.begin,
        timeout_s=policy.timeout,
        on_failure=OnFailure(policy.on_failure_of(wave).service),
        rollback=RollbackPlan(RollbackMode.AUTO, policy.rollback.timeout),
    )


def _check(check: Check) -> CheckPlan:
    return CheckPlan(name=check.name or check.kind, kind=check.kind, timeout_s=check.timeout)


def _package(files: ServiceFiles) -> str:
    if files.package is None:
        message = f"no package for {files.service}"
        raise InvariantBroken(message)
    return files.package


def _configuration(files: ServiceFiles) -> bytes:
    if files.configuration is None:
        message = f"no configuration for {files.service}"
        raise InvariantBroken(message)
    return files.configuration.data


def _digest(payload: bytes) -> Digest:
    return Digest(hashlib.sha256(payload).hexdigest())


def _written(bundle: Bundle, first: ServicePlan) -> str:
    """Join what was written, what it came to, and the digests of the files it names into one text to be compared."""
    parts = [f"# {source.role}: {source.file}\n{source.data.decode()}" for source in bundle.sources]
    plan = msgspec.json.format(msgspec.json.encode(first, order="deterministic"), indent=1).decode()
    parts.append(f"# what the first service's plan came to\n{plan}")
    used = {each.configuration.file: each.configuration for each in bundle.services if each.configuration}
    hashes = sorted(f"{each.file} sha256:{each.digest}" for each in used.values())
    return "\n".join([*parts, "# configurations", *hashes])


def without_secrets(url: str) -> str:
    """Cut the query and the user part of a URL: either may carry a signature or a password."""
    scheme, mark, rest = url.partition("?")[0].partition("#")[0].partition("://")
    host, slash, tail = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{tail}"
