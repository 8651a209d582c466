"""What is done to every service: upgrade, configure, swap or status, in the words of the Service Management API."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from rollout.policy.model.base import Doc, Kind, ShortForm, Word, wrong
from rollout.policy.model.scalars import Flag, Line, PackageUrl, Seconds, Template, matching

PROPERTIES_MAX = 25
LABEL_MAX = 82
"""The API's 100 characters, less the attempt token ` [ro:12hex]` that tells our change from others."""

MINUTE = 60.0
HOUR = 3600.0

Mode: TypeAlias = Literal["manual", "auto", "simultaneous"]
Counts: TypeAlias = Literal["keep", "file"]
Slot: TypeAlias = Literal["production", "staging"]
PropertyName: TypeAlias = Annotated[
    str,
    Kind("a letter, then letters, digits, underscores; at most 64"),
    BeforeValidator(
        matching(
            r"[A-Za-z][A-Za-z0-9_]{0,63}",
            "a property name: a letter, then letters, digits and underscores, at most 64 characters",
        )
    ),
]
PropertyValue: TypeAlias = Annotated[Line, Field(max_length=255)]
SettingName: TypeAlias = Annotated[
    str, Kind("Role/Name"), BeforeValidator(matching(r"[^/]{1,128}/[^/]{1,255}", "written as Role/Name"))
]
Properties: TypeAlias = dict[PropertyName, PropertyValue]


class Extension(Doc):
    """One extension of a role."""

    id: Line = Field(description="The id the extension was added to the service under.")
    state: Literal["enable", "disable", "uninstall"] = Field(default="enable", description="What becomes of it.")


ExtensionForm: TypeAlias = Annotated[Extension, ShortForm("id", {"type": "string"})]


class Extensions(Doc):
    """The API's ExtensionConfiguration."""

    all_roles: tuple[ExtensionForm, ...] = Field(default=(), description="Extensions of every role.")
    roles: dict[Line, tuple[ExtensionForm, ...]] = Field(
        default_factory=dict, description="Extensions of single roles, by role name."
    )


class Upgrade(Doc):
    """Upgrade Deployment: a new package and configuration, walked domain by domain."""

    slot: Annotated[Slot, Word("Azure: DeploymentSlot")] = Field(
        default="production", description="The slot that is upgraded; unset, the fleet's slot."
    )
    package: Annotated[PackageUrl, Word("Azure: PackageUrl")] = Field(
        description="Where the platform fetches the package: https; http only on a loopback host."
    )
    configuration: Annotated[Template, Word("Azure: Configuration")] = Field(
        description="The .cscfg file, from the folder of the file that names it; read and hashed at submit."
    )
    label: Annotated[Template | None, Word("Azure: Label")] = Field(
        default=None, description=f"Shown on the deployment, at most {LABEL_MAX} characters; unset, the rollout's id."
    )
    role: Annotated[Line | None, Word("Azure: RoleToUpgrade")] = Field(
        default=None, description="Upgrade only this role; unset, all roles."
    )
    force: Annotated[Flag, Word("Azure: Force")] = Field(
        default=False, description="Go on although local data of instances is lost, as the API's Force says."
    )
    mode: Annotated[Mode, Word("Azure: Mode")] = Field(
        default="manual", description="Who walks: rollout (manual) or the platform by itself (auto, simultaneous)."
    )
    properties: Annotated[Properties, Word("Azure: ExtendedProperties")] = Field(
        default_factory=dict, max_length=PROPERTIES_MAX, description="Extended properties set on the deployment."
    )
    extensions: Annotated[Extensions | None, Word("Azure: ExtensionConfiguration")] = Field(
        default=None, description="Extensions of the new deployment; unset, those it has."
    )
    instance_counts: Counts = Field(
        default="keep",
        description="Instance counts of the running deployment are kept, or taken from the configuration file.",
    )


class Configure(Doc):
    """Change Deployment Configuration: a whole configuration, or single settings patched into what is deployed."""

    slot: Annotated[Slot, Word("Azure: DeploymentSlot")] = Field(
        default="production", description="The slot that is changed; unset, the fleet's slot."
    )
    configuration: Annotated[Template | None, Word("Azure: Configuration")] = Field(
        default=None, description="The .cscfg file, from the folder of the file that names it. Or use `settings`."
    )
    settings: dict[SettingName, Line] | None = Field(
        default=None, min_length=1, description="Role/Name: value, patched into what is deployed."
    )
    treat_warnings_as_error: Annotated[Flag, Word("Azure: TreatWarningsAsError")] = Field(
        default=False, description="Refuse a configuration the platform warns about."
    )
    mode: Annotated[Mode, Word("Azure: Mode")] = Field(
        default="manual", description="Who walks: rollout (manual) or the platform by itself (auto, simultaneous)."
    )
    properties: Annotated[Properties, Word("Azure: ExtendedProperties")] = Field(
        default_factory=dict, max_length=PROPERTIES_MAX, description="Extended properties set on the deployment."
    )
    extensions: Annotated[Extensions | None, Word("Azure: ExtensionConfiguration")] = Field(
        default=None, description="Extensions of the deployment; unset, those it has."
    )
    instance_counts: Counts = Field(
        default="keep",
        description="Instance counts of the running deployment are kept, or taken from the configuration file.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.configuration is None) == (self.settings is None):
            raise wrong("needs `configuration` or `settings`, exactly one of them")
        return self


class Swap(Doc):
    """Swap Deployment: staging becomes production."""

    bake: Seconds = Field(default=30 * MINUTE, description="How long it is watched after the swap; red swaps back.")
    keep_previous: Seconds = Field(
        default=24 * HOUR, description="How long the old slot may not be used again; it deletes nothing."
    )
    barrier: Literal["none", "wave", "rollout"] = Field(
        default="wave", description="Who must be upgraded before the first swap: nobody, the wave, or all."
    )
    together: Flag = Field(default=False, description="A red bake of one swaps the whole group back.")


class Change(Doc):
    """What is done: exactly one of these, or `upgrade` with `slot: staging` followed by `swap`."""

    upgrade: Annotated[Upgrade | None, Word("Azure: Upgrade Deployment")] = Field(
        default=None, description="A new package and configuration."
    )
    configure: Annotated[Configure | None, Word("Azure: Change Deployment Configuration")] = Field(
        default=None, description="A new configuration under the same package."
    )
    swap: Annotated[Swap | None, Word("Azure: Swap Deployment")] = Field(
        default=None, description="Staging becomes production, alone or after `upgrade` with `slot: staging`."
    )
    status: Annotated[
        Annotated[Literal["running", "suspended"], Kind("running or suspended")] | None,
        Word("Azure: Update Deployment Status"),
    ] = Field(default=None, description="Start or suspend deployments, under the same waves and caps.")

    @property
    def walks(self) -> bool:
        """Whether domains are walked one by one, so that there is a last one to be asked about."""
        update = self.upgrade or self.configure
        return update is not None and update.mode == "manual"

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = {name for name in ("upgrade", "configure", "swap", "status") if getattr(self, name) is not None}
        if kinds == {"upgrade", "swap"} and self.upgrade is not None:
            if self.upgrade.slot != "staging":
                raise wrong("`swap` follows an `upgrade` only with `slot: staging`")
        elif len(kinds) != 1:
            named = f"has {', '.join(sorted(kinds))}" if kinds else "is empty"
            raise wrong(f"{named}; it needs exactly one of upgrade, configure, swap, status (or upgrade, then swap)")
        return self
