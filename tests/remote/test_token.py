from pathlib import Path

import pytest

from rollout.errors import Forbidden, UsageError
from rollout.remote.address import address_of
from rollout.remote.token import find_token

HERE = address_of("http://127.0.0.1:8642")
FAR = address_of("https://rollout.example")
TOKENS = {"file": "token-of-the-file", "variable": "token-of-the-variable", "state": "token-of-the-state"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    write(tmp_path / "admin-token", TOKENS["state"])
    return tmp_path


def write(file: Path, text: str, mode: int = 0o600) -> Path:
    file.write_text(f"{text}\n", encoding="utf-8")
    file.chmod(mode)
    return file


def test_a_file_comes_before_the_environment_and_that_before_the_state_directory(state: Path, tmp_path: Path) -> None:
    file, environ = write(tmp_path / "mine", TOKENS["file"]), {"ROLLOUT_TOKEN": TOKENS["variable"]}
    assert find_token(HERE, file, environ, state).reveal() == TOKENS["file"]
    assert find_token(HERE, None, environ, state).reveal() == TOKENS["variable"]
    assert find_token(HERE, None, {}, state).reveal() == TOKENS["state"]


def test_the_state_directorys_token_is_shown_on_this_machine_only(state: Path) -> None:
    with pytest.raises(Forbidden, match="there is no token: set ROLLOUT_TOKEN"):
        find_token(FAR, None, {}, state)


def test_without_any_token_it_is_said_where_one_comes_from(tmp_path: Path) -> None:
    with pytest.raises(Forbidden, match=r"admin-token is not there.*rollout token create"):
        find_token(HERE, None, {"ROLLOUT_TOKEN": ""}, tmp_path)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "mine", TOKENS["file"], 0o640)
    with pytest.raises(UsageError, match=r"open to other users .mode 0640."):
        find_token(HERE, file, {}, tmp_path)


@pytest.mark.parametrize("text", ["", "short", "two words in it", "naïve-token-text", "x" * 2_000])
def test_what_is_no_token_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="holds no token") as raised:
        find_token(HERE, write(tmp_path / "mine", text), {}, tmp_path)
    assert not text or text not in str(raised.value)


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="token file"):
        find_token(HERE, tmp_path / name, {}, tmp_path)
