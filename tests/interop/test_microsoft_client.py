"""Microsoft's own Python client drives the emulator as it drove the service: over http, and over mutual TLS."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.common import AzureHttpError, AzureMissingResourceHttpError  # type: ignore[import-untyped] # no types

from rollout.emulator.fleet import configuration

PACKAGE = "https://relstore.blob.example/web-2.4.1.cspkg"
DOMAINS = 3
DAY = timedelta(days=1)


def b64(content: bytes) -> str:
    return b64encode(content).decode()


def begin(client: Any, *, label: str = "web-2.4.1", mode: str = "Manual") -> Any:
    settings = b64(configuration(client.name, label, DOMAINS))
    return client.service.upgrade_deployment(
        client.name, client.production, mode, PACKAGE, settings, label, force=False
    )


def date(client: Any) -> datetime:
    """Give the service's date, from a reply's header."""
    reply = client.service.perform_get(f"/{client.service.subscription_id}/services/hostedservices")
    return parsedate_to_datetime(dict(reply.headers)["date"])


def test_it_lists_and_reads_services_and_deployments(client: Any) -> None:
    service = client.service
    names = [each.service_name for each in service.list_hosted_services()]
    assert names == sorted(names)
    assert client.name in names
    found = service.get_hosted_service_properties(client.name, embed_detail=True)
    assert (found.hosted_service_properties.label, found.hosted_service_properties.status) == (client.name, "Created")
    assert found.hosted_service_properties.extended_properties["ResourceLocation"] == "East US"
    assert [(each.name, each.deployment_slot) for each in found.deployments] == [
        (client.production, "Production"),
        (client.staging, "Staging"),
    ]
    by_slot = service.get_deployment_by_slot(client.name, "production")
    by_name = service.get_deployment_by_name(client.name, client.production)
    assert vars(by_slot)["private_id"] == vars(by_name)["private_id"]
    assert (by_name.label, by_name.status, by_name.locked, by_name.rollback_allowed) == (
        "web-2.4.0",
        "Running",
        False,
        False,
    )
    assert [each.instance_name for each in by_name.role_instance_list] == [f"WebRole1_IN_{n}" for n in range(DOMAINS)]
    assert by_name.virtual_ips[0].address
    assert service.check_hosted_service_name_availability("nobody").result
    assert not service.check_hosted_service_name_availability(client.name).result


def test_a_manual_upgrade_is_walked_domain_after_domain(client: Any) -> None:
    assert client.wait(begin(client)) == "Succeeded"
    for domain in range(DOMAINS):
        shown = client.service.get_deployment_by_name(client.name, client.production)
        assert shown.upgrade_status.upgrade_type == "Manual"
        assert shown.upgrade_status.current_upgrade_domain == str(domain)
        assert shown.upgrade_status.current_upgrade_domain_state == "Before"
        assert shown.rollback_allowed
        assert client.wait(client.service.walk_upgrade_domain(client.name, client.production, domain)) == "Succeeded"
    done = client.settled()
    assert (done.label, done.upgrade_status) == ("web-2.4.1", None)
    assert done.configuration == configuration(client.name, "web-2.4.1", DOMAINS).decode()


def test_an_upgrade_is_rolled_back_and_the_old_release_is_there_again(client: Any) -> None:
    client.wait(begin(client))
    client.wait(client.service.walk_upgrade_domain(client.name, client.production, 0))
    rolled_back = client.service.rollback_update_or_upgrade(client.name, client.production, "Auto", force=False)
    assert client.wait(rolled_back) == "Succeeded"
    assert client.settled().label == "web-2.4.0"


def test_a_configuration_is_changed_in_each_mode(client: Any) -> None:
    for mode in ("Auto", "Simultaneous", None):
        wanted = configuration(client.name, f"set by {mode}", DOMAINS)
        options = {} if mode is None else {"mode": mode}
        changed = client.service.change_deployment_configuration(
            client.name, client.production, b64(wanted), extended_properties={"Ticket": "OPS-311"}, **options
        )
        assert client.wait(changed) == "Succeeded"
        shown = client.settled()
        assert (shown.label, shown.configuration) == ("web-2.4.0", wanted.decode())
        assert shown.extended_properties == {"Ticket": "OPS-311"}


def test_a_deployment_is_suspended_and_runs_again(client: Any) -> None:
    assert (
        client.wait(client.service.update_deployment_status(client.name, client.production, "Suspended")) == "Succeeded"
    )
    suspended = client.settled("Suspended")
    assert {each.power_state for each in suspended.role_instance_list} == {"Stopped"}
    assert (
        client.wait(client.service.update_deployment_status(client.name, client.production, "Running")) == "Succeeded"
    )
    client.settled()


def test_two_slots_are_swapped_once(client: Any) -> None:
    before = client.service.get_deployment_by_slot(client.name, "production").virtual_ips[0].address
    assert client.wait(client.service.swap_deployment(client.name, client.production, client.staging)) == "Succeeded"
    produced = client.service.get_deployment_by_slot(client.name, "production")
    assert (produced.name, produced.virtual_ips[0].address) == (client.staging, before)
    assert client.service.get_deployment_by_slot(client.name, "staging").name == client.production
    with pytest.raises(AzureHttpError, match="ConflictError") as refused:
        client.service.swap_deployment(client.name, client.production, client.staging)
    assert refused.value.status_code == 409


def test_an_instance_is_rebooted_reimaged_rebuilt_and_deleted(client: Any) -> None:
    service = client.service
    for act in (service.reboot_role_instance, service.reimage_role_instance, service.rebuild_role_instance):
        assert client.wait(act(client.name, client.production, "WebRole1_IN_1")) == "Succeeded"
        client.settled()
    assert client.wait(service.delete_role_instances(client.name, client.production, ["WebRole1_IN_2"])) == "Succeeded"
    assert [each.instance_name for each in client.settled().role_instance_list] == [
        "WebRole1_IN_0",
        "WebRole1_IN_1",
    ]


def test_a_service_is_made_filled_emptied_and_deleted(client: Any) -> None:
    service, name = client.service, f"{client.name}-new"
    service.create_hosted_service(name, name, "for a test", "East US", None, {"Ticket": "OPS-311"})
    service.update_hosted_service(name, "renamed", "for a test still")
    shown = service.get_hosted_service_properties(name).hosted_service_properties
    assert (shown.label, shown.description, shown.location) == ("renamed", "for a test still", "East US")
    settings = b64(configuration(name, "web-2.4.1", 2))
    created = service.create_deployment(
        name, "production", "first", PACKAGE, "web-2.4.1", settings, start_deployment=True
    )
    assert client.wait(created) == "Succeeded"
    assert service.get_deployment_by_name(name, "first").upgrade_domain_count == "2"
    assert client.wait(service.delete_deployment(name, "first")) == "Succeeded"
    service.delete_hosted_service(name)
    with pytest.raises(AzureMissingResourceHttpError):
        service.get_hosted_service_properties(name)
    assert client.wait(service.delete_hosted_service(client.name, complete=True)) == "Succeeded"
    assert client.name not in [each.service_name for each in service.list_hosted_services()]


def test_its_operations_are_listed_with_name_parameters_and_end(client: Any) -> None:
    begun = begin(client, mode="Auto")
    assert client.wait(begun) == "Succeeded"
    today, subscription = date(client), client.service.subscription_id
    target = f"/{subscription}/services/hostedservices/{client.name}/deployments/{client.production}"
    page = client.service.list_subscription_operations(
        f"{today - DAY:%Y-%m-%d}", f"{today + DAY:%Y-%m-%dT%H:%M:%SZ}", object_id_filter=target
    )
    (operation,) = page.subscription_operations
    assert operation.operation_id.replace("-", "") == begun.request_id
    assert operation.operation_object_id == target
    assert (operation.operation_name, operation.operation_status.status) == ("UpgradeDeployment", "Succeeded")
    assert operation.operation_parameters["serviceName"] == client.name
    assert "<Mode>Auto</Mode>" in operation.operation_parameters["input"]
    assert operation.operation_caller.used_service_management_api


def test_a_refusal_reaches_the_client_with_its_code_and_status(client: Any) -> None:
    with pytest.raises(AzureMissingResourceHttpError, match="ResourceNotFound"):
        client.service.get_deployment_by_name(client.name, "gone")
    with pytest.raises(AzureHttpError, match="InvalidXmlRequest") as refused:
        client.service.upgrade_deployment(
            client.name, client.production, "Manual", f"{PACKAGE}?unescaped=1&b=2", "e30=", "l", force=False
        )
    assert refused.value.status_code == 400


def test_a_client_without_the_right_certificate_gets_nowhere(
    emulator: Callable[..., str], connected: Callable[..., Any], certificates: Any
) -> None:
    url = emulator("--tls-cert", str(certificates.server), "--client-ca", str(certificates.authority))
    assert len(connected(url).list_hosted_services()) == 10
    with pytest.raises(requests.exceptions.ConnectionError):
        connected(url, certificates.foreign_client).list_hosted_services()


@pytest.mark.parametrize("options", [(), ("--redirect-port", "0")])
def test_it_follows_a_redirect_to_another_name_or_port(
    emulator: Callable[..., str], connected: Callable[..., Any], tmp_path: Path, options: tuple[str, ...]
) -> None:
    faults = tmp_path / "faults.yaml"
    faults.write_text("- {verb: services, effect: 307}\n", encoding="utf-8")
    url = emulator("--services", "1", "--faults", str(faults), *options)
    assert len(connected(url).list_hosted_services()) == 1
