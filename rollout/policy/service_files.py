"""What every service gets: label, package and configuration with placeholders filled in, files read and hashed."""

from collections.abc import Callable
from pathlib import Path

from rollout.errors import Problem
from rollout.policy.bundle import ServiceFiles, digest_of, values_of
from rollout.policy.cscfg import Configuration, roles_of
from rollout.policy.files import CONFIGURATION_BYTES_MAX, FileFault, beneath
from rollout.policy.model.change import LABEL_MAX
from rollout.policy.model.fleet import Fleet
from rollout.policy.model.policy import Policy
from rollout.policy.model.scalars import LINE_MAX
from rollout.policy.placeholders import expand, used
from rollout.policy.rules import all_checks
from rollout.policy.shelf import DISK, Shelf
from rollout.policy.tree import Loc, Place, Value, find, shown

ALL_CONFIGURATIONS_BYTES_MAX = 256 * 1024 * 1024
"""All distinct configuration files of one policy together; they are kept in memory and stored as blobs."""


class FilesReader:
    """Reads the files of a policy that is right in itself; collects `problems` at the fields that name them."""

    def __init__(
        self,
        policy: Policy,
        fleet: Fleet,
        tree: Value,
        root: Path,
        *,
        folder_of: Callable[[Place], Path],
        shelf: Shelf = DISK,
    ) -> None:
        self.policy = policy
        self.fleet = fleet
        self.tree = tree
        self.root = root
        self.folder_of = folder_of
        self.shelf = shelf
        self.problems = list[Problem]()
        self._read: dict[Path, Configuration] = {}
        self._bytes_read = 0

    def all_services(self) -> tuple[ServiceFiles, ...]:
        """Give the files of every service in rollout order."""
        self._tags_of_checks()
        return tuple(self._service(name) for name in self.fleet.services)

    def _tags_of_checks(self) -> None:
        """Find the services that lack a tag which a check asks for; the first one is named."""
        for loc, check in all_checks(self.policy):
            for tag in sorted(name for name in frozenset[str]().union(*map(used, check.words)) if "." in name):
                key = tag.removeprefix("tag.")
                lacking = [name for name, service in self.fleet.services.items() if key not in service.tags]
                if lacking:
                    more = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
                    self._wrong(loc, f"service `{lacking[0]}`{more} has no tag `{key}`, which `{{{tag}}}` asks for")

    def _service(self, name: str) -> ServiceFiles:
        upgrade, configure, rollback = self.policy.change.upgrade, self.policy.change.configure, self.policy.rollback
        label = upgrade.label if upgrade and upgrade.label else self.policy.rollout
        configuration = upgrade.configuration if upgrade else configure.configuration if configure else None
        change = ("change", "upgrade" if upgrade else "configure")
        files = ServiceFiles(
            service=name,
            label=self._label(name, label),
            package=self._reference(name, upgrade.package if upgrade else None, (*change, "package")),
            configuration=self._configuration(name, configuration, (*change, "configuration")),
            rollback_package=self._reference(name, rollback.package, ("rollback", "package")),
            rollback_configuration=self._configuration(name, rollback.configuration, ("rollback", "configuration")),
            capture_container=self._reference(name, rollback.capture_container, ("rollback", "capture_container")),
        )
        if upgrade and upgrade.role and files.configuration and upgrade.role not in files.configuration.roles:
            known = ", ".join(files.configuration.roles)
            self._wrong((*change, "role"), f"`{files.configuration.file}` has no such role; it has {known}")
        return files

    def _label(self, name: str, template: str) -> str:
        loc: Loc = ("change", "upgrade", "label")
        label = self._expanded(name, template, loc) or ""
        if len(label) > LABEL_MAX:
            self._wrong(loc, f"{shown(label)} has {len(label)} characters; the limit is {LABEL_MAX}")
        return label

    def _reference(self, name: str, template: str | None, loc: Loc) -> str | None:
        url = self._expanded(name, template, loc)
        if url and len(url) > LINE_MAX:  # its form was judged with the template: no value can change that
            self._wrong(loc, f"is longer than {LINE_MAX} characters for service `{name}`")
        return url

    def _configuration(self, name: str, template: str | None, loc: Loc) -> Configuration | None:
        reference = self._expanded(name, template, loc)
        if reference is None:
            return None
        try:
            return self._file(reference, loc)
        except ValueError as error:
            whose = f" (service `{name}`)" if used(str(template)) else ""
            self._wrong(loc, f"{shown(reference)} {error}{whose}")
            return None

    def _file(self, reference: str, loc: Loc) -> Configuration:
        relative = beneath(self.root, self.folder_of(find(self.tree, loc)[0]), reference)
        if relative not in self._read:
            data = self.shelf.beneath(self.root, relative, CONFIGURATION_BYTES_MAX)
            self._bytes_read += len(data)
            if self._bytes_read > ALL_CONFIGURATIONS_BYTES_MAX:
                raise FileFault(f"is one too many: all together are over {ALL_CONFIGURATIONS_BYTES_MAX >> 20} MiB")
            self._read[relative] = Configuration(relative.as_posix(), data, digest_of(data), roles_of(data))
        return self._read[relative]

    def _expanded(self, name: str, template: str | None, loc: Loc) -> str | None:
        if template is None:
            return None
        try:
            return expand(template, values_of(self.policy, self.fleet, name))
        except ValueError as error:
            self._wrong(loc, f"service `{name}` {error}")
            return None

    def _wrong(self, loc: Loc, message: str) -> None:
        place, written = find(self.tree, loc)
        self.problems.append(place.problem(message, written))
