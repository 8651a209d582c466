"""Documents laid over each other: shared defaults from `extends`, and `--set path=value`."""

from typing import Any

from rollout.errors import PolicyError, UsageError
from rollout.policy.fields import descend, suggestion
from rollout.policy.model.policy import Policy
from rollout.policy.tree import Fields, Items, Loc, Place, Text, Value, format_path, parse_path, shown
from rollout.policy.yaml import read_yaml


def laid_over(base: Value, own: Value) -> Value:
    """Give `own` with the fields of `base` it does not set; mappings merge, lists and texts are replaced."""
    if not isinstance(base, Fields) or not isinstance(own, Fields):
        return own
    merged = Fields(own.place)
    for source in (base, own):
        for key, value in source.items():
            merged.put(key, source.keys_at[key], laid_over(merged[key], value) if key in merged else value)
    return merged


def apply_set(tree: Value, argument: str) -> None:
    """Override one existing field in the tree; raises PolicyError naming the `--set`, or UsageError."""
    path, equals, text = argument.partition("=")
    if not equals:
        raise UsageError(f"--set {shown(argument)} has no `=`; write it like `--set health.stable_duration=1m`")
    place = Place(f"--set {path[:80]}")
    try:
        loc = parse_path(path.strip())
    except ValueError as error:
        raise UsageError(f"--set: {error}") from None
    if loc == ("extends",):
        raise PolicyError(
            [place.problem("cannot be set: defaults are laid under the policy before `--set` is applied")]
        )
    value = _value(text, place)
    target: Value = tree
    wanted: Any = Policy
    for depth, step in enumerate(loc):
        wanted = descend(wanted, step)
        if wanted is None:
            raise PolicyError([place.problem(f"unknown field{suggestion(Policy, loc[: depth + 1])}", loc[: depth + 1])])
        target = _step(target, loc, depth, value, place)


def _step(target: Value, loc: Loc, depth: int, value: Value, place: Place) -> Value:
    """Go one step down, or set the value at the last one; mappings on the way are made."""
    step, last = loc[depth], depth == len(loc) - 1
    if isinstance(target, Fields) and isinstance(step, str):
        if last:
            target.put(step, place, value)
        elif step not in target:
            target.put(step, place, Fields(place))
        return target[step]
    if isinstance(target, Items) and isinstance(step, int) and step < len(target):
        if last:
            target[step] = value
        return target[step]
    there = format_path(loc[:depth]) or "the policy"
    if isinstance(target, Items) and isinstance(step, int):
        message = f"`{there}` has no item {step}; it has {len(target)}"
    elif isinstance(step, int):
        message = f"`{there}` is no list in this policy"
    else:
        message = f"`{there}` is written in its short form; set it as a whole"
    raise PolicyError([place.problem(message, loc)])


def _value(text: str, place: Place) -> Value:
    """Read the value: a plain text, or a list or mapping in brackets."""
    if text.startswith(("[", "{")) and not text.startswith(("{service}", "{slot}", "{rollout}", "{tag.")):
        try:
            return _moved(read_yaml(text.encode("utf-8", "surrogatepass"), place.file), place)
        except PolicyError as error:
            raise PolicyError([place.problem(problem.message) for problem in error.problems]) from None
    return Text(text, place)


def _moved(value: Value, place: Place) -> Value:
    """Give the value with one place for all of it: a line and column of an argument help nobody."""
    if isinstance(value, Text):
        return Text(value, place, quoted=value.quoted)
    if isinstance(value, Items):
        items = Items(place)
        items.extend(_moved(item, place) for item in value)
        return items
    fields = Fields(place)
    for key, item in value.items():
        fields.put(key, place, _moved(item, place))
    return fields
