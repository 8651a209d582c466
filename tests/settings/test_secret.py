"""A secret shows itself nowhere, by no way of printing or storing it."""

import copy
import json
import pickle

import msgspec
import pytest

from rollout.settings.secret import KNOWN_MAX, Secret, known_values

VALUE = "canary-3f9c"


def test_no_way_of_printing_shows_the_value() -> None:
    secret = Secret(VALUE)
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>20}", f"{secret!r}", "%s" % secret, repr([secret])]  # noqa: UP031 - one way of printing
    assert not any(VALUE in each for each in shown)
    assert str(secret) == "***"
    assert secret.reveal() == VALUE


def test_json_msgspec_and_pickle_refuse_it() -> None:
    secret = Secret(VALUE)
    for store in (json.dumps, msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            store({"token": secret})
        assert VALUE not in str(caught.value)
    assert not hasattr(secret, "__dict__")


def test_secrets_are_equal_by_value_and_only_to_secrets() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("canary-another")
    assert Secret("é") == Secret("é")
    assert Secret(VALUE) != VALUE
    with pytest.raises(TypeError):
        hash(Secret(VALUE))
    assert not Secret("")


def test_its_value_is_remembered_beyond_its_life_but_not_for_ever() -> None:
    before = known_values()
    try:
        Secret("canary-replaced")
        assert "canary-replaced" in known_values()
        for number in range(KNOWN_MAX):
            Secret(f"canary-number-{number}")
            Secret(f"canary-number-{number}")
        assert len(known_values()) == KNOWN_MAX
        assert "canary-replaced" not in known_values()
    finally:
        for value in before:
            Secret(value)
