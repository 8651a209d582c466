"""Set the instance counts of a service configuration (.cscfg) to what is running, and change nothing else."""

from collections.abc import Mapping
from typing import Final

from rollout.platforms.classic import xml
from rollout.platforms.classic.vocabulary import CONFIGURATION_NAMESPACE

CONFIGURATION_LIMITS: Final = xml.XmlLimits()


def with_instance_counts(configuration: bytes, counts: Mapping[str, int]) -> bytes:
    """Give `configuration` with `<Role name=…><Instances count=…/>` set for each role in `counts`.

    Roles it names and `counts` does not keep their own count; a role only `counts` names is a role the change removes,
    and the platform judges that. Where every count agrees already, the very same bytes are given back. Raises
    `Unreadable` where the configuration is none, or a role to be set has no Instances element.
    """
    root = xml.parse(
        configuration, {"ServiceConfiguration"}, namespaces={CONFIGURATION_NAMESPACE}, limits=CONFIGURATION_LIMITS
    )
    changed = False
    for role in xml.children(root, "Role"):
        wanted = counts.get(role.get("name", ""))
        if wanted is None:
            continue
        instances = xml.child(role, "Instances")
        if instances is None:
            raise xml.Unreadable(f"role {role.get('name')!r} has no Instances element to set the count of")
        if instances.get("count") != str(wanted):
            instances.set("count", str(wanted))
            changed = True
    return xml.serialise(root) if changed else configuration
