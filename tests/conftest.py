"""What holds for every test, whatever room it is about."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True, scope="module")
def logs_as_a_library_finds_them() -> Iterator[None]:
    """Leave no log set up by a command line to the next module in this process."""
    yield
    structlog.reset_defaults()
