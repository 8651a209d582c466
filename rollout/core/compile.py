"""A bundle of documents becomes a frozen plan, and the payloads the plan names by digest. Pure."""

import msgspec

from rollout.core.compile_change import change_of, digest_of, foreign_of, payloads_of, rollback_of
from rollout.core.compile_checks import health_plan
from rollout.core.compile_notify import urls_of
from rollout.core.compile_waves import compile_fleet, wave_by_service
from rollout.core.names import RolloutId, ServiceName, Slot, Target
from rollout.core.plan import OnFailure, RolloutPlan, ServicePlan, WalkPlan
from rollout.errors import NotSupportedYet
from rollout.policy.bundle import Bundle, ServiceFiles, values_of
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


def compile_bundle(bundle: Bundle, *, check_packages: bool = False) -> Compiled:
    """Compile; raises NotSupportedYet with every field a run cannot honour, so that none is silently ignored.

    `check_packages`: every service's packages are asked for before anything is touched.
    """
    if problems := unsupported(bundle):
        raise NotSupportedYet(problems)
    waves = wave_by_service(bundle)
    services = tuple(
        _service(bundle, waves[files.service], files, check_packages=check_packages) for files in bundle.services
    )
    text = _written(bundle, services[0])
    plan = compile_fleet(bundle, services)
    documents = digest_of(msgspec.json.encode((services, plan), order="deterministic"))
    plan = msgspec.structs.replace(
        plan,
        policy=digest_of(text.encode()),
        documents=documents,
        about=dict(bundle.policy.about),
        tags={ServiceName(name): dict(each.tags) for name, each in bundle.fleet.services.items() if each.tags},
    )
    payloads = [text.encode(), *(url.encode() for url in urls_of(bundle.policy))]
    for files in bundle.services:
        payloads += payloads_of(files)
    return Compiled(plan, services, tuple(dict.fromkeys(payloads)), text)


def _service(bundle: Bundle, wave: Wave, files: ServiceFiles, *, check_packages: bool) -> ServicePlan:
    policy = bundle.policy
    health, walk = policy.health_of(wave), policy.walk_of(wave)
    bake_s = policy.bake_before_last_s(wave, bundle.slot)
    return ServicePlan(
        rollout=RolloutId(policy.rollout),
        target=Target(bundle.fleet.subscription, ServiceName(files.service), Slot(bundle.slot)),
        change=change_of(policy.change, files, check_packages=check_packages),
        health=health_plan(health, values_of(policy, bundle.fleet, files.service)),
        walk=WalkPlan(bake_s, walk.domain_timeout, walk.allow_no_rollback),
        begin_timeout_s=policy.operation_timeout.begin,
        timeout_s=policy.timeout,
        on_failure=OnFailure(policy.on_failure_of(wave).service),
        rollback=rollback_of(policy.rollback, files),
        swap_timeout_s=policy.operation_timeout.swap,
        status_timeout_s=policy.operation_timeout.status,
        foreign=foreign_of(policy.foreign),
    )


def _written(bundle: Bundle, first: ServicePlan) -> str:
    """Join what was written, what it came to, and the digests of the files it names into one text to be compared."""
    parts = [f"# {source.role}: {source.file}\n{source.data.decode()}" for source in bundle.sources]
    plan = msgspec.json.format(msgspec.json.encode(first, order="deterministic"), indent=1).decode()
    parts.append(f"# what the first service's plan came to\n{plan}")
    named = [file for each in bundle.services for file in (each.configuration, each.rollback_configuration) if file]
    hashes = sorted({f"{file.file} sha256:{file.digest}" for file in named})
    return "\n".join([*parts, "# configurations", *hashes])
