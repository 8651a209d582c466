"""Places in a TOML text: tables and keys by their lines, insides of values by their key."""

import pytest

from rollout.settings.places import Path, Spot, dotted, find_places, place_of

TEXT = '''\
state = "x"  # a comment with """
[ limits ]
  reads = { start = 1 }
"quoted key" = 3
note = """
fake = 1
[not.a.table]
"""
real = 2
a.b = 1
[subscriptions."ABCD"]
endpoint = "public"
'''


@pytest.mark.parametrize(
    ("path", "spot"),
    [
        (("state",), Spot(1, 1)),
        (("limits",), Spot(2, 3)),
        (("limits", "reads", "start"), Spot(3, 3)),
        (("limits", "quoted key"), Spot(4, 1)),
        (("limits", "real"), Spot(9, 1)),
        (("limits", "fake"), Spot(2, 3)),
        (("limits", "a", "b"), Spot(10, 1)),
        (("subscriptions", "abcd", "endpoint"), Spot(12, 1)),
        (("subscriptions", "abcd", "token"), Spot(11, 2)),
        (("nowhere",), Spot(0, 0)),
        (("not", "a"), Spot(0, 0)),
    ],
)
def test_a_path_is_found_where_it_is_written_or_where_it_would_be(path: Path, spot: Spot) -> None:
    assert place_of(path, find_places(TEXT)) == spot


def test_a_path_is_written_as_toml_writes_it() -> None:
    assert dotted(("allow", "hosts", 2)) == "allow.hosts[2]"
    assert dotted(("endpoints", "my lab", "url")) == 'endpoints."my lab".url'
