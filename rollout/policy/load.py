"""Loading: policy, defaults, `--set`, fleet and every file they name become one bundle, or all problems at once."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from rollout.errors import PolicyError, Problem
from rollout.policy.bundle import Bundle, Source, digest_of
from rollout.policy.files import FileFault, beneath
from rollout.policy.merge import apply_set, laid_over
from rollout.policy.model.fleet import Fleet
from rollout.policy.model.policy import Policy
from rollout.policy.problems import in_order, read_model
from rollout.policy.rules import Fault, advice, fleet_faults, policy_faults, selection_faults
from rollout.policy.service_files import FilesReader
from rollout.policy.shelf import DISK, Sent, Shelf
from rollout.policy.tree import Fields, Place, Text, Value, find, shown
from rollout.policy.yaml import FLEET_BYTES_MAX, POLICY_BYTES_MAX, read_yaml


def load_policy(path: str | Path, *, sets: Sequence[str] = (), root: str | Path | None = None) -> Bundle:
    """Read a policy and everything it names; raises PolicyError with all problems, or UsageError for a bad `--set`.

    `sets` are `path=value` overrides. Every file named in a document lies at or below `root`, which is the folder
    of the policy file unless given.
    """
    file = Path(path)
    return _Loading(file, file.parent if root is None else Path(root)).bundle(sets)


def load_sent(name: str, files: Mapping[str, bytes], *, sets: Sequence[str] = ()) -> Bundle:
    """Read a policy that somebody sent, `files[name]`, and what it names among `files`, by relative names.

    Raises PolicyError with all problems, or UsageError for a bad `--set`. Nothing on a disk is looked at.
    """
    return _Loading(Path(name), Path(), Sent(files)).bundle(sets)


class Checked(NamedTuple):
    """A document that is right: what it is, and what is unwise all the same."""

    kind: Literal["policy", "fleet", "shared defaults"]
    advice: list[Problem]


def check_document(path: str | Path) -> Checked:
    """Validate one file, told apart by content; raises PolicyError."""
    file = Path(path)
    loading = _Loading(file, file.parent)
    tree = loading.read_first(FLEET_BYTES_MAX)
    if isinstance(tree, Fields) and "services" in tree:
        loading.raise_if(_fleet_of(tree)[1])
        return Checked("fleet", [])
    if isinstance(tree, Fields) and not {"rollout", "change", "fleet"} & tree.keys():
        _, problems = read_model(Policy, tree)
        absent = {f"needs the field `{name}`" for name in ("rollout", "change", "fleet")}
        loading.raise_if(problem for problem in problems if problem.path or problem.message not in absent)
        return Checked("shared defaults", [])
    bundle = load_policy(file)
    return Checked("policy", [bundle.problem(loc, message) for loc, message in advice(bundle.policy)])


class _Loading:
    """One load under way: what has been read, and from where."""

    def __init__(self, file: Path, root: Path, shelf: Shelf = DISK) -> None:
        self.file = file
        self.root = root
        self.shelf = shelf
        self.sources: list[Source] = []
        self.problems: list[Problem] = []

    def bundle(self, sets: Sequence[str]) -> Bundle:
        tree = self._overridden(self._extended(self.read_first(POLICY_BYTES_MAX)), sets)
        policy, problems = read_model(Policy, tree)
        self.problems += problems
        fleet_tree = self._fleet_tree(tree)
        fleet: Fleet | None = None
        if fleet_tree is not None:
            fleet, problems = _fleet_of(fleet_tree)
            self.problems += problems
        elif policy is not None and isinstance(policy.fleet, Fleet):
            fleet = policy.fleet
            faults = (((("fleet", *loc)), message) for loc, message in fleet_faults(fleet))
            self.problems += _told(tree, faults)
        if policy is not None:
            self.problems += _told(tree, policy_faults(policy))
            self.problems += _told(tree, selection_faults(policy, fleet)) if fleet else []
        if policy is None or fleet is None or self.problems:
            raise PolicyError(in_order(self.problems))
        reader = FilesReader(policy, fleet, tree, self.root, folder_of=self.folder_of, shelf=self.shelf)
        services = reader.all_services()
        self.raise_if(reader.problems)
        return Bundle(policy, fleet, services, tuple(self.sources), tree, fleet_tree)

    def read_first(self, limit: int) -> Value:
        """Read the file a person named."""
        try:
            data = self.shelf.named(self.file, limit)
        except FileFault as fault:
            raise PolicyError([Place(str(self.file)).problem(str(fault))]) from None
        tree = read_yaml(data, str(self.file), limit=limit)
        self.sources.append(Source("policy", str(self.file), data, digest_of(data)))
        return tree

    def folder_of(self, place: Place) -> Path:
        """Give the folder from which a reference at `place` starts; a `--set` starts at the policy's."""
        named = next((source.file for source in self.sources if source.file == place.file), self.file)
        return Path(named).parent

    def raise_if(self, problems: Iterable[Problem]) -> None:
        if found := in_order(problems):
            raise PolicyError(found)

    def _extended(self, tree: Value) -> Value:
        reference = tree.get("extends") if isinstance(tree, Fields) else None
        if not isinstance(reference, Text) or not reference:
            return tree
        base = self._read_reference(reference, "extends", POLICY_BYTES_MAX)
        if base is None:
            return tree
        if not isinstance(base, Fields):
            self.problems.append(base.place.problem("must be a mapping of fields"))
            return tree
        if "extends" in base:
            message = "only one level: a file that is extended cannot extend another"
            self.problems.append(base.keys_at["extends"].problem(message, ("extends",)))
        return laid_over(base, tree)

    def _overridden(self, tree: Value, sets: Sequence[str]) -> Value:
        for argument in sets:
            try:
                apply_set(tree, argument)
            except PolicyError as error:
                self.problems += error.problems
        return tree

    def _fleet_tree(self, tree: Value) -> Value | None:
        reference = tree.get("fleet") if isinstance(tree, Fields) else None
        if not isinstance(reference, Text) or not reference:
            return None
        return self._read_reference(reference, "fleet", FLEET_BYTES_MAX)

    def _read_reference(self, reference: Text, role: Literal["extends", "fleet"], limit: int) -> Value | None:
        """Read a document another one names; problems stand at the reference, or inside what was read."""
        try:
            relative = beneath(self.root, self.folder_of(reference.place), reference)
            data = self.shelf.beneath(self.root, relative, limit)
        except FileFault as fault:
            self.problems.append(reference.place.problem(f"{shown(reference)} {fault}", (role,)))
            return None
        file = os.path.normpath(self.root / relative)
        try:
            tree = read_yaml(data, file, limit=limit)
        except PolicyError as error:
            self.problems += error.problems
            return None
        self.sources.append(Source(role, file, data, digest_of(data)))
        return tree


def _fleet_of(tree: Value) -> tuple[Fleet | None, list[Problem]]:
    fleet, problems = read_model(Fleet, tree)
    return fleet, problems if fleet is None else _told(tree, fleet_faults(fleet))


def _told(tree: Value, faults: Iterable[Fault]) -> list[Problem]:
    """Put each fault at its place."""
    told = []
    for loc, message in faults:
        place, written = find(tree, loc)
        told.append(place.problem(message, written))
    return told
