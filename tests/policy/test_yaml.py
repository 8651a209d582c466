from collections.abc import Callable
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rollout.errors import PolicyError
from rollout.policy.tree import Fields, Items, Text, find
from rollout.policy.yaml import FLEET_BYTES_MAX, POLICY_BYTES_MAX, read_yaml

Reading = Callable[[bytes], list[str]]
LOADERS = [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)]
BOMB = b"""\
a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
d: [*c, *c, *c, *c, *c, *c, *c, *c, *c]
"""


def test_y1_an_alias_bomb_is_refused_at_its_first_anchor(reading: Reading) -> None:
    problems = reading(BOMB)
    assert problems[0] == "p.yaml:1:4: an anchor is not allowed; write the value out where it is needed"
    assert "p.yaml:2:8: the alias `*a` is not allowed; write the value out" in problems
    assert len(problems) == 3 + 27


@pytest.mark.parametrize(
    ("text", "place"),
    [(b"a: &x 1", "1:4"), (b"a: *x", "1:4"), (b"&x a: 1", "1:1"), (b"*x : 1", "1:1"), (b"a: [&x {b: 1}]", "1:5")],
)
def test_y2_any_anchor_or_alias_is_refused_at_its_place(reading: Reading, text: bytes, place: str) -> None:
    assert any(words in reading(text)[0] for words in (f"p.yaml:{place}: an anchor", f"p.yaml:{place}: the alias `*x`"))


@pytest.mark.parametrize("tag", [b"!!python/object:os.system", b"!!str", b"!own", b"!", b"!!binary"])
def test_y3_any_tag_is_refused(reading: Reading, tag: bytes) -> None:
    assert reading(b"a: " + tag + b" x") == ["p.yaml:1:4: a tag is not allowed; write a plain value"]


def test_y3_a_tag_directive_is_refused(reading: Reading) -> None:
    assert "%TAG" in reading(b"%TAG ! tag:x,2000:\n---\na: 1")[0]


def test_y4_a_duplicate_key_is_refused_at_its_place(reading: Reading) -> None:
    assert reading(b"a: 1\nb:\n  c: 1\n  c: 2\na: 3") == [
        "p.yaml:4:3: the key `c` is there twice, first in line 3",
        "p.yaml:5:1: the key `a` is there twice, first in line 1",
    ]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("opening", [b"[", b"{a: ", b"- ", b"? "])
def test_y5_twenty_thousand_levels_are_refused_before_they_are_entered(
    loader: type[yaml.SafeLoader], opening: bytes
) -> None:
    with pytest.raises(PolicyError) as caught:
        read_yaml(opening * 20_000, "p.yaml", loader=loader, limit=FLEET_BYTES_MAX)
    assert "is more than 20 levels deep" in str(caught.value)


def test_y5_twenty_levels_are_read(reading: Reading) -> None:
    assert isinstance(read_yaml(b"[" * 20 + b"]" * 20, "p.yaml"), Items)
    assert reading(b"[" * 21 + b"]" * 21) == ["p.yaml:1:21: is more than 20 levels deep"]


def test_y5_a_reader_that_runs_out_of_stack_is_a_policy_error() -> None:
    class Deep(yaml.SafeLoader):
        def check_event(self, *_choices: object) -> bool:
            raise RecursionError

    with pytest.raises(PolicyError, match="is not YAML: RecursionError"):
        read_yaml(b"a: 1", "p.yaml", loader=Deep)


def test_y6_over_64_kib_is_refused_before_parsing(reading: Reading) -> None:
    comment = b"a: 1\n#" + b"x" * (POLICY_BYTES_MAX - 6)
    assert isinstance(read_yaml(comment, "p.yaml"), Fields)
    assert reading(comment + b"x") == ["p.yaml: is larger than 64 KiB, the limit for this kind of file"]
    assert reading(b"[" * 5_000_000) == ["p.yaml: is larger than 64 KiB, the limit for this kind of file"]


@pytest.mark.parametrize(
    "text", ["no", "off", "on", "yes", "1:30", "12:30", "010", "1.10", "null", "~", "1e3", "0x1F", "2024-01-01"]
)
def test_y7_a_scalar_stays_the_text_that_was_written(text: str) -> None:
    tree = read_yaml(f"a: {text}\nb: '{text}'".encode(), "p.yaml")
    assert isinstance(tree, Fields)
    plain, quoted = tree["a"], tree["b"]
    assert isinstance(plain, Text)
    assert isinstance(quoted, Text)
    assert plain == quoted == text
    assert (plain.quoted, quoted.quoted) == (False, True)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a:\n\tb: 1", "p.yaml:2:1: holds a tab; indent with spaces"),
        (b"\xef\xbb\xbfa: 1", "p.yaml: starts with a byte-order mark; save it as UTF-8 without one"),
        ("a: 1".encode("utf-16"), "p.yaml: is UTF-16; save it as UTF-8 without a byte-order mark"),
        ("a: 1".encode("utf-16-le"), "p.yaml:1:2: holds a NUL byte (is it UTF-16?)"),
        (b"a: b\nc: \0", "p.yaml:2:4: holds a NUL byte (is it UTF-16?)"),
        (b"a: \x1b[31m", "p.yaml:1:4: holds a control character"),
        ("a: b\ufeff".encode(), "p.yaml:1:5: holds a control character"),
        (b"a: 1\nb: \xff", "p.yaml:2:4: is not UTF-8"),
    ],
)
def test_y8_tab_byte_order_mark_and_utf16_are_refused_clearly(reading: Reading, data: bytes, problem: str) -> None:
    assert reading(data) == [problem]


def test_y9_a_second_document_is_refused_at_its_place(reading: Reading) -> None:
    assert reading(b"a: 1\n---\nb: 2") == ["p.yaml:2:1: a second document starts here; one file holds one document"]


def test_y10_an_integer_of_5000_digits_is_only_text_to_the_reader() -> None:
    tree = read_yaml(b"a: " + b"9" * 5000, "p.yaml")
    assert isinstance(tree, Fields)
    assert tree["a"] == "9" * 5000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"<<: {a: 1}", "the merge key `<<` is not allowed"),
        (b"? [a]\n: 1", "a key must be text"),
        (b"'': 1", "a key is empty"),
        (b"a: [1", "is not YAML"),
        (b"a: b: c", "is not YAML"),
        (b'a: "\\uD800"', "p.yaml"),
        (b'a: "\\U00110000"', "p.yaml"),
        (b'a: "\\UFFFFFFFF"', "p.yaml"),
        (b'a: "\\0"', "holds a control character"),
        (b"", "p.yaml: is empty"),
        (b"# nothing\n", "p.yaml: is empty"),
    ],
)
@pytest.mark.parametrize("loader", LOADERS)
def test_what_is_not_allowed_is_refused_by_both_readers(loader: type[yaml.SafeLoader], text: bytes, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_yaml(text, "p.yaml", loader=loader)
    assert words in str(caught.value)


def test_a_quoted_merge_key_is_a_plain_key() -> None:
    assert read_yaml(b'"<<": 1', "p.yaml") == {"<<": "1"}


@pytest.mark.parametrize("loader", LOADERS)
def test_every_key_and_value_knows_its_line_and_column(loader: type[yaml.SafeLoader]) -> None:
    tree = read_yaml(b"a:\n  b:\n  - c: d\n  - 'e'\nn: {\xc3\xa9\xf0\x9f\x8c\x8d: x}\n", "p.yaml", loader=loader)
    seen = {path: find(tree, path)[0] for path in [("a",), ("a", "b"), ("a", "b", 0, "c"), ("a", "b", 1), ("n", "é🌍")]}
    assert {path: (place.line, place.column) for path, place in seen.items()} == {
        ("a",): (1, 1),
        ("a", "b"): (2, 3),
        ("a", "b", 0, "c"): (3, 8),
        ("a", "b", 1): (4, 5),
        ("n", "é🌍"): (5, 9),
    }
    key, _ = find(tree, ("a", "b", 0, "c"), key=True)
    assert (key.line, key.column) == (3, 5)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_tree_or_a_policy_error(data: bytes) -> None:
    for loader in LOADERS:
        with suppress(PolicyError):
            assert read_yaml(data, "p.yaml", loader=loader).place.line


@given(st.text(alphabet="ab:-[]{}&*!|>'\"%#?, \n\\uUx0<~", max_size=60))
def test_any_yaml_like_text_gives_a_tree_or_a_policy_error(text: str) -> None:
    for loader in LOADERS:
        with suppress(PolicyError):
            assert read_yaml(text.encode(), "p.yaml", loader=loader).place.line
