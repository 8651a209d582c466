"""The tokens of a daemon that starts: the first start leaves one for the user it runs as."""

import os
import pwd
from pathlib import Path

import structlog

from rollout.daemon.auth import tokens
from rollout.daemon.auth.person import person_name
from rollout.errors import UsageError


def open_tokens(state: Path) -> tokens.Tokens:
    """Open the tokens of a state directory; where there are none, make an admin's and leave it there (0600)."""
    opened = tokens.open_tokens(state)
    if (path := opened.ensure_admin(_user())) is not None:
        structlog.get_logger("rollout.daemon").info("admin_token_left", path=str(path))
    return opened


def _user() -> str:
    try:
        return person_name(pwd.getpwuid(os.geteuid()).pw_name)
    except (KeyError, UsageError):
        return f"user-{os.geteuid()}"
