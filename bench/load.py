"""Starts the load server: server.c built with `cc`, or its twin in Python, in its own process on its own core."""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from bench.cores import Cores
from bench.skipped import Skipped

_SOURCE: Final = Path(__file__).with_name("server.c")
BUILT: Final = Path(__file__).with_name("build")
"""Ignored by git; a changed source gets another name."""
_OPTIONS: Final = ("-O2", "-std=gnu11")
_TLS_OPTIONS: Final = ("-DWITH_TLS", "-lssl", "-lcrypto")
BUILD_S_MAX: Final = 120.0
END_S_MAX: Final = 10.0
ASK_S_MAX: Final = 30.0


class Knobs(msgspec.Struct, frozen=True):
    """What the server does besides answering. Shares are of all requests."""

    delay_ms: float = 0.0
    lag_ms: float = 0.0
    """How late the listing hears of an ending."""
    page: int = 100
    depth: int = 64
    """The pipelining it says it takes; 0 = it says nothing."""
    refuse: float = 0.0
    cut: float = 0.0
    reset: float = 0.0
    redirect: float = 0.0

    def words(self) -> list[str]:
        """Spell them as options."""
        fields = msgspec.structs.asdict(self)
        return [word for name, value in fields.items() for word in (f"--{name.replace('_', '-')}", f"{value:g}")]


CALM: Final = Knobs()


class Certificates(msgspec.Struct, frozen=True):
    """PEM files of a throw-away authority; server and client show a certificate each, with its key in the same file."""

    authority: str
    server: str
    client: str

    def client_context(self) -> ssl.SSLContext:
        """Make the context of a client that checks the server and shows its own certificate."""
        context = ssl.create_default_context(cafile=self.authority)
        context.load_cert_chain(self.client)
        return context


class Statistics(msgspec.Struct, frozen=True):
    """What the server has counted so far; `cpu_s` is its own."""

    requests: int
    running: int
    ended: int
    pages: int
    listed: int
    refused: int
    cut: int
    reset: int
    redirected: int
    strange: int
    connections: int
    cpu_s: float


class LoadServer:
    """A running load server. `made_of` is C or Python."""

    def __init__(self, port: int, made_of: str, certificates: Certificates | None) -> None:
        self.port = port
        self.made_of = made_of
        self.certificates = certificates
        self._context = None if certificates is None else certificates.client_context()

    @property
    def url(self) -> str:
        """Give the endpoint, by the name that its certificate has."""
        return f"https://localhost:{self.port}" if self.certificates else f"http://127.0.0.1:{self.port}"

    def statistics(self) -> Statistics:
        """Ask for its counts."""
        address = f"{self.url}/_load/statistics"
        with urllib.request.urlopen(address, timeout=ASK_S_MAX, context=self._context) as answer:  # noqa: S310 - our own
            return msgspec.json.decode(answer.read(), type=Statistics)


@contextlib.contextmanager
def load_server(
    cores: Cores,
    knobs: Knobs = CALM,
    *,
    certificates: Certificates | None = None,
    port: int = 0,
    native: bool = True,
) -> Iterator[LoadServer]:
    """Serve for the time of a block; without `native`, or without a compiler, by the twin."""
    program = built(tls=certificates is not None) if native else None
    command = [sys.executable, "-m", "bench.twin"] if program is None else [str(program)]
    command += ["--port", str(port), *knobs.words()]
    if certificates is not None:
        command += ["--certificate", certificates.server, "--client-ca", certificates.authority]
    with subprocess.Popen(cores.on_server(command), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            said = process.stdout.readline() if process.stdout else ""
            if not said.startswith("listening on "):
                raise RuntimeError(f"the load server did not start: {' '.join(command)} said {said!r}")
            yield LoadServer(int(said.split()[-1]), "Python" if program is None else "C", certificates)
        finally:
            process.terminate()
            process.wait(END_S_MAX)


def built(*, tls: bool) -> Path | None:
    """Build server.c unless that has been done; None where there is no compiler, or no OpenSSL for TLS."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    name = f"server-{hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]}{'-tls' if tls else ''}"
    target = BUILT / name
    if target.exists():
        return target
    BUILT.mkdir(exist_ok=True)
    scratch = BUILT / f"{name}.{os.getpid()}.tmp"
    command = [compiler, *_OPTIONS, "-o", str(scratch), str(_SOURCE), *(_TLS_OPTIONS if tls else ())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False)  # noqa: S603 - our own
    if done.returncode:
        if tls:
            return None
        raise RuntimeError(f"server.c does not compile:\n{done.stderr}")
    scratch.rename(target)
    return target


def certificates_in(folder: Path) -> Certificates:
    """Make a throw-away authority and its certificates. Raises Skipped without trustme."""
    if importlib.util.find_spec("trustme") is None:
        raise Skipped("trustme is not installed: pip install 'rollout-engine[bench]'")
    import trustme

    authority = trustme.CA()
    made = Certificates(*(str(folder / f"{name}.pem") for name in ("authority", "server", "client")))
    authority.cert_pem.write_to_path(made.authority)
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(made.server)
    authority.issue_cert("management.example").private_key_and_cert_chain_pem.write_to_path(made.client)
    return made
