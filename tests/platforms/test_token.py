"""Bearer tokens: from a file or a command, kept until they are refused; a command is held to its limits."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rollout.platforms.classic.access import NoAccess
from rollout.platforms.classic.credentials import Bearer, open_credentials
from rollout.settings.model import Access, Token

TOKEN = "canary.token-1"  # noqa: S105 - made for this test


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def change() -> Callable[[Path, bytes], None]:
    def write(file: Path, data: bytes) -> None:
        file.write_bytes(data)

    return write


def bearer(*, timeout: str = "10s", file: Path | None = None, script: str | None = None) -> Bearer:
    command = (sys.executable, "-c", script) if script else None
    token = Token.model_validate({"file": file, "command": command, "timeout": timeout})
    credentials = open_credentials(Access(token=token))
    assert isinstance(credentials, Bearer)
    return credentials


async def refusal(credentials: Bearer) -> str:
    with pytest.raises(NoAccess) as caught:
        await credentials.authorization()
    assert "canary" not in str(caught.value)
    return str(caught.value)


async def test_a_token_is_kept_until_it_is_refused_and_then_read_again(
    kept: Path, change: Callable[[Path, bytes], None]
) -> None:
    credentials = bearer(file=kept)
    assert await credentials.authorization() == f"Bearer {TOKEN}"
    change(kept, b"canary.token-2")
    assert await credentials.authorization() == f"Bearer {TOKEN}"
    assert await credentials.refresh() is True
    assert await credentials.authorization() == "Bearer canary.token-2"
    assert await credentials.refresh() is False
    context = credentials.ssl_context()
    assert context is not None
    assert context.check_hostname


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b" \n", "gives no token"),
        ("canaryé".encode(), "not plain ASCII"),
        (b"canary\r\nX-Evil: 1", "one word is expected"),
        (b"Bearer canary", "one word is expected"),
        (b"canary" * 4_000, "more than 16384 characters"),
    ],
)
async def test_what_is_no_token_is_refused_and_not_quoted(
    data: bytes, said: str, kept: Path, change: Callable[[Path, bytes], None]
) -> None:
    change(kept, data)
    assert said in await refusal(bearer(file=kept))


def test_a_token_file_that_others_can_open_is_refused(kept: Path) -> None:
    kept.chmod(0o644)
    assert "is open to other users" in asyncio.run(refusal(bearer(file=kept)))


async def test_a_command_prints_the_token() -> None:
    credentials = bearer(script=f"import sys; print('{TOKEN}'); print('a word of warning', file=sys.stderr)")
    assert await credentials.authorization() == f"Bearer {TOKEN}"


def test_no_shell_reads_the_words_of_a_command(tmp_path: Path) -> None:
    token = Token(command=("/bin/echo", f"$(touch${{IFS}}{tmp_path}/made)"))
    credentials = open_credentials(Access(token=token))
    assert asyncio.run(credentials.authorization()) == f"Bearer $(touch${{IFS}}{tmp_path}/made)"
    assert list(tmp_path.iterdir()) == []


async def test_a_command_that_fails_is_named_and_what_it_complains_of_is_not_repeated() -> None:
    said = await refusal(bearer(script="import sys; sys.exit('this is not good: canary')"))
    assert said.endswith("ended with code 1: run it by hand to see what it complains of")


async def test_a_command_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    token = Token(command=(str(tmp_path / "none"),))
    credentials = open_credentials(Access(token=token))
    assert isinstance(credentials, Bearer)
    assert f"{tmp_path}/none cannot be started: No such file" in await refusal(credentials)


async def test_a_command_that_talks_without_end_is_cut_off() -> None:
    said = await refusal(bearer(script="print('canary' * 100_000)"))
    assert "says more than 32 KiB" in said


async def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    child = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    script = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"subprocess.run([sys.executable, '-c', {child!r}])"
    )
    assert "was not done after 0.5 s" in await refusal(bearer(script=script, timeout="500ms"))
    written = tmp_path / "pid"
    if written.exists():
        for _ in range(200):
            if not _alive(int(written.read_text())):
                break
            await asyncio.sleep(0.01)
        assert not _alive(int(written.read_text()))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    return state != "Z"
