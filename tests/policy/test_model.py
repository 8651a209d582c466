from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollout.errors import PolicyError
from rollout.policy.fields import all_fields
from rollout.policy.model.base import Doc
from rollout.policy.model.change import Change, Configure, Swap, Upgrade
from rollout.policy.model.check import Check
from rollout.policy.model.check_kinds import InstancesCheck
from rollout.policy.model.failure import Rollback
from rollout.policy.model.fleet import Fleet
from rollout.policy.model.health import Health
from rollout.policy.model.policy import Foreign, Notify, Policy
from rollout.policy.model.select import Names, Rest, Share, Tagged, TagTerm, Take, parse_selector
from rollout.policy.model.walk import OperationTimeout, Walk
from rollout.policy.model.wave import Approve, Wave
from rollout.policy.model.window import Window, Windows, parse_window
from rollout.policy.problems import read_model
from rollout.policy.yaml import read_yaml

MINUTE, HOUR = 60.0, 3600.0
UPGRADE = {"package": "https://a.example/p", "configuration": "c"}


def policy(**more: Any) -> Policy:
    return Policy.model_validate({"rollout": "r", "change": {"upgrade": UPGRADE}, "fleet": "f", **more})


def wrong(model: type[Doc], text: str) -> list[str]:
    document, problems = read_model(model, read_yaml(text.encode(), "p"))
    assert document is None
    return [str(problem).removeprefix("p:") for problem in problems]


def right(model: type[Doc], text: str) -> Any:
    document, problems = read_model(model, read_yaml(text.encode(), "p"))
    assert not problems
    return document


@pytest.mark.parametrize(
    ("doc", "defaults"),
    [
        (
            Upgrade.model_validate(UPGRADE),
            {
                "slot": "production",
                "label": None,
                "role": None,
                "force": False,
                "mode": "manual",
                "properties": {},
                "extensions": None,
                "instance_counts": "keep",
            },
        ),
        (
            Configure.model_validate({"configuration": "c"}),
            {
                "slot": "production",
                "treat_warnings_as_error": False,
                "mode": "manual",
                "properties": {},
                "extensions": None,
                "instance_counts": "keep",
                "settings": None,
            },
        ),
        (Swap(), {"bake": 30 * MINUTE, "keep_previous": 24 * HOUR, "barrier": "wave", "together": False}),
        (
            Wave(name="w", select=Rest()),
            {
                "max_parallel": 1,
                "failure_tolerance": 0,
                "strict": True,
                "bake": 0.0,
                "bake_first": None,
                "approve": None,
                "needs": None,
                "health": None,
                "walk": None,
                "on_failure": None,
                "windows": None,
                "max_parallel_per": {},
            },
        ),
        (
            Health(),
            {
                "wait_duration": 0.0,
                "stable_duration": 2 * MINUTE,
                "retry_timeout": 10 * MINUTE,
                "interval": 15.0,
                "on_unknown": "hold",
                "baseline": "record",
                "checks": (Check.model_validate({"instances": "ready"}),),
            },
        ),
        (
            Check.model_validate({"instances": "ready"}),
            {
                "name": None,
                "scope": None,
                "timeout": 10.0,
                "advisory": False,
                "final": False,
                "output_json": False,
                "moments": ("before", "domain", "bake", "after"),
            },
        ),
        (Walk(), {"bake_before_last": None, "domain_timeout": 45 * MINUTE, "allow_no_rollback": False}),
        (OperationTimeout(), {"begin": 30 * MINUTE, "swap": 15 * MINUTE, "status": 30 * MINUTE}),
        (
            Rollback(),
            {
                "mode": "auto",
                "timeout": None,
                "max_parallel": None,
                "package": None,
                "configuration": None,
                "capture_container": None,
            },
        ),
        (Windows(open=(parse_window("Mon 09:00-10:00 UTC"),)), {"closed": (), "mid_service": "finish"}),
        (Approve(by="leads"), {"before": "start", "within": 24 * HOUR}),
        (Notify(webhook="https://a.example"), {"events": ("needs_attention", "finished"), "format": "json"}),
        (Foreign(), {"scale": "tolerate", "reboot": "tolerate", "upgrade": "hold"}),
        (
            policy(),
            {
                "about": {},
                "extends": None,
                "waves": (Wave(name="rest", select=Rest()),),
                "health": Health(),
                "walk": Walk(),
                "operation_timeout": OperationTimeout(),
                "timeout": 24 * HOUR,
                "deadline": None,
                "rollback": Rollback(),
                "windows": None,
                "approve": None,
                "notify": (),
                "on_conflict": "refuse",
                "priority": "normal",
                "submit": "manual",
                "foreign": Foreign(),
            },
        ),
        (policy().on_failure, {"service": "rollback", "wave": "halt"}),
        (
            Fleet.model_validate({"subscription": "00000000-0000-4000-8000-000000000001", "services": {"a": {}}}),
            {"slot": "production"},
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Doc) else "",
)
def test_every_default_is_the_documented_one(doc: Doc, defaults: dict[str, Any]) -> None:
    assert {name: getattr(doc, name) for name in defaults} == defaults
    given_by_hand = {
        "package",
        "configuration",
        "name",
        "select",
        "open",
        "by",
        "webhook",
        "rollout",
        "change",
        "fleet",
        "subscription",
        "services",
        "on_failure",
        *Check.KINDS,
    }
    assert type(doc).model_fields.keys() - defaults.keys() <= given_by_hand


def test_defaults_that_depend_on_the_change_are_the_documented_ones() -> None:
    upgrade, wave = policy(), Wave(name="w", select=Rest())
    configure = policy(change={"configure": {"configuration": "c"}})
    assert upgrade.bake_before_last_s(wave, "production") == 5 * MINUTE
    assert upgrade.bake_before_last_s(wave, "staging") == 0
    assert configure.bake_before_last_s(wave, "production") == 0
    assert policy(walk={"bake_before_last": "7s"}).bake_before_last_s(wave, "staging") == 7
    assert Rollback().timeout is None


def test_a_wave_overrides_only_the_fields_it_sets() -> None:
    wave = {
        "name": "w",
        "select": "rest",
        "health": {"interval": "1s"},
        "walk": {"allow_no_rollback": True},
        "on_failure": {"service": "hold"},
    }
    whole = policy(
        waves=[wave],
        health={"stable_duration": "7s"},
        walk={"domain_timeout": "9s"},
        on_failure={"wave": "rollback_all"},
    )
    (own,) = whole.waves
    assert (whole.health_of(own).interval, whole.health_of(own).stable_duration) == (1, 7)
    assert (whole.walk_of(own).allow_no_rollback, whole.walk_of(own).domain_timeout) == (True, 9)
    assert (whole.on_failure_of(own).service, whole.on_failure_of(own).wave) == ("hold", "rollback_all")
    assert whole.health_of(Wave(name="x", select=Rest())) is whole.health


def test_every_field_says_what_it_means() -> None:
    assert {"timeout", "waves[].health.checks[].json", "fleet.services.*.needs"} <= all_fields().keys()
    assert [path for path, known in all_fields().items() if len(known.info.description or "") < 10] == []


def test_a_document_does_not_change() -> None:
    with pytest.raises(ValidationError):
        setattr(policy(), "rollout", "other")  # noqa: B010 - mypy refuses the plain assignment, which is the point


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("instances: ready", "instances: {state: ready}"),
        ("http: https://a.example/{service}", "http: {url: 'https://a.example/{service}', status: 200}"),
        ("command: smoke", "command: {name: smoke, arguments: []}"),
        ("metric: errors < 0.01", "metric: {query: errors, threshold: < 0.01, server: default}"),
        ('metric: rate{a="b"} >= 5', "metric: {query: 'rate{a=\"b\"}', threshold: '>= 5'}"),
        ("webhook: https://a.example", "webhook: {url: https://a.example}"),
        ("python: gates.web:verdict", "python: {call: 'gates.web:verdict'}"),
    ],
)
def test_the_short_form_of_a_check_means_its_long_form(short: str, long: str) -> None:
    check = right(Check, short)
    assert check == right(Check, long)
    assert check.kind == short.partition(":")[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "scope: domain",
            "1:1: has no kind; a check is exactly one of instances, http, command, metric, webhook, python",
        ),
        ("instances: ready\nhttp: https://a.example", "1:1: has instances and http; a check is exactly one of"),
        ("instances: sick", "1:12 instances: must be ready, not `sick`"),
        (
            "instances: ready\njson: true",
            "1:1: `json` here is for a command; the JSON an http check wants stands inside it",
        ),
        ("http: 3", "1:7 http: `3` must be a URL such as"),
        ("http: ftp://a.example", "1:7 http: `ftp://a.example` must be a URL"),
        ("http: https://a:b@c.example", "1:7 http: a URL must not carry a user name or password"),
        ("http: 'http://[::1'", "1:7 http: `http://[::1` is not a URL"),
        ("http: {url: https://a.example, status: 99}", "1:40 http.status: must be at least 100, not `99`"),
        ("http: {url: https://a.example, status: 999}", "1:40 http.status: must be at most 599, not `999`"),
        ("http: https://{instances}/\nscope: fleet", "1:1: `{instances}` has a value only in an http check"),
        ("http: https://{domain}/", "1:1: `{domain}` has a value only with scope domain"),
        (
            "command: {name: a, arguments: ['{instances}']}",
            "1:32 command.arguments[0]: the placeholder `{instances}` has no meaning here",
        ),
        ("command: rm -rf", "1:10 command: `rm -rf` must be 1 to 64 letters"),
        ("metric: " + "a" * 60_000, "1:9 metric: is longer than 2048 characters"),
        ("metric: errors", "1:9 metric: `errors` has no bound; write it like `error_rate < 0.01`"),
        ("metric: {query: a, threshold: = 1}", "1:31 metric.threshold: `= 1` is no bound; write it like `< 0.01`"),
        ("metric: {query: a, threshold: < many}", "1:31 metric.threshold: `< many` is no bound; write it like"),
        ("metric: {query: a}", "1:1 metric: needs a threshold such as `< 0.01`, or `compare: walked|unwalked`"),
        ("metric: {query: a, threshold: < 1, compare: walked|unwalked}", "1:1 metric: needs a threshold such as"),
        ("metric: sum(rate(a[5m]) < 1", "1:9 metric: has a `(` without its partner"),
        ("metric: rate(a[5m))] < 1", "1:9 metric: has a `)` without its partner"),
        ("metric: a{b='c} < 1", "1:9 metric: has a quote without its partner"),
        (
            "metric: {query: 'a{s=\"{service}\"}', threshold: < 1, service_label: s}",
            "1:1 metric: with `service_label` one query serves every service",
        ),
        ("metric: {query: a, compare: walked|unwalked}\nscope: fleet", "1:1: `compare` is about the domains of one"),
        ("instances: {share: 120%}", "1:20 instances.share: `120%` must be a share from 0% to 100%"),
        ("instances: {share: half}", "1:20 instances.share: `half` must be a share such as `80%`"),
        ("http: {url: 'https://a.example', status: []}", "1:34 http.status: is empty"),
        ("http: {url: 'https://a.example', json: {'a b': c}}", "1:41 http.json.a b: `a b` must be names and numbers"),
        ("python: rm -rf", "1:9 python: `rm -rf` must be written as a name or as module:function"),
        ("http: https://{servce}/", "1:7 http: unknown placeholder `{servce}`; did you mean `service`?"),
        ("http: https://{tag.a b}/", "1:7 http: `https://{tag.a b}/` must be a URL"),
        ("http: https://a.example/{service", "1:7 http: has a brace without its partner"),
        ("instances: ready\nmoments: []", "2:1 moments: is empty"),
        ("instances: ready\nmoments: [swap]", "2:11 moments[0]: must be before, domain, bake or after, not `swap`"),
        ("instances: ready\nmoments: domain", "2:10 moments: must be a list, not `domain`"),
        ("instances: ready\ntimeout: 0s", "2:10 timeout: must be longer than 0s"),
    ],
)
def test_a_wrong_check_is_told_in_plain_words(text: str, problem: str) -> None:
    problems = wrong(Check, text)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("rest", Rest()),
        ("10%", Share(10)),
        ("3", Take(3)),
        ("web-01", Names(("web-01",))),
        ("web-01, web-02", Names(("web-01", "web-02"))),
        ("[rest, '3']", Names(("rest", "3"))),
        ("tag:canary", Tagged((TagTerm("canary"),))),
        ("tag:a & !tag:b", Tagged((TagTerm("a"), TagTerm("b", negated=True)))),
        ("tag:region=weu", Tagged((TagTerm("region", "weu"),))),
        ("{take: 10%, spread: region}", Share(10, "region")),
        ("{take: 5}", Take(5)),
    ],
)
def test_a_selector_is_read_into_what_it_means(text: str, selector: object) -> None:
    wave = right(Wave, f"name: w\nselect: {text}" if text[0] in "[{" else f"name: w\nselect: '{text}'")
    assert wave.select == selector
    assert Wave(name="w", select=wave.select).select is wave.select


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0%", "must be a whole percentage"),
        ("101%", "more than 100%"),
        ("1.5%", "must be a whole percentage"),
        ("0", "a count of at least 1"),
        (-1, "a count of at least 1"),
        ("tag:", "is not a tag term"),
        ("tag:a | tag:b", "is not a tag term"),
        ("tag:a &", "is not a tag term"),
        ("-web", "is not a service name"),
        ("", "is not a service name"),
        ([], "selects nothing"),
        ([["a"]], "is not a service name"),
        ({"spread": "region"}, "needs `take`"),
        ({"take": "rest"}, "must be a whole percentage"),
        ({"take": 1, "spred": "x"}, "unknown field `spred`; did you mean `spread`?"),
        ({"take": 1, "spread": "a b"}, "`spread` must name a tag"),
        (None, "not nothing"),
        (True, "not a boolean"),
    ],
)
def test_a_wrong_selector_says_how_to_write_one(value: object, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_selector(value)
    assert words in str(caught.value)


def test_a_number_from_python_counts_services() -> None:
    assert parse_selector(4) == Take(4)


def test_tags_match_by_presence_value_and_negation() -> None:
    selector = parse_selector("tag:canary & tag:region=weu & !tag:slow")
    assert isinstance(selector, Tagged)
    assert selector.matches({"canary": "true", "region": "weu"})
    assert selector.matches({"canary": "true", "region": "weu", "slow": "false"})
    assert not selector.matches({"canary": "false", "region": "weu"})
    assert not selector.matches({"canary": "true", "region": "neu"})
    assert not selector.matches({"canary": "true", "region": "weu", "slow": "yes"})


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("Mon-Thu 09:00-16:00 Europe/London", Window(frozenset({0, 1, 2, 3}), 540, 960, "Europe/London")),
        ("Sat-Mon,Wed 00:00-24:00 UTC", Window(frozenset({5, 6, 0, 2}), 0, 1440, "UTC")),
        ("Fri 22:00-04:00 UTC", Window(frozenset({4}), 1320, 240, "UTC")),
    ],
)
def test_a_window_is_read(text: str, window: Window) -> None:
    assert parse_window(text) == window
    assert parse_window(window) is window


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("9-5", "is not a window"),
        ("Mon 9:00-16:00 UTC", "is not a window"),
        ("Mon 09:60-16:00 UTC", "is not a window"),
        ("Mon 09:00-16:00", "is not a window"),
        ("Mo 09:00-16:00 UTC", "`Mo` is not a day"),
        ("Mon-Xyz 09:00-16:00 UTC", "`Xyz` is not a day"),
        ("Mon 09:00-25:00 UTC", "`25:00` is not a time of day"),
        ("Mon 09:00-09:00 UTC", "opens and closes"),
        ("Mon 24:00-09:00 UTC", "opens and closes"),
        ("Mon 09:00-16:00 Europe/Londn", "did you mean `Europe/London`?"),
        ("Mon 09:00-16:00 ../../etc/passwd", "is not a time zone"),
        ("Mon 09:00-16:00 Europe", "is not a time zone"),
        ("Mon 09:00-16:00 /etc", "is not a time zone"),
    ],
)
def test_a_wrong_window_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_window(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("{}", "change: is empty; it needs exactly one of"),
        ("{swap: {}, status: running}", "change: has status, swap; it needs exactly one of"),
        (
            "{upgrade: {package: 'https://a.example', configuration: c}, swap: {}}",
            "change: `swap` follows an `upgrade` only with `slot: staging`",
        ),
        ("{configure: {}}", "change.configure: needs `configuration` or `settings`, exactly one"),
        ("{configure: {configuration: c, settings: {R/n: v}}}", "change.configure: needs `configuration` or"),
        ("{configure: {settings: {name: v}}}", "change.configure.settings.name: `name` must be written as Role/Name"),
        ("{configure: {settings: {}}}", "change.configure.settings: is empty"),
        ("{status: stopped}", "change.status: must be running or suspended, not `stopped`"),
        ("{upgrade: {package: 'https://a.example'}}", "change.upgrade: needs the field `configuration`"),
        (
            "{upgrade: {package: 'http://a.example', configuration: c}}",
            "change.upgrade.package: `http://a.example` must be https",
        ),
        (
            "{upgrade: {package: 'https://a.example/{domain}', configuration: c}}",
            "change.upgrade.package: the placeholder `{domain}`",
        ),
        (
            "{upgrade: {package: 'https://a.example', configuration: c, force: 'true'}}",
            "change.upgrade.force: must be a boolean, not a text in quotes",
        ),
        (
            "{upgrade: {package: 'https://a.example', configuration: c, force: no}}",
            "change.upgrade.force: must be true or false, not `no`",
        ),
        (
            "{upgrade: {package: 'https://a.example', configuration: c, force: [1]}}",
            "change.upgrade.force: must be true or false, not a list",
        ),
        (
            "{upgrade: {package: 'https://a.example', configuration: c, mode: Auto}}",
            "change.upgrade.mode: must be manual, auto or simultaneous",
        ),
        (
            "{upgrade: {package: 'https://a.example', configuration: c, properties: {1a: x}}}",
            "change.upgrade.properties.1a: `1a` must be a property name",
        ),
        (
            "{upgrade: {package: 'https://a.example', configuration: c, properties: {a: " + "x" * 256 + "}}}",
            "change.upgrade.properties.a: is longer than 255",
        ),
        ("{upgrade: x}", "change.upgrade: must be a mapping, not `x`"),
        ("{upgrade: }", "change.upgrade: must be a mapping, not empty"),
    ],
)
def test_a_wrong_change_is_told_at_its_path(change: str, problem: str) -> None:
    (told,) = wrong(Policy, f"rollout: r\nfleet: f\nchange: {change}")
    assert told.partition(" ")[2].startswith(problem)


@pytest.mark.parametrize(
    "change",
    [
        "{upgrade: {package: 'http://127.0.0.1:8080/p', configuration: c, slot: staging}, swap: {}}",
        "{upgrade: {package: 'http://localhost/p', configuration: c, extensions: {all_roles: [a, {id: b}]}}}",
        "{configure: {settings: {Web/Release: 010}}}",
        "{swap: {together: true, barrier: none}}",
        "{status: suspended}",
    ],
)
def test_every_kind_of_change_is_read(change: str) -> None:
    assert isinstance(right(Policy, f"rollout: r\nfleet: f\nchange: {change}").change, Change)


def test_twenty_six_properties_are_one_too_many() -> None:
    many = ", ".join(f"p{number}: x" for number in range(26))
    change = f"{{upgrade: {{package: 'https://a.example', configuration: c, properties: {{{many}}}}}}}"
    (told,) = wrong(Policy, f"rollout: r\nfleet: f\nchange: {change}")
    assert told.endswith("change.upgrade.properties: has more than 25 entries, the limit")


def test_y7_what_yaml_would_guess_is_text_where_text_belongs_and_refused_elsewhere() -> None:
    read = right(Policy, "rollout: 1.10\nabout: {on: no, at: 12:30, n: 010}\nfleet: off\nchange: {status: running}")
    assert (read.rollout, read.fleet) == ("1.10", "off")
    assert read.about == {"on": "no", "at": "12:30", "n": "010"}
    assert wrong(Wave, "name: w\nselect: rest\nmax_parallel: 010\nstrict: off\nbake: 1:30\nfailure_tolerance: '2'") == [
        "3:15 max_parallel: must be a whole number without leading zeros, not `010`",
        "4:9 strict: must be true or false, not `off`",
        "5:7 bake: `1:30` is a time of day, not a duration; write it like `90s`, `1m30s` or `24h`",
        "6:20 failure_tolerance: must be a whole number, not a text in quotes: `2`",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("9" * 5000, "is too large a number: `" + "9" * 60 + "…`"),
        ("1e3", "must be a whole number, not `1e3`"),
        ("1.0", "must be a whole number"),
        ("-1", "must be at least 1, not `-1`"),
        ("0", "must be at least 1"),
        ("10001", "must be at most 10000"),
        ("[1]", "must be a whole number, not a list"),
        ("", "must be a whole number, not ``"),
    ],
)
def test_y10_a_number_that_is_none_or_too_large_is_refused(value: str, words: str) -> None:
    (told,) = wrong(Wave, f"name: w\nselect: rest\nmax_parallel: {value}")
    assert words in told


def test_y11_an_unknown_key_is_refused_with_a_suggestion() -> None:
    assert wrong(Health, "retries: 3\ncheks: []\nxyzzy: 1") == [
        "1:1 retries: unknown field `retries`; did you mean `retry_timeout`?",
        "2:1 cheks: unknown field `cheks`; did you mean `checks`?",
        "3:1 xyzzy: unknown field `xyzzy`",
    ]
    assert "it belongs to `walk`" in "".join(wrong(Policy, "domain_timeout: 3m"))


@pytest.mark.parametrize("rollout", ["a/b", "a#1", ".a", "x" * 65, "'a\n'", '"a\\n"', "a b", "''", "[a]", '"a\\u00e9"'])
def test_a_rollout_id_that_cannot_name_a_stream_is_refused(rollout: str) -> None:
    assert any(
        " rollout: " in problem
        for problem in wrong(Policy, f"rollout: {rollout}\nfleet: f\nchange: {{status: running}}")
    )


@pytest.mark.parametrize("name", ["-a", "a-", "a_b", "x" * 64, "a.b", "'a b'"])
def test_a_service_name_the_api_would_refuse_is_refused(name: str) -> None:
    told = wrong(Fleet, f"subscription: 00000000-0000-4000-8000-000000000001\nservices: {{{name}: {{}}}}")
    assert "must be a service name: 1 to 63 letters" in told[0]
    assert told[0].startswith("2:12 services.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("subscription: x\nservices: {a: {}}", "must be a subscription id"),
        ("subscription: 00000000-0000-4000-8000-000000000001\nservices: {}", "services: is empty"),
        (
            "subscription: 00000000-0000-4000-8000-000000000001\nservices: {a: {tags: {x: ../y}}}",
            "services.a.tags.x: `../y` must be",
        ),
        (
            "subscription: 00000000-0000-4000-8000-000000000001\nservices: [a]",
            "services: must be a mapping, not a list",
        ),
        (
            "subscription: 00000000-0000-4000-8000-000000000001\nservices: {a: {needs: b}}",
            "services.a.needs: must be a list",
        ),
    ],
)
def test_a_wrong_fleet_is_told_at_its_path(text: str, words: str) -> None:
    assert words in wrong(Fleet, text)[0]


def test_ten_thousand_services_are_the_limit() -> None:
    services: dict[str, dict[str, str]] = {f"s{number}": {} for number in range(10_001)}
    fleet = {"subscription": "00000000-0000-4000-8000-000000000001", "services": services}
    with pytest.raises(ValidationError, match="10000"):
        Fleet.model_validate(fleet)
    services.popitem()
    assert len(Fleet.model_validate(fleet).services) == 10_000


@pytest.mark.parametrize("value", ["", "' '", '"a\\nb"', "x" * 2049, "[a]", "{a: b}"])
def test_text_is_one_printable_line(value: str) -> None:
    told = wrong(Policy, f"rollout: r\nfleet: f\nchange: {{status: running}}\nabout: {{owner: {value}}}")
    assert [" about.owner: " in problem for problem in told] == [True]


def test_values_that_python_code_hands_over_are_taken_by_their_type() -> None:
    wave = Wave.model_validate({"name": "w", "select": "rest", "max_parallel": 3, "strict": False, "bake": 90})
    assert (wave.max_parallel, wave.strict, wave.bake) == (3, False, 90.0)
    for field, value in (
        ("max_parallel", True),
        ("max_parallel", "3"),
        ("strict", "true"),
        ("strict", 1),
        ("bake", True),
        ("bake", float("inf")),
        ("bake", [1]),
        ("name", 1),
        ("name", None),
    ):
        with pytest.raises(ValidationError):
            Wave.model_validate({"name": "w", "select": "rest", field: value})


@pytest.mark.parametrize("text", ["[]", "text", "''", "- a"])
def test_a_document_that_is_no_mapping_is_refused(text: str) -> None:
    assert "must be a mapping of fields" in wrong(Policy, text)[0]


def test_pydantic_never_speaks_to_people() -> None:
    text = """\
rollout: [1]
change: {upgrade: {slot: x, package: {}, configuration: [], label: {}, force: {}, properties: [], extensions: 3}}
fleet: {services: {a: {tags: [], needs: {}, paired: 3}}}
waves: [{name: {}, select: {}, approve: 3, needs: x, health: x, windows: {open: []}, max_parallel_per: []}, 3]
health: {checks: {}}
walk: []
windows: 3
notify: {}
about: x
"""
    problems = wrong(Policy, text)
    assert len(problems) >= 24
    for problem in problems:
        assert not any(
            word in problem.lower()
            for word in ("input", "pydantic", "errors.", "dict", "tuple", "valid ", "inline", "cannot be used")
        )
    lines = [int(problem.partition(":")[0]) for problem in problems]
    assert lines == sorted(lines)


scalars = st.sampled_from(["", "x", "3", "true", "90s", "rest", "10%", "{service}", "null"])
names = st.sampled_from([path.rpartition(".")[2] for path in all_fields()] + ["x", "web-01"])
documents = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5))


@given(st.dictionaries(names, documents, max_size=6))
def test_any_document_is_right_or_told_in_full(document: dict[str, Any]) -> None:
    import json

    try:
        tree = read_yaml(json.dumps(document).replace('"', "").encode(), "p")
    except PolicyError:
        return
    for model in (Policy, Fleet):
        read, problems = read_model(model, tree)
        assert (read is None) == bool(problems)
        assert all(problem.line for problem in problems)


def test_python_code_hands_over_a_share_as_a_number() -> None:
    assert InstancesCheck(share=0.5).share == 0.5
    with pytest.raises(ValidationError, match="must be a share from 0% to 100%"):
        InstancesCheck(share=1.5)
