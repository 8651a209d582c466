"""The text of a first `rollout.toml`: what was answered, and the rest as comments with its defaults."""

import json
import os
import shlex
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

from rollout.engine.pacer import READS, WRITES
from rollout.errors import UsageError
from rollout.policy.duration import format_duration
from rollout.settings import REQUEST_TIMEOUT_S, default_state, is_loopback
from rollout.settings.model import BUILT_IN_ENDPOINTS, LANES, LISTING_EVERY_S, POLL_PRICE_S, REPLY_BYTES

OWN_ENDPOINT: Final = "main"


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said; empty = nothing."""

    subscription: str
    endpoint: str
    ca: str = ""
    pem: str = ""
    pfx: str = ""
    passphrase_file: str = ""
    passphrase_env: str = ""
    passphrase_credential: str = ""
    token_file: str = ""
    token_command: str = ""
    state: str = ""

    @property
    def has_credentials(self) -> bool:
        """Tell whether any were named."""
        return bool(self.pem or self.pfx or self.token_file or self.token_command)

    @property
    def needs_credentials(self) -> bool:
        """Plain http is an emulator on this machine, and asks nobody."""
        parts = urlsplit(self.endpoint)
        return not (parts.scheme == "http" and is_loopback(parts.hostname or ""))

    def with_pem(self, pem: str) -> Self:
        """Give the answers with this certificate."""
        return msgspec.structs.replace(self, pem=pem)


def settings_text(answers: Answers) -> str:
    """Write the file. Paths are absolute, because people mean them from where they are. Raises UsageError."""
    return "\n".join([*_head(answers), *_endpoint(answers), *_subscription(answers), *_LIMITS]) + "\n"


def _head(answers: Answers) -> list[str]:
    state = f"state = {_path(answers.state)}" if answers.state else f"# state = {_text(str(default_state()))}"
    return [
        "# Settings of rollout. ROLLOUT_* variables lie over this file, flags over both; `rollout doctor` checks it.",
        "# Secrets do not belong here: name the file, variable or systemd credential that holds them.",
        "",
        "# Where the journal lies: a directory on a local disk, private to one user.",
        state,
        "",
        "# Packages are asked for before a service is touched; say false where this machine may not reach their hosts.",
        "# check_packages = true",
        "",
    ]


def _endpoint(answers: Answers) -> list[str]:
    built_in = answers.endpoint in BUILT_IN_ENDPOINTS
    if built_in and not answers.ca:
        return []
    name = answers.endpoint if built_in else OWN_ENDPOINT
    url = BUILT_IN_ENDPOINTS.get(answers.endpoint, answers.endpoint)
    ca = [f"ca = {_path(answers.ca)}"] if answers.ca else []
    return [f"[endpoints.{name}]", f"url = {_text(url)}", *ca, ""]


def _subscription(answers: Answers) -> list[str]:
    built_in = answers.endpoint in BUILT_IN_ENDPOINTS
    endpoint = _text(answers.endpoint if built_in else OWN_ENDPOINT)
    lines = [
        f"[subscriptions.{_text(answers.subscription)}]",
        f"endpoint = {endpoint}  # built in: {', '.join(BUILT_IN_ENDPOINTS)}",
    ]
    if answers.pem or answers.pfx:
        kinds = [f"{kind} = {_path(file)}" for kind, file in (("pem", answers.pem), ("pfx", answers.pfx)) if file]
        lines.append(f"certificate = {{ {', '.join([*kinds, *_passphrase(answers)])} }}")
    if answers.token_file or answers.token_command:
        sources = [f"file = {_path(answers.token_file)}"] if answers.token_file else []
        sources += [f"command = {_words(answers.token_command)}"] if answers.token_command else []
        lines.append(f"token = {{ {', '.join(sources)} }}")
    return [*lines, ""]


def _passphrase(answers: Answers) -> list[str]:
    sources = [f"file = {_path(answers.passphrase_file)}"] if answers.passphrase_file else []
    sources += [f"env = {_text(answers.passphrase_env)}"] if answers.passphrase_env else []
    sources += [f"credential = {_text(answers.passphrase_credential)}"] if answers.passphrase_credential else []
    return [f"passphrase = {{ {', '.join(sources)} }}"] if sources else []


_LIMITS: Final = (
    "[limits]",
    f'# request_timeout = "{format_duration(REQUEST_TIMEOUT_S)}"',
    f"# reads = {{ start = {READS.start:g}, ceiling = {READS.ceiling:g} }}    # a second, on one subscription",
    f"# writes = {{ start = {WRITES.start:g}, ceiling = {WRITES.ceiling:g} }}",
    f"# reply_bytes = {REPLY_BYTES}",
    "# services_per_wave = 100             # a larger wave is refused",
    f"# lanes = {LANES}                         # connections that ask how operations are doing",
    "# pipelining = 1                      # questions at once on each, where the endpoint offers it",
    f'# poll_price = "{format_duration(POLL_PRICE_S)}"                # delay that one question is worth',
    "# listing = true                      # find many operations in one listing of their subscription",
    f'# listing_every = "{format_duration(LISTING_EVERY_S)}"',
    "",
    "[allow]",
    "# subscriptions = []                  # which ones policies may name; absent = any that stands above",
    '# package_hosts = ["*.blob.core.windows.net"]',
)


def _text(value: str) -> str:
    """Write a TOML string; JSON's escapes are among TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _path(value: str) -> str:
    return _text(os.path.abspath(os.path.expanduser(value)))  # noqa: PTH100, PTH111 - resolve() would follow links


def _words(value: str) -> str:
    try:
        return f"[{', '.join(_text(word) for word in shlex.split(value))}]"
    except ValueError as error:
        raise UsageError(f"--token-command cannot be split into words: {error}") from None
