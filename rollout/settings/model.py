"""The model of `rollout.toml`: endpoints, subscriptions with their credentials, limits and allow lists."""

from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from rollout.settings import scalars
from rollout.settings.daemon import Daemon
from rollout.settings.notices import NOTICED, NoticeEvent, NoticeFormat
from rollout.settings.run import REQUEST_TIMEOUT_S
from rollout.settings.scalars import wrong
from rollout.settings.secret import Secret
from rollout.settings.table import Table as Doc

PUBLIC: Final = "public"
BUILT_IN_ENDPOINTS: Final = {
    PUBLIC: "https://management.core.windows.net",
    "china": "https://management.core.chinacloudapi.cn",
    "usgov": "https://management.core.usgovcloudapi.net",
    "germany": "https://management.core.cloudapi.de",
}
TOKEN_TIMEOUT_S: Final = 30.0
SERVICES_PER_WAVE_MAX: Final = 10_000
REPLY_BYTES: Final = 1 << 20
LANES: Final = 64
LANES_MAX: Final = 1_024
PIPELINING_MAX: Final = 256
POLL_PRICE_S: Final = 0.25
LISTING_EVERY_S: Final = 5.0
HEARTBEAT_EVERY_S: Final = 60.0


class _SecretText:
    """Reads a text into a `Secret`."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take a text that is not empty, or a secret as it is."""
        text = core_schema.no_info_after_validator_function(Secret, core_schema.str_schema(min_length=1, strict=True))
        given = core_schema.is_instance_schema(Secret)
        return core_schema.json_or_python_schema(
            text,
            core_schema.union_schema([given, text], custom_error_type="string_type"),
            serialization=core_schema.to_string_ser_schema(),
        )


def _no_plain_text(value: Any) -> Any:
    if isinstance(value, str):
        raise wrong(
            'names where the passphrase is, such as { file = "…" }, { env = "…" } or { credential = "…" }; '
            "the passphrase itself does not belong here"
        )
    return value


class SecretSource(Doc):
    """Where a secret is; exactly one of four."""

    file: scalars.FilePath | None = None
    """A file only its owner can read; the line feed at its end does not count."""
    env: scalars.Variable | None = None
    credential: scalars.Name | None = None
    """A systemd credential: a file in `$CREDENTIALS_DIRECTORY`."""
    text: Annotated[Secret, _SecretText] | None = None
    """The secret itself, for who insists; then only its owner may read the settings file."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "file", "env", "credential", "text")
        return self


class Certificate(Doc):
    """A management certificate with its key: one PEM file, or one PFX file (with the `pfx` extra)."""

    pem: scalars.FilePath | None = None
    pfx: scalars.FilePath | None = None
    passphrase: Annotated[SecretSource | None, BeforeValidator(_no_plain_text)] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "pem", "pfx")
        return self


class Token(Doc):
    """A bearer token: a file that somebody keeps fresh, or a command that prints one."""

    file: scalars.FilePath | None = None
    command: scalars.Argv | None = None
    """The program and its words; no shell reads them."""
    timeout: scalars.Seconds = TOKEN_TIMEOUT_S

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "file", "command")
        return self


class Endpoint(Doc):
    """One address of the API."""

    url: scalars.EndpointUrl
    ca: scalars.FilePath | None = None
    """Certificate authorities to trust instead of the machine's, in PEM."""


class InFlight(Doc):
    """How much may be under way at once; what is absent has no bound."""

    services: scalars.Cap | None = None
    domains: scalars.Cap | None = None
    """Upgrade domains that are down, or may be, through our doing: one for a walk, all of a service for a swap, a
    suspension or a simultaneous update."""
    instances: scalars.Cap | None = None
    """Instances in these domains."""


class Subscription(Doc):
    """Which endpoint a subscription is asked at, and what is shown there."""

    endpoint: str = PUBLIC
    certificate: Certificate | None = None
    token: Token | None = None
    in_flight: InFlight = InFlight()


class Access(Doc):
    """What one subscription's engine shows to its endpoint."""

    certificate: Certificate | None = None
    token: Token | None = None
    ca: Path | None = None


class PaceLimit(Doc):
    """Calls per second on one subscription: the rate to start with, and the highest one to learn."""

    start: scalars.Rate
    ceiling: scalars.Rate

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        if self.start > self.ceiling:
            raise wrong(f"start ({self.start:g}) is above ceiling ({self.ceiling:g})")
        return self


class Limits(Doc):
    """Bounds of one engine."""

    request_timeout: scalars.Seconds = REQUEST_TIMEOUT_S
    reads: PaceLimit | None = None
    writes: PaceLimit | None = None
    reply_bytes: Annotated[int, Field(ge=4_096, le=64 << 20)] = REPLY_BYTES
    reply_elements: Annotated[int, Field(ge=100, le=2_000_000)] = 20_000
    services_per_wave: Annotated[int, Field(ge=1, le=SERVICES_PER_WAVE_MAX)] = SERVICES_PER_WAVE_MAX
    lanes: Annotated[int, Field(ge=1, le=LANES_MAX)] = LANES
    """Connections that ask how operations are doing, for each set of credentials."""
    pipelining: Annotated[int, Field(ge=1, le=PIPELINING_MAX)] = 1
    """Questions on their way at once on one of them, if the endpoint itself offers as many: the real one does not."""
    poll_price: scalars.Seconds = POLL_PRICE_S
    """Seconds of delay that one question is worth: a higher price asks more rarely, about every operation alike."""
    listing: bool = True
    """Whether many operations of one subscription may be found in a listing of it, instead of asking for each."""
    listing_every: scalars.Seconds = LISTING_EVERY_S
    """How long one such listing is read."""
    in_flight: InFlight = InFlight()
    """Of all rollouts of an engine together."""
    in_flight_per_rollout: InFlight = InFlight()


class Allow(Doc):
    """What policies may touch and name. A list that is absent allows everything, an empty one nothing."""

    subscriptions: scalars.SubscriptionIds | None = None
    package_hosts: scalars.Hosts | None = None
    hosts: scalars.CheckedHosts = ()
    """Loopback and private hosts, addresses and networks that checks may ask all the same."""
    commands: dict[scalars.Name, scalars.Argv] = Field(default_factory=dict, max_length=scalars.LIST_MAX)
    """Commands that checks may name."""


class MetricServer(Doc):
    """A Prometheus server that metric checks may name."""

    url: scalars.HookUrl
    token: SecretSource | None = None
    """Shown to it as a bearer token."""


class Webhooks(Doc):
    """Keys of signed words: our own questions are signed with one, and receivers are told all that are valid."""

    sign_with: scalars.Name | None = None
    """The key that signs; unset, the only one there is."""
    keys: dict[scalars.Name, SecretSource] = Field(default_factory=dict, max_length=scalars.WORDS_MAX)

    @property
    def signing(self) -> str | None:
        """Give the name of the key that signs, if there is one."""
        return self.sign_with or (next(iter(self.keys)) if len(self.keys) == 1 else None)


class Told(Doc):
    """Somebody who is told of every rollout of this engine."""

    url: scalars.HookUrl | None = None
    url_from: SecretSource | None = None
    """Where the URL is; those of chats let anybody write there, so they are secrets."""
    events: Annotated[tuple[NoticeEvent, ...], Field(strict=False, min_length=1)] = NOTICED
    format: NoticeFormat = "json"

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "url", "url_from")
        return self


class Heartbeat(Doc):
    """A dead man's switch: it is posted to while a rollout is open, and whoever watches it pages when that ends."""

    url: scalars.HookUrl | None = None
    url_from: SecretSource | None = None
    every: scalars.Seconds = HEARTBEAT_EVERY_S

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(self, "url", "url_from")
        return self


class Notify(Doc):
    """Who is told what happens, besides those whom policies name."""

    webhooks: dict[scalars.Name, Told] = Field(default_factory=dict, max_length=scalars.WORDS_MAX)
    heartbeat: Heartbeat | None = None


class Settings(Doc):
    """The whole file."""

    state: scalars.FilePath | None = None
    endpoints: dict[scalars.Name, Endpoint] = Field(default_factory=dict, max_length=scalars.LIST_MAX)
    subscriptions: dict[scalars.SubscriptionId, Subscription] = Field(default_factory=dict, max_length=scalars.LIST_MAX)
    limits: Limits = Limits()
    allow: Allow = Allow()
    check_packages: bool = True
    """Ask whether packages are there before a service is touched; false where this machine may not reach them."""
    metrics: dict[scalars.Name, MetricServer] = Field(default_factory=dict, max_length=scalars.LIST_MAX)
    webhooks: Webhooks = Webhooks()
    daemon: Daemon = Daemon()
    notify: Notify = Notify()
    groups: dict[scalars.Name, scalars.People] = Field(default_factory=dict, max_length=scalars.LIST_MAX)
    """Who may approve: group -> the login names in it."""

    def endpoint_of(self, subscription: Subscription) -> Endpoint | None:
        """Give the endpoint a subscription names: the file's own, else a built-in one."""
        own = self.endpoints.get(subscription.endpoint)
        if own is None and subscription.endpoint in BUILT_IN_ENDPOINTS:
            return Endpoint(url=BUILT_IN_ENDPOINTS[subscription.endpoint])
        return own

    def access_of(self, subscription: Subscription) -> Access | None:
        """Give what a subscription's engine shows; None = nothing, and the library's own trust."""
        endpoint = self.endpoint_of(subscription)
        ca = endpoint.ca if endpoint else None
        if subscription.certificate is None and subscription.token is None and ca is None:
            return None
        return Access(certificate=subscription.certificate, token=subscription.token, ca=ca)


def needs_credentials(url: str) -> bool:
    """Tell the endpoints that let nobody in without credentials: all but plain http, which is loopback."""
    return url.startswith("https://")


def _exactly_one(doc: Doc, *names: str) -> None:
    given = [name for name in names if getattr(doc, name) is not None]
    if len(given) != 1:
        found = f"has {' and '.join(given)}" if given else "has none"
        raise wrong(f"needs exactly one of {', '.join(names)}, and {found}")
