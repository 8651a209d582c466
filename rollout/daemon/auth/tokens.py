"""The tokens of a state directory: made and revoked by the command line, looked up by a daemon that runs meanwhile."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from rollout.daemon.auth.person import Person, person_name
from rollout.daemon.auth.private import locked, read_private, write_private
from rollout.daemon.auth.role import Role
from rollout.daemon.auth.token import TokenRecord, fresh_id, fresh_token, hashed, id_in, is_of
from rollout.errors import CommandRefused, StateUnusable, UsageError
from rollout.journal.state import make_private, refuse_shared
from rollout.settings import Secret

FILE: Final = "tokens.json"
LOCK: Final = "tokens.lock"
ADMIN_FILE: Final = "admin-token"
"""In it a daemon leaves a token for the user it runs as; the command line of the same user finds it."""
TOKENS_MAX: Final = 500
LOOK_S: Final = 1.0
"""How old the knowledge may be that a token was revoked."""


class TokensFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    version: int
    tokens: tuple[TokenRecord, ...]


class Tokens:
    """Made by `open_tokens`. Looking up reads the file again when it has changed."""

    def __init__(
        self, state: Path, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._state = state
        self._clock = clock
        self._wall = wall
        self._known: dict[str, TokenRecord] = {}
        self._signature: tuple[int, int, int] | None = None
        self._looked = -LOOK_S

    # --- what a daemon asks ---

    def find(self, token: str) -> Person | None:
        """Give the person whose token it is; None for any other text, a revoked token, or one that has expired."""
        token_id = id_in(token)
        record = None if token_id is None else self._fresh().get(token_id) or self._anew().get(token_id)
        if record is None or not is_of(token, record) or not record.holds(self._wall()):
            return None
        return Person(record.name, record.roles, record.id)

    def stands(self, token_id: str) -> bool:
        """Tell whether a token that was good is still good."""
        record = self._fresh().get(token_id)
        return record is not None and record.holds(self._wall())

    # --- what people do ---

    def all(self) -> Sequence[TokenRecord]:
        """Give every token, the oldest first. Raises StateUnusable."""
        return self._read()

    def create(self, name: str, roles: Sequence[Role], *, lasting_s: float | None = None, note: str = "") -> Secret:
        """Make a token for a person; this is the only time that it is seen. Raises UsageError, CommandRefused."""
        if not roles:
            raise UsageError("a token needs a role: viewer, operator, approver or admin")
        with locked(self._state / LOCK):
            known = list(self._read())
            if len(known) >= TOKENS_MAX:
                raise CommandRefused(f"there are {len(known)} tokens already: revoke some with `rollout token revoke`")
            token_id, wall = fresh_id(), self._wall()
            token = fresh_token(token_id)
            expires_wall = None if lasting_s is None else wall + lasting_s
            ordered = tuple(role for role in Role if role in roles)
            known.append(TokenRecord(token_id, person_name(name), ordered, hashed(token), wall, expires_wall, note))
            self._write(known)
        return Secret(token)

    def revoke(self, which: str) -> Sequence[TokenRecord]:
        """Revoke a token by its id, or all of a person's by their name; gives those. Raises UsageError for neither."""
        with locked(self._state / LOCK):
            known = self._read()
            gone = [each for each in known if which in {each.id, each.name}]
            if not gone:
                raise UsageError(f"there is no token with id {which[:80]!r}, and none of such a person")
            self._write([each for each in known if each not in gone])
        return gone

    def ensure_admin(self, name: str) -> Path | None:
        """Where there is no token at all, make an admin's and leave it in the state directory; gives that file."""
        if self._read():
            return None
        path = self._state / ADMIN_FILE
        write_private(path, f"{self.create(name, [Role.ADMIN], note='the first one').reveal()}\n".encode())
        return path

    # --- the file ---

    def _fresh(self) -> dict[str, TokenRecord]:
        now = self._clock()
        if now - self._looked >= LOOK_S:
            signature = self._sign()
            if signature != self._signature:
                self._known = {record.id: record for record in self._read()}
                self._signature = signature
            self._looked = now
        return self._known

    def _anew(self) -> dict[str, TokenRecord]:
        """Look whether a token was made just now: nobody has to wait before he uses it."""
        self._looked = -LOOK_S
        return self._fresh()

    def _sign(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._state / FILE)  # noqa: PTH116 - the cheapest of looks
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> Sequence[TokenRecord]:
        path = self._state / FILE
        if (data := read_private(path)) is None:
            return ()
        try:
            return msgspec.json.decode(data, type=TokensFile).tokens
        except msgspec.DecodeError as error:
            raise StateUnusable(
                f"{path} is no list of tokens ({error}): restore it, or remove it and make new ones"
            ) from None

    def _write(self, known: Sequence[TokenRecord]) -> None:
        encoded = msgspec.json.encode(TokensFile(1, tuple(known)))
        write_private(self._state / FILE, msgspec.json.format(encoded, indent=1) + b"\n")
        self._looked = -LOOK_S


def open_tokens(state: Path) -> Tokens:
    """Give the tokens of a state directory, which is made (0700) if need be. Raises StateUnusable."""
    real = state.resolve()
    try:
        make_private(real)
        refuse_shared(real)
    except OSError as error:
        raise StateUnusable(f"the state directory {real} cannot be used: {error.strerror or error}") from error
    return Tokens(real)
