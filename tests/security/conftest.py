"""An emulator process, and before it an endpoint over TLS that repeats every secret it is shown in its errors."""

import base64
import http.server
import re
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

SERVICES = 12


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    """Give the URL of an emulator of our own."""
    words = ["emulator", "--port", "0", "--services", str(SERVICES), "--domains", "2", "--time-scale", "4000"]
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "rollout.cli.main", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        said = process.stdout.readline()
        try:
            yield said.removeprefix("listening on ").strip()
        finally:
            process.terminate()
            process.communicate(timeout=10)


class Gossip(http.server.ThreadingHTTPServer):
    """Passes questions on to the emulator, and refuses calls by repeating what it was shown, in several disguises."""

    daemon_threads = True

    def __init__(self, emulator: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.emulator = emulator
        self.refuse_questions = False
        self.shown: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of who hangs up."""


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Gossip

    def do_GET(self) -> None:
        self._note(b"")
        if self.server.refuse_questions:
            self._repeat(401, b"")
            return
        headers = {"x-ms-version": self.headers["x-ms-version"]}
        request = urllib.request.Request(self.server.emulator + self.path, headers=headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                self._send(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                self._send(error.code, error.read())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._note(body)
        self._repeat(400, body)

    def _note(self, body: bytes) -> None:
        self.server.shown += [self.headers["Authorization"] or "", body.decode()]

    def _repeat(self, status: int, body: bytes) -> None:
        shown = self.headers["Authorization"] or ""
        token = shown.removeprefix("Bearer ")
        package = re.findall(r"<PackageUrl>(.*?)</PackageUrl>", body.decode())
        disguises = [token, base64.b64encode(token.encode()).decode(), urllib.parse.quote(token, safe=""), shown]
        message = f"You sent {' and '.join([*disguises, *package])}."
        code = "AuthenticationFailed" if status == 401 else "BadRequest"
        error = f"<Code>{code}</Code><Message>{message}</Message>"
        self._send(status, f'<Error xmlns="http://schemas.microsoft.com/windowsazure">{error}</Error>'.encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-ms-request-id", "0f8fad5bd9cb469fa16570867728950e")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def gossip(emulator: str, tmp_path: Path) -> Iterator[tuple[Gossip, str, Path]]:
    """Give the gossiping endpoint, its https URL and the authority that vouches for it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    server = Gossip(emulator)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server, f"https://localhost:{server.server_address[1]}", ca
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture(scope="session")
def services() -> Callable[[], str]:
    """Give a service that no other test has."""
    numbers = iter(range(1, SERVICES + 1))
    return lambda: f"svc-{next(numbers):04}"
