"""`Client`: one daemon, asked from a program or from the command line."""

import contextlib
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import msgspec

from rollout.core.reply import Kind, Reply
from rollout.core.result import Result
from rollout.errors import EndpointUnreachable
from rollout.remote.address import address_of
from rollout.remote.event import Document, Event, Submitted
from rollout.remote.follow import Endurance, follow
from rollout.remote.patience import Patience
from rollout.remote.sse import Message
from rollout.remote.token import find_token
from rollout.remote.until import FINISHED
from rollout.remote.wait import wait_for
from rollout.remote.wire import Answer, Call, Wire, WireLimits
from rollout.remote.word import path_to, word
from rollout.settings import Secret, default_state
from rollout.views.choosing import EVERYTHING, NOT_ROWS, Selection

T = TypeVar("T")

PAGE: Final = 500
URL_VARIABLE: Final = "ROLLOUT_URL"


class Client:
    """One daemon; an async context manager.

    `url` is `https://HOST[:PORT]`, or `http://` on this machine; without one, `$ROLLOUT_URL`. The token is the one
    given, else that of `token_file`, of `$ROLLOUT_TOKEN`, or the one that a daemon of the same user left in its state
    directory `state`, on this machine. Everything raises errors of `rollout.errors`: EndpointUnreachable, Forbidden,
    CommandRefused, PolicyError, UsageError. A word or a submission whose answer was lost is asked again under its key,
    which the daemon answers once.

        async with Client("http://127.0.0.1:8642") as client:
            submitted = await client.submit("policies/web.yaml")
            result = await client.wait(submitted.id)
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | Secret | None = None,
        token_file: str | Path | None = None,
        ca: str | Path | None = None,
        state: str | Path | None = None,
        limits: WireLimits | None = None,
        patience: Patience | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        address = address_of(url or environ.get(URL_VARIABLE, ""), None if ca is None else Path(ca))
        if token is None:
            file = None if token_file is None else Path(token_file)
            token = find_token(address, file, environ, default_state() if state is None else Path(state))
        shown = token if isinstance(token, Secret) else Secret(token)
        self._wire = Wire(address, shown, limits=limits, patience=patience)

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._wire.__aexit__()

    @property
    def url(self) -> str:
        """The daemon's address."""
        return self._wire.address.url

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Document:
        """Read any document of the API by its path."""
        return self._document(await self._wire.ask(Call("GET", path, query or {})))

    # --- rollouts ---

    async def submit(self, policy: str | Path, *, sets: Sequence[str] = (), key: str | None = None) -> Submitted:
        """Submit a policy with everything it names; the same documents again are the same rollout."""
        body = _papers(policy, sets)
        answer = await self._post("/v1/rollouts", body, key)
        return self._read(answer, Submitted)

    async def plan(self, policy: str | Path, *, sets: Sequence[str] = (), offline: bool = False) -> Document:
        """Say what submitting a policy would do, as `rollout plan` does; nothing is written down.

        The daemon looks at every deployment, at its own pace; `offline` = at none.
        """
        body = _papers(policy, sets)
        query = {"dry_run": "1"} | ({"offline": "1"} if offline else {})
        return self._document(await self._post("/v1/rollouts", body, None, query))

    async def planned(self, rollout: str) -> Document:
        """Give the plan of a rollout as it was when it was submitted."""
        return await self.get(path_to("rollouts", rollout, "plan"))

    async def rollouts(self, *, attention: bool = False) -> list[Document]:
        """Give the heads of all rollouts, or of those that wait for a person."""
        return [each async for each in self._pages("/v1/rollouts", {"attention": "1"} if attention else {})]

    async def read(self, rollout: str, selection: Selection = EVERYTHING) -> Document:
        """Give one rollout, with its services or some of them."""
        return await self.get(path_to("rollouts", rollout), selection.fields)

    async def read_service(self, rollout: str, service: str) -> Document:
        """Give one service with evidence, operation, way back and the words that are legal now."""
        return await self.get(path_to("rollouts", rollout, "services", service))

    async def timeline(self, rollout: str, service: str | None = None) -> AsyncIterator[Document]:
        """Give what happened, oldest first."""
        query = {} if service is None else {"service": service}
        async for each in self._pages(path_to("rollouts", rollout, "timeline"), query):
            yield each

    async def history(self, service: str) -> Document:
        """Give which releases a service had, newest first."""
        return await self.get(path_to("services", service))

    async def report(self, rollout: str) -> Document:
        """Give a rollout's report: its plan, what happened, every verdict, word, approval and call, and the chain."""
        return await self.get(path_to("rollouts", rollout, "report"))

    # --- words ---

    async def tell(
        self,
        verb: str,
        target: str,
        *,
        reason: str,
        selection: Selection = EVERYTHING,
        confirm_count: int | None = None,
        key: str | None = None,
        **flags: Any,
    ) -> Reply:
        """Say a word to `ID`, `ID/SERVICE` or a selection of services. Raises CommandRefused with what would work.

        `flags` are the verb's own, by the names of the command line with `_` for `-`. `confirm_count` is how many
        services the caller believes to speak to; another count is refused.
        """
        rollout, body = word(verb, target, selection, flags | {"reason": reason})
        own = key or uuid.uuid4().hex
        if confirm_count is not None:
            body["confirm_count"] = confirm_count
        answer = await self._post(path_to("rollouts", rollout, "actions"), body | {"key": own}, own)
        return self._read(answer, Reply)

    async def weigh(
        self, verb: str, target: str, *, reason: str, selection: Selection = EVERYTHING, **flags: Any
    ) -> Document:
        """Say whom a word would be for and what it would change; nothing is done."""
        rollout, body = word(verb, target, selection, flags | {"reason": reason})
        path = path_to("rollouts", rollout, "actions")
        return self._document(await self._post(path, body, None, {"dry_run": "1"}))

    async def actions(self, rollout: str, service: str | None = None) -> list[Document]:
        """Say which words are legal now, and why the others are not."""
        query = {} if service is None else {"service": service}
        return [each async for each in self._pages(path_to("rollouts", rollout, "actions"), query)]

    async def revert(
        self,
        rollout: str,
        *,
        reason: str,
        partial: bool = False,
        confirm_count: int | None = None,
        key: str | None = None,
    ) -> Submitted:
        """Take a rollout that is over back, by a new one; `partial` = leave out what cannot be taken back."""
        body = {"verb": "revert", "reason": reason, "partial": partial}
        body |= {} if not confirm_count else {"confirm_count": confirm_count}
        told = self._document(await self._post(path_to("rollouts", rollout, "actions"), body, key))
        return Submitted(str(told["rollout"]), told["kind"] == Kind.ACCEPTED)

    async def terms(self, rollout: str, policy: str | Path, *, sets: Sequence[str] = ()) -> Document:
        """Say in `told` what a changed policy would amend, and in `plan` the digest of the plan as it is."""
        body = _papers(policy, sets)
        plan = (await self.read(rollout, NOT_ROWS))["plan"]
        weighed = await self.weigh("amend", rollout, reason="a look at what differs", bundle=body, plan=plan)
        return {"told": weighed["told"], "plan": plan}

    async def amend(
        self,
        rollout: str,
        policy: str | Path,
        *,
        sets: Sequence[str] = (),
        plan: str,
        reason: str,
        key: str | None = None,
    ) -> Reply:
        """Give a rollout the timing, health and caps of a changed policy; `plan` is the one that was looked at."""
        body = _papers(policy, sets)
        return await self.tell("amend", rollout, reason=reason, key=key, bundle=body, plan=plan)

    async def freeze(
        self, *, on: bool, reason: str, domains: bool = False, for_s: float | None = None, key: str | None = None
    ) -> Reply:
        """Begin no service of any rollout, or lift that."""
        own = key or uuid.uuid4().hex
        body = {"on": on, "reason": reason, "domains": domains, "for_s": for_s, "key": own}
        return self._read(await self._post("/v1/freeze", body, own), Reply)

    async def notices(self, rollout: str | None = None, *, delivery: str | None = None) -> list[Document]:
        """Give what people were told; `delivery` is given_up, waits or sent."""
        query = {"rollout": rollout, "delivery": delivery}
        known = {name: value for name, value in query.items() if value is not None}
        return [each async for each in self._pages("/v1/notices", known)]

    async def send_again(self, rollout: str | None = None, *, reason: str, key: str | None = None) -> int:
        """Have sent again what nobody took, of one rollout or of all; gives how many notices that are."""
        body = {"reason": reason} | ({} if rollout is None else {"rollout": rollout})
        return int(self._document(await self._post("/v1/notices", body, key))["count"])

    async def ui_link(self) -> str:
        """Give a link to the dashboard that lets one browser in, once, within a minute."""
        answer = self._document(await self._post("/v1/tickets", {"for": "ui"}, None))
        return f"{self.url}/ui/#ticket={quote(str(answer['ticket']), safe='')}"

    # --- live ---

    async def watch(
        self, rollout: str | None = None, *, after: int | None = None, endurance: Endurance | None = None
    ) -> AsyncGenerator[Event, None]:
        """Give what happens from now on (or after a position), without end, over every break of the connection.

        Close it by `contextlib.aclosing`.
        """
        query = {} if rollout is None else {"rollout": rollout}
        async with contextlib.aclosing(follow(self._wire, query=query, after=after, endurance=endurance)) as messages:
            async for message in messages:
                yield self._event(message)

    async def wait(self, rollout: str, *, until: str = FINISHED, timeout_s: float | None = None) -> Result:
        """Wait until a rollout is `finished`, waits for an `approval`, or is through `wave:NAME`.

        The code of the result is that of `rollout run`; 5 = `timeout_s` is over and it runs on. Whoever stops waiting
        changes nothing.
        """
        return await wait_for(self, rollout, until, timeout_s)

    # --- how ---

    async def _post(self, path: str, body: Document, key: str | None, query: Mapping[str, str] | None = None) -> Answer:
        own = key or uuid.uuid4().hex
        return await self._wire.ask(Call("POST", path, query or {}, msgspec.json.encode(body), own))

    async def _pages(self, path: str, query: Mapping[str, str]) -> AsyncIterator[Document]:
        cursor: dict[str, str] = {}
        while True:
            page = await self.get(path, {"limit": str(PAGE)} | dict(query) | cursor)
            for each in page["items"]:
                yield each
            if not page.get("next"):
                return
            cursor = {"cursor": str(page["next"])}

    def _event(self, message: Message) -> Event:
        document = self._decoded(message.data.encode(), Document)
        position = message.id if message.id.isdigit() else str(document.get("position", 0))
        return Event(message.event, int(position), document)

    def _document(self, answer: Answer) -> Document:
        return self._decoded(answer.body, Document)

    def _read(self, answer: Answer, kind: type[T]) -> T:
        return self._decoded(answer.body, kind)

    def _decoded(self, text: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(text, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            message = f"what {self.url} says is no answer of a rollout daemon of this version: {error}"
            raise EndpointUnreachable(message) from error


def _papers(policy: str | Path, sets: Sequence[str]) -> Document:
    from rollout.remote.papers import read_papers  # only who submits needs the policy's whole grammar

    return read_papers(policy, sets)
