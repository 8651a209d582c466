"""Each measurement has a process of its own, on the client's core; how it ended is told apart."""

import os
import signal
import sys
from pathlib import Path

import pytest

from bench import child
from bench.child import ChildFailed, Killed, measured
from bench.cores import Cores
from bench.skipped import Skipped
from bench.usage import cpu_s, peak_rss_bytes, process_cpu_s, rss_bytes

MODULE = """
import math, os, signal
from bench.skipped import Skipped
def measure(order):
    if order == {"how": "skip"}:
        raise Skipped("it is not installed")
    if order == {"how": "fail"}:
        raise ValueError("a mistake")
    if order == {"how": "kill"}:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"core": float(min(os.sched_getaffinity(0))), "unknown": math.nan, **order}
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "told_to.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(child.ROOT)]))
    return "told_to"


def test_a_reading_comes_back_from_the_clients_core_without_what_is_no_number(module: str, two_cores: Cores) -> None:
    assert measured(two_cores, module, {"given": 1.5}) == {"core": float(two_cores.client), "given": 1.5}


def test_a_skip_comes_back_as_a_skip_with_its_reason(module: str, two_cores: Cores) -> None:
    with pytest.raises(Skipped, match="it is not installed"):
        measured(two_cores, module, {"how": "skip"})


def test_a_mistake_comes_back_with_what_was_said(module: str, two_cores: Cores) -> None:
    with pytest.raises(ChildFailed, match="ValueError: a mistake"):
        measured(two_cores, module, {"how": "fail"})


def test_a_death_by_a_signal_is_told_apart(module: str, two_cores: Cores) -> None:
    with pytest.raises(Killed) as death:
        measured(two_cores, module, {"how": "kill"})
    assert death.value.signal == signal.SIGKILL


def test_commands_are_pinned_to_the_core_they_are_for() -> None:
    cores = Cores(client=3, server=5)
    assert not cores.shared
    assert cores.on_client(["wrk", "-t1"]) == [sys.executable, "-m", "bench.pinned", "3", "wrk", "-t1"]
    assert cores.on_server(["wrk"])[3] == "5"


def test_a_process_knows_what_it_has_used() -> None:
    assert 0 < rss_bytes() < 1.1 * peak_rss_bytes()  # the kernel keeps the former in rough steps
    assert process_cpu_s(os.getpid()) == pytest.approx(cpu_s(), abs=0.5)
