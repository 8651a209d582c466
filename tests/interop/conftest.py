"""Microsoft's own Python client, and the emulator it meets: a process of its own, over http or mutual TLS."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from azure.servicemanagement import ServiceManagementService  # type: ignore[import-untyped] # it ships no types

ROLLOUT = str(Path(sys.executable).with_name("rollout"))
SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
OPERATION_SECONDS_MAX = 20.0
SERVICES = 24
DOMAINS = 3


@dataclass
class Client:
    """The client with a cloud service to itself, and waits without its own sleeps of five seconds."""

    service: Any
    name: str = "svc-0001"

    @property
    def production(self) -> str:
        return f"{self.name}-production"

    @property
    def staging(self) -> str:
        return f"{self.name}-staging"

    def wait(self, accepted: Any) -> str:
        """Poll an operation until it has ended and give its status."""
        until = time.monotonic() + OPERATION_SECONDS_MAX
        while time.monotonic() < until:
            operation = self.service.get_operation_status(accepted.request_id)
            if operation.status != "InProgress":
                return str(operation.status)
            time.sleep(0.02)
        raise AssertionError(f"{accepted.request_id} has not ended within {OPERATION_SECONDS_MAX:g} s")

    def settled(self, status: str = "Running") -> Any:
        """Read the production deployment until it has the status and, where it runs, every instance is ready."""
        until = time.monotonic() + OPERATION_SECONDS_MAX
        while time.monotonic() < until:
            found = self.service.get_deployment_by_name(self.name, self.production)
            ready = {each.instance_status for each in found.role_instance_list} == {"ReadyRole"}
            if found.status == status and (ready or status != "Running"):
                return found
            time.sleep(0.02)
        raise AssertionError(f"{self.production} is not {status} within {OPERATION_SECONDS_MAX:g} s")


@contextmanager
def _emulator(*arguments: str) -> Iterator[str]:
    command = [ROLLOUT, "emulator", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603 - our own command
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said.startswith("listening on "), said
            yield said.removeprefix("listening on ").strip()
        finally:
            process.terminate()
            process.wait(timeout=20)


@dataclass(frozen=True)
class Certificates:
    """Files of one authority: for the server, for a client, and for a client of another authority."""

    authority: Path
    server: Path
    client: Path
    foreign_client: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority, other = trustme.CA(), trustme.CA()
    found = Certificates(*(folder / f"{name}.pem" for name in ("authority", "server", "client", "foreign")))
    authority.cert_pem.write_to_path(found.authority)
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(found.server)
    authority.issue_cert("management.example").private_key_and_cert_chain_pem.write_to_path(found.client)
    other.issue_cert("management.example").private_key_and_cert_chain_pem.write_to_path(found.foreign_client)
    return found


@pytest.fixture
def emulator() -> Iterator[Callable[..., str]]:
    """Start emulators with the given arguments; all end with the test."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(_emulator(*arguments))


@pytest.fixture
def connected(certificates: Certificates) -> Iterator[Callable[..., Any]]:
    """Give a function that points Microsoft's client at a URL, with a client certificate of ours or another one."""
    with ExitStack() as stack:

        def connect(url: str, certificate: Path | None = None) -> Any:
            scheme, _, host = url.partition("://")
            session = stack.enter_context(requests.Session())
            session.trust_env = False  # a CA bundle or proxy of the machine is not the emulator's
            session.cert = str(certificate or certificates.client)
            session.verify = str(certificates.authority)
            service = ServiceManagementService(SUBSCRIPTION, host=host, request_session=session)
            # The client speaks https by itself; its http is a setting one floor below.
            service._httpclient.protocol = scheme
            return service

        yield connect


@pytest.fixture(scope="session", params=["http", "https"])
def shared_emulator(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[str]:
    """Serve a fleet once over http and once over mutual TLS; each test takes a service of its own."""
    tls = ("--tls-cert", str(certificates.server), "--client-ca", str(certificates.authority))
    fleet = ("--services", str(SERVICES), "--staging", "--domains", str(DOMAINS), "--time-scale", "3600")
    with _emulator(*fleet, *(tls if request.param == "https" else ())) as url:
        assert url.startswith(f"{request.param}://")
        yield url


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Number the tests, so that no two of one emulator meet in a service."""
    return itertools.count()


@pytest.fixture
def client(shared_emulator: str, connected: Callable[..., Any], numbers: Iterator[int]) -> Client:
    """Connect to the shared emulator, with a cloud service that no other test touches."""
    return Client(connected(shared_emulator), f"svc-{next(numbers) % SERVICES + 1:04}")
