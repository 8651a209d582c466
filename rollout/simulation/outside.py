"""What virtual time does not have: the loop methods that reach the world outside, each with its refusal.

A refusal is deliberately no OSError: a client would take that for a broken connection and try again for ever.
"""

from collections.abc import Callable, Iterator
from typing import Final, NoReturn

from rollout.errors import InvariantBroken


class OutOfReach(InvariantBroken):
    """The program reached for the world outside: network, child process, signal or thread."""


_NETWORK: Final = """
    add_reader add_writer connect_accepted_socket connect_read_pipe connect_write_pipe
    create_datagram_endpoint create_server create_unix_connection create_unix_server getaddrinfo getnameinfo
    remove_reader remove_writer sendfile sock_accept sock_connect sock_recv sock_recv_into sock_recvfrom
    sock_recvfrom_into sock_sendall sock_sendfile sock_sendto start_tls
"""
_CHILDREN: Final = "subprocess_exec subprocess_shell"
_SIGNALS: Final = "add_signal_handler remove_signal_handler"

NO_NETWORK: Final = "the virtual loop has no network; give the code a simulated transport"
_REASONS: Final = {
    _NETWORK: NO_NETWORK,
    _CHILDREN: "the virtual loop has no child processes; give the code a scripted answer",
    _SIGNALS: "the virtual loop hears no signals; call what the signal would have called",
}


def refusals() -> Iterator[tuple[str, Callable[..., NoReturn]]]:
    """Give each method's name and what stands in its place; a loop that does have a network overrides it again."""
    for names, reason in _REASONS.items():
        for name in names.split():
            yield name, _refusal(name, reason)


def _refusal(name: str, reason: str) -> Callable[..., NoReturn]:
    def method(*_: object, **__: object) -> NoReturn:
        refuse(name, reason)

    return method


def refuse(name: str, reason: str) -> NoReturn:
    """Raise for a loop's method that reaches outside."""
    raise OutOfReach(f"loop.{name}(): {reason}")
