import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout.errors import PolicyError, UsageError
from rollout.policy.bundle import digest_of
from rollout.policy.load import check_document, load_policy
from rollout.policy.model.select import Rest

CONFIGURATION = "configs/{service}.cscfg"


def test_a_bundle_holds_everything_the_policy_names(folder: Any) -> None:
    folder.replace("web-1.cspkg", "{tag.region}/{service}-{slot}.cspkg")
    folder.replace("configuration:", "label: 'web {service}'\n    configuration:")
    folder.write(
        "fleet.yaml", (folder.path / "fleet.yaml").read_text().replace("web-02:", "web-02: {tags: {region: neu}}")
    )
    bundle = folder.load()
    first, second = bundle.services
    assert (first.service, first.label) == ("web-01", "web web-01")
    assert first.package == "https://relstore.blob.example/weu/web-01-production.cspkg"
    assert second.package == "https://relstore.blob.example/neu/web-02-production.cspkg"
    assert first.configuration is not None
    assert first.configuration.data == (folder.path / "configs/web-01.cscfg").read_bytes()
    assert first.configuration.digest == digest_of(first.configuration.data)
    assert first.configuration.roles == {"WebRole1": 5}
    assert [(source.role, Path(source.file).name) for source in bundle.sources] == [
        ("policy", "policy.yaml"),
        ("fleet", "fleet.yaml"),
    ]
    assert all(source.digest == digest_of(Path(source.file).read_bytes()) for source in bundle.sources)
    assert (bundle.slot, bundle.policy.waves[0].select) == ("production", Rest())


def test_the_slot_is_the_changes_word_then_the_fleets(folder: Any) -> None:
    fleet = (folder.path / "fleet.yaml").read_text()
    folder.write("fleet.yaml", f"slot: staging\n{fleet}")
    assert folder.load().slot == "staging"
    folder.replace("package:", "slot: production\n    package:")
    assert folder.load().slot == "production"


def test_a_bundle_points_into_its_documents(folder: Any) -> None:
    bundle = folder.load("waves: [{name: rest, select: rest}]\n")
    assert (bundle.place("waves[0].select").line, bundle.place("waves[0].select").column) == (7, 30)
    assert bundle.place("waves[0].max_parallel").line == 7
    fleet = bundle.problem("fleet.services.web-01.tags", "is odd")
    assert str(fleet).replace(f"{folder.path}/", "") == "fleet.yaml:3:12 services.web-01.tags: is odd"
    assert bundle.problem("fleet", "is odd").file == str(folder.policy)


def test_y12_a_bundle_does_not_change_when_the_files_do(folder: Any) -> None:
    bundle = folder.load()
    before = (bundle.sources[0].data, bundle.services[0].configuration)
    folder.write("configs/web-01.cscfg", "<other/>")
    folder.policy.unlink()
    assert (bundle.sources[0].data, bundle.services[0].configuration) == before
    assert bundle.place("change.upgrade.package").line == 4
    with pytest.raises(PolicyError, match=r"policy\.yaml: does not exist"):
        load_policy(folder.policy)


def test_mistakes_in_policy_and_fleet_are_told_at_once(folder: Any) -> None:
    folder.write("fleet.yaml", "subscription: x\nservices: {web-01: {needs: 3}}\n")
    assert folder.wrong("health: {retries: 3, stable_duration: 5}\npriority: hgh\n") == [
        "policy.yaml:7:10 health.retries: unknown field `retries`; did you mean `retry_timeout`?",
        "policy.yaml:7:39 health.stable_duration: `5` has no unit; write it like `90s`, `1m30s` or `24h`",
        "policy.yaml:8:11 priority: must be normal or urgent, not `hgh`",
        "fleet.yaml:1:15 subscription: `x` must be a subscription id such as 00000000-0000-4000-8000-000000000001",
        "fleet.yaml:2:28 services.web-01.needs: must be a list, not `3`",
    ]


@pytest.mark.parametrize("reference", ["../outside.cscfg", "configs/../../outside.cscfg", ".", "configs/.."])
def test_p1_a_reference_that_leads_out_is_refused(folder: Any, reference: str) -> None:
    (folder.path.parent / "outside.cscfg").write_text("secret")
    folder.replace(CONFIGURATION, reference)
    (told,) = folder.wrong()
    assert told.startswith(f"policy.yaml:5:20 change.upgrade.configuration: `{reference}` leads out of the folder")


def test_p1_a_reference_may_go_up_and_stay_inside(folder: Any) -> None:
    folder.write("fleets/all.yaml", (folder.path / "fleet.yaml").read_text())
    folder.replace("fleet: fleet.yaml", "fleet: configs/../fleets/all.yaml")
    assert len(folder.load().services) == 2


def test_p1_the_root_can_be_a_folder_above_the_policy(folder: Any) -> None:
    folder.write(
        "below/policy.yaml",
        folder.policy.read_text().replace("configs/", "../configs/").replace("fleet.yaml", "../fleet.yaml"),
    )
    with pytest.raises(PolicyError, match="leads out of the folder"):
        load_policy(folder.path / "below/policy.yaml")
    assert load_policy(folder.path / "below/policy.yaml", root=folder.path).services[0].configuration


@pytest.mark.parametrize("reference", ["/etc/passwd", "~/x", "C:/x", "a\\b", "file:///etc/passwd"])
def test_p2_an_absolute_path_is_refused(folder: Any, reference: str) -> None:
    folder.replace("fleet: fleet.yaml", f"fleet: {reference}")
    (told,) = folder.wrong()
    assert told == f"policy.yaml:6:8 fleet: `{reference}` must be a relative path, with `/` between its parts"


def test_p3_a_symbolic_link_is_not_followed(folder: Any) -> None:
    outside = folder.path.parent / f"{folder.path.name}-outside"
    outside.mkdir()
    (outside / "web-01.cscfg").write_text("secret")
    (folder.path / "configs/web-01.cscfg").unlink()
    (folder.path / "configs/web-01.cscfg").symlink_to(outside / "web-01.cscfg")
    assert "`configs/web-01.cscfg` is a symbolic link; links are not followed (service `web-01`)" in folder.wrong()[0]
    (folder.path / "linked").symlink_to(outside)
    folder.replace(CONFIGURATION, "linked/web-01.cscfg")
    assert folder.wrong()[0].endswith("passes through something that is no folder, or through a symbolic link")
    assert "secret" not in "".join(folder.wrong())


def test_p4_a_fifo_is_refused_before_reading(folder: Any) -> None:
    (folder.path / "configs/web-01.cscfg").unlink()
    os.mkfifo(folder.path / "configs/web-01.cscfg")
    assert "is not a regular file" in folder.wrong()[0]
    folder.policy.unlink()
    os.mkfifo(folder.policy)
    with pytest.raises(PolicyError, match=r"policy\.yaml: is not a regular file"):
        load_policy(folder.policy)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/", "/nothing/here", "a\0b"])
def test_p4_a_device_or_folder_is_no_policy(path: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    assert any(words in str(caught.value) for words in ("regular file", "cannot be read", "does not exist"))


def test_a_folder_is_no_configuration(folder: Any) -> None:
    folder.replace(CONFIGURATION, "configs")
    assert "`configs` is not a regular file" in folder.wrong()[0]


def test_a_file_that_may_not_be_opened_is_told(folder: Any) -> None:
    folder.replace(CONFIGURATION, "x" * 300)
    assert "cannot be read: File name too long" in folder.wrong()[0]


def test_a_missing_configuration_is_told_at_the_field_that_names_it(folder: Any) -> None:
    (folder.path / "configs/web-02.cscfg").unlink()
    assert folder.wrong() == [
        "policy.yaml:5:20 change.upgrade.configuration: `configs/web-02.cscfg` does not exist (service `web-02`)"
    ]


def test_one_file_for_all_is_read_once_and_told_once(folder: Any) -> None:
    folder.replace(CONFIGURATION, "configs/web-01.cscfg")
    first, second = folder.load().services
    assert first.configuration is second.configuration
    folder.replace("configs/web-01.cscfg", "none.cscfg")
    assert folder.wrong() == ["policy.yaml:5:20 change.upgrade.configuration: `none.cscfg` does not exist"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not xml", "line 1:1 is not XML: syntax error"),
        ("", "line 1:1 is not XML: no element found"),
        ("<ServiceConfiguration>", "is not XML: no element found"),
        ("<Other/>", "is not a service configuration: its root is <Other>"),
        ("<ServiceConfiguration/>", "names no role"),
        ("<!DOCTYPE x><ServiceConfiguration/>", "has a document type or entities, which are not allowed"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><ServiceConfiguration/>', "has a document type or entities"),
        ("<?xml version='1.0' encoding='nonsense'?><ServiceConfiguration/>", "encoding"),
        ("<ServiceConfiguration><Role/></ServiceConfiguration>", "has a role without a name"),
        ("<ServiceConfiguration><Role name='a'/><Role name='a'/></ServiceConfiguration>", "has two roles `a`"),
        (
            "<ServiceConfiguration><Role name='a'><Instances count='x'/></Role></ServiceConfiguration>",
            "role `a` has no instance count",
        ),
        (
            "<ServiceConfiguration><Role name='a'><Instances count='0'/></Role></ServiceConfiguration>",
            "role `a` has no instance count",
        ),
        (
            "<ServiceConfiguration><Role name='a'><Instances count='9999999'/></Role></ServiceConfiguration>",
            "role `a` has no instance count",
        ),
        ("<ServiceConfiguration><Role name='a'/></ServiceConfiguration>", "role `a` has no instance count"),
        ("<ServiceConfiguration>" + "<a>" * 60, "is too large or too deep"),
        ("x" * (1024 * 1024 + 1), "is larger than 1024 KiB"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(folder: Any, text: str, words: str) -> None:
    folder.write("configs/web-01.cscfg", text)
    (told,) = folder.wrong()
    assert told.startswith("policy.yaml:5:20 change.upgrade.configuration: `configs/web-01.cscfg` ")
    assert words in told


@given(
    st.one_of(
        st.binary(max_size=200), st.text(alphabet="<>/ServiceConfiguration Role='&;!?-", max_size=80).map(str.encode)
    )
)
def test_any_bytes_are_a_configuration_or_a_value_error(data: bytes) -> None:
    from rollout.policy.cscfg import roles_of

    try:
        roles = roles_of(data)
    except ValueError:
        return
    assert roles


def test_a_role_the_configuration_does_not_have_is_told(folder: Any) -> None:
    folder.replace("configuration:", "role: Web\n    configuration:")
    assert "change.upgrade.role: `configs/web-01.cscfg` has no such role; it has WebRole1" in folder.wrong()[0]


def test_a_tag_the_service_does_not_have_is_told(folder: Any) -> None:
    folder.replace("web-1.cspkg", "{tag.region}.cspkg")
    assert folder.wrong() == [
        "policy.yaml:4:14 change.upgrade.package: service `web-02` has no tag `region`, which `{tag.region}` asks for"
    ]


def test_a_label_over_82_characters_is_told(folder: Any) -> None:
    folder.replace("configuration:", "label: '" + "x" * 77 + "{service}'\n    configuration:")
    assert "has 83 characters; the limit is 82" in folder.wrong()[0]


def test_a_url_that_grows_too_long_is_told(folder: Any) -> None:
    folder.replace("web-1.cspkg", "x" * 1960 + "/{rollout}")
    assert len(folder.load().services) == 2
    folder.replace("rollout: web-1", "rollout: " + "r" * 64)
    assert "change.upgrade.package: is longer than 2048 characters for service `web-01`" in folder.wrong()[0]


def test_a_placeholder_cannot_make_a_url_something_else(folder: Any) -> None:
    folder.replace("https://relstore.blob.example/web-1.cspkg", "http://{tag.region}/x")
    assert "must be https" in folder.wrong()[0]
    folder.replace("http://{tag.region}/x", "https://a.example:{tag.region}/x?sig=secret")
    told = "".join(folder.wrong())
    assert "is not a URL" in told
    assert "secret" not in told


def test_the_way_back_has_files_of_its_own(folder: Any) -> None:
    bundle = folder.load("rollback: {package: 'https://a.example/{service}', configuration: configs/web-01.cscfg}\n")
    assert bundle.services[1].rollback_package == "https://a.example/web-02"
    assert bundle.services[1].rollback_configuration == bundle.services[0].configuration


def test_the_running_package_is_copied_to_a_container_of_each_services_own(folder: Any) -> None:
    bundle = folder.load("rollback: {capture_container: 'https://a.example/{service}'}\n")
    assert bundle.services[1].capture_container == "https://a.example/web-02"
    folder.replace("https://a.example/{service}", "https://a.example/{tag.cell}")
    problems = folder.wrong()
    assert [problem.partition(": ")[2].split("`")[1] for problem in problems] == ["web-01", "web-02"]
    assert all(" rollback.capture_container: service" in problem for problem in problems)


def test_a_change_without_files_reads_none(folder: Any) -> None:
    folder.write("policy.yaml", "rollout: r\nfleet: fleet.yaml\nchange: {configure: {settings: {Web/A: 1}}}\n")
    (first, _) = folder.load().services
    assert (first.package, first.configuration, first.label) == (None, None, "r")
    folder.write("policy.yaml", "rollout: r\nfleet: fleet.yaml\nchange: {status: suspended}\n")
    assert folder.load().slot == "production"
    folder.write(
        "policy.yaml", "rollout: r\nfleet: fleet.yaml\nchange: {configure: {configuration: configs/web-01.cscfg}}\n"
    )
    assert folder.load().services[0].configuration


def test_configurations_have_a_limit_together(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollout.policy.service_files.ALL_CONFIGURATIONS_BYTES_MAX", 300)
    assert "`configs/web-02.cscfg` is one too many" in folder.wrong()[0]


def test_an_inline_fleet_is_checked_like_a_file(folder: Any) -> None:
    folder.replace(
        "fleet: fleet.yaml",
        "fleet:\n  subscription: 00000000-0000-4000-8000-000000000001\n"
        "  services: {web-01: {needs: [web-2]}, web-02: {}}",
    )
    assert folder.wrong() == [
        "policy.yaml:8:31 fleet.services.web-01.needs[0]: the fleet has no service `web-2`; did you mean `web-02`?"
    ]
    folder.replace("[web-2]", "[web-02]")
    bundle = folder.load()
    assert (bundle.fleet_tree, len(bundle.sources)) == (None, 1)
    assert bundle.place("fleet.services.web-02").line == 8


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("  a: {needs: [b]}\n  b: {needs: [a]}", "fleet.yaml:3:7 services.a.needs: needs go in a circle: "),
        ("  a: {needs: [a]}", "fleet.yaml:3:15 services.a.needs[0]: names the service itself"),
        (
            "  abc: {}\n  a: {paired: [abd]}",
            "fleet.yaml:4:16 services.a.paired[0]: the fleet has no service `abd`; did you mean `abc`?",
        ),
    ],
)
def test_services_need_only_what_the_fleet_has(folder: Any, lines: str, problem: str) -> None:
    folder.write("fleet.yaml", f"subscription: 00000000-0000-4000-8000-000000000001\nservices:\n{lines}\n")
    (told,) = folder.wrong()
    assert told.startswith(problem)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            "waves: [{name: a, select: web-01}, {name: a, select: rest}]",
            "7:43 waves[1].name: there is already a wave `a`",
        ),
        (
            "waves: [{name: a, select: rest}, {name: b, select: 1}]",
            "7:52 waves[1].select: takes nothing: wave `a` before it takes all the rest",
        ),
        (
            "waves: [{name: a, select: web-03}]",
            "7:27 waves[0].select: the fleet has no service `web-03`; did you mean `web-02`?",
        ),
        ("waves: [{name: a, select: [web-01, x]}]", "7:36 waves[0].select[1]: the fleet has no service `x`"),
        (
            "waves: [{name: a, select: rest, max_parallel: 3, failure_tolerance: 1}]",
            "7:47 waves[0].max_parallel: 3 is never reached: strict keeps at most failure_tolerance + 1 = 2 in flight",
        ),
        (
            "waves: [{name: a, select: 1, needs: [b]}, {name: b, select: rest}]",
            "7:38 waves[0].needs[0]: no earlier wave `b`",
        ),
        (
            "health: {stable_duration: 1h}",
            "7:27 health.stable_duration: no domain can pass: wait_duration + stable_duration is 1h, domain",
        ),
        ("waves: [{name: a, select: rest, walk: {domain_timeout: 1m}}]", "7:9 waves[0]: no domain can pass"),
        (
            "health: {checks: [{instances: ready, name: a}, {instances: ready, name: a}]}",
            "7:73 health.checks[1].name: there is already a check `a`",
        ),
        ("approve: {by: leads, before: swap}", "7:30 approve.before: nothing is swapped"),
        (
            "waves: [{name: a, select: rest, approve: {by: leads, before: swap}}]",
            "7:62 waves[0].approve.before: nothing is swapped",
        ),
        ("extends: none.yaml", "7:10 extends: `none.yaml` does not exist"),
    ],
)
def test_a_policy_that_contradicts_itself_is_told_where(folder: Any, more: str, problem: str) -> None:
    (told,) = folder.wrong(more)
    assert told.startswith(f"policy.yaml:{problem}")


@pytest.mark.parametrize(
    "wave", ["max_parallel: 2, failure_tolerance: 1", "max_parallel: 9, strict: false", "failure_tolerance: 5"]
)
def test_a_cap_that_can_be_reached_is_accepted(folder: Any, wave: str) -> None:
    assert folder.load(f"waves: [{{name: a, select: rest, {wave}}}]\n")


def test_only_the_first_unknown_services_come_with_a_suggestion(folder: Any) -> None:
    told = folder.wrong(f"waves: [{{name: a, select: [{', '.join(['web-03'] * 12)}]}}]\n")
    assert ["did you mean" in line for line in told] == [True] * 10 + [False] * 2


def test_a_policy_without_a_fleet_is_told(folder: Any) -> None:
    folder.replace("fleet: fleet.yaml", "fleet:")
    assert folder.wrong() == ["policy.yaml:6:7 fleet: is empty"]


def test_a_policy_of_5_mb_is_refused_unread(folder: Any) -> None:
    folder.write("policy.yaml", b"x: " + b"y" * 5_000_000)
    assert folder.wrong() == ["policy.yaml: is larger than 64 KiB, the limit for this kind of file"]


def test_more_than_a_hundred_problems_are_cut(folder: Any) -> None:
    folder.write(
        "fleet.yaml",
        "subscription: 00000000-0000-4000-8000-000000000001\nservices:\n" + "".join(f"  s{n}:\n" for n in range(150)),
    )
    told = folder.wrong()
    assert len(told) == 101
    assert told[-1].endswith("and 50 more problems")


class TestExtends:
    def test_shared_defaults_lie_under_what_the_policy_sets(self, folder: Any) -> None:
        folder.write(
            "shared/base.yaml",
            "health: {interval: 5s, stable_duration: 7s}\ntimeout: 1h\nchange: {upgrade: {force: true}}\n",
        )
        bundle = folder.load("extends: shared/base.yaml\nhealth: {stable_duration: 9s}\n")
        assert (bundle.policy.health.interval, bundle.policy.health.stable_duration) == (5, 9)
        assert (bundle.policy.timeout, bundle.policy.change.upgrade.force) == (3600, True)
        assert [source.role for source in bundle.sources] == ["policy", "extends", "fleet"]
        assert bundle.place("timeout").file.endswith("shared/base.yaml")

    def test_its_paths_start_at_its_own_folder(self, folder: Any) -> None:
        folder.write("shared/fleet.yaml", (folder.path / "fleet.yaml").read_text())
        folder.write("shared/base.yaml", "fleet: fleet.yaml\nrollback: {configuration: ../configs/web-01.cscfg}\n")
        folder.replace("fleet: fleet.yaml\n", "extends: shared/base.yaml\n")
        bundle = folder.load()
        assert bundle.sources[2].file.endswith("shared/fleet.yaml")
        assert bundle.services[0].rollback_configuration

    def test_a_mistake_in_it_is_told_at_its_place(self, folder: Any) -> None:
        folder.write("base.yaml", "# shared\nhealth: {interval: x}\n")
        assert folder.wrong("extends: base.yaml\n")[0].startswith(
            "base.yaml:2:20 health.interval: `x` is not a duration"
        )

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("extends: other.yaml", "base.yaml:1:1 extends: only one level"),
            ("[a]", "base.yaml:1:1: must be a mapping of fields"),
            ("a: &x 1", "base.yaml:1:4: an anchor is not allowed"),
        ],
    )
    def test_it_is_one_plain_level(self, folder: Any, text: str, problem: str) -> None:
        folder.write("base.yaml", text)
        assert any(told.startswith(problem) for told in folder.wrong("extends: base.yaml\n"))

    def test_an_empty_reference_is_told(self, folder: Any) -> None:
        assert folder.wrong("extends:\n") == ["policy.yaml:7:9 extends: is empty"]


class TestSet:
    @pytest.mark.parametrize(
        ("argument", "read"),
        [
            ("health.stable_duration=9s", lambda policy: policy.health.stable_duration == 9),
            ("timeout=1h", lambda policy: policy.timeout == 3600),
            ("waves[0].max_parallel=2", lambda policy: policy.waves[0].max_parallel == 2),
            ("waves[0].strict=false", lambda policy: policy.waves[0].strict is False),
            ("health.checks=[{instances: ready, timeout: 3s}]", lambda policy: policy.health.checks[0].timeout == 3),
            ("waves[0]={name: x, select: rest}", lambda policy: policy.waves[0].name == "x"),
            ("change.upgrade.label={rollout} a=b", lambda policy: policy.change.upgrade.label == "{rollout} a=b"),
            ("about.ticket=OPS-1", lambda policy: policy.about == {"ticket": "OPS-1"}),
            (
                "fleet={subscription: 00000000-0000-4000-8000-000000000001, services: {web-01: {}}}",
                lambda policy: len(policy.fleet.services) == 1,
            ),
            (
                "change.upgrade.configuration=configs/web-01.cscfg",
                lambda policy: policy.change.upgrade.configuration == "configs/web-01.cscfg",
            ),
        ],
    )
    def test_an_existing_field_is_overridden(self, folder: Any, argument: str, read: Any) -> None:
        bundle = folder.load("waves: [{name: a, select: rest, failure_tolerance: 1}]\n", argument)
        assert read(bundle.policy)

    @pytest.mark.parametrize(
        ("argument", "problem"),
        [
            (
                "health.stable_duration=soon",
                "--set health.stable_duration health.stable_duration: `soon` is not a duration",
            ),
            ("health.retries=3", "--set health.retries health.retries: unknown field; did you mean `retry_timeout`?"),
            ("helth=3", "--set helth helth: unknown field; did you mean `health`?"),
            (
                "waves[3].max_parallel=2",
                "--set waves[3].max_parallel waves[3].max_parallel: `waves` has no item 3; it has 1",
            ),
            ("notify[0].webhook=x", "--set notify[0].webhook notify[0].webhook: `notify` is no list in this policy"),
            (
                "windows.mid_service=hold",
                "--set windows.mid_service windows.mid_service: `windows` is written in its short form",
            ),
            ("extends=x.yaml", "--set extends: cannot be set: defaults are laid under the policy"),
            ("timeout.x=1", "--set timeout.x timeout.x: unknown field"),
            ("timeout=[1", "--set timeout: is not YAML"),
            ("waves=[&x a]", "--set waves: an anchor is not allowed"),
            ("waves[0].max_parallel='2'", "--set waves[0].max_parallel waves[0].max_parallel: must be a whole number"),
        ],
    )
    def test_what_cannot_be_set_names_the_set(self, folder: Any, argument: str, problem: str) -> None:
        told = folder.wrong("waves: [{name: a, select: rest}]\nwindows: [Mon 09:00-10:00 UTC]\n", argument)
        assert any(line.startswith(problem) for line in told)

    @pytest.mark.parametrize("argument", ["timeout", "=1", "a..b=1", "waves[x]=1", "[=1"])
    def test_what_is_no_set_is_a_usage_error(self, folder: Any, argument: str) -> None:
        with pytest.raises(UsageError, match="--set"):
            folder.load("", argument)

    def test_every_bad_set_is_told(self, folder: Any) -> None:
        assert len(folder.wrong("", "timeout=x", "deadline=y", "nothing=1")) == 3


def test_a_document_is_told_apart_by_its_content(folder: Any) -> None:
    assert check_document(folder.policy).kind == "policy"
    assert check_document(folder.path / "fleet.yaml").kind == "fleet"
    assert check_document(folder.write("base.yaml", "timeout: 1h")).kind == "shared defaults"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("services: {a: {needs: [b]}}\nsubscription: x", "subscription: `x` must be"),
        ("timeout: x", "base.yaml:1:10 timeout: `x` is not a duration"),
        ("[a]", "must be a mapping of fields"),
        ("rollout: x", "needs the field `change`"),
    ],
)
def test_every_kind_of_document_is_checked(folder: Any, text: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        check_document(folder.write("base.yaml", text))
    assert problem in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.binary(max_size=120), name=st.sampled_from(["policy.yaml", "fleet.yaml", "configs/web-01.cscfg"]))
def test_any_bytes_in_any_file_are_read_or_a_policy_error(folder: Any, data: bytes, name: str) -> None:
    original = (folder.path / name).read_bytes()
    try:
        folder.write(name, data)
        load_policy(folder.policy)
    except PolicyError as error:
        told = str(error)
    else:
        told = "right"
    finally:
        folder.write(name, original)
    assert told
