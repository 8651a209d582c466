"""What the bench's tests share: a setting of the smallest size, and one machine to write into reports."""

import pytest

from bench.cores import Cores, cores
from bench.machine import Machine, this_machine
from bench.progress import Steps
from bench.setting import SMOKE, Setting


@pytest.fixture(scope="session")
def two_cores() -> Cores:
    return cores()


@pytest.fixture(scope="session")
def machine(two_cores: Cores) -> Machine:
    return this_machine(two_cores)


@pytest.fixture
def setting(two_cores: Cores) -> Setting:
    return Setting(two_cores, SMOKE, Steps(None))
