"""Whom a hook may ask: no address inside our own network unless the settings list it, and some not even then.

A policy names URLs and a policy's author is not trusted with our network, so every address a name stands for is checked
before the connection, and the connection goes to exactly those addresses (security.md, T9).
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NEVER: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "168.63.129.16/32",  # the wire server of Azure
        "100.100.100.200/32",  # metadata of Alibaba
        "192.0.0.192/32",  # metadata of Oracle
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "::ffff:0:0/96",  # IPv4 in IPv6's clothes, and the three that follow
        "::/96",
        "64:ff9b::/96",
        "2002::/16",
        "2001::/32",
        "fe80::/10",
        "fd00:ec2::254/128",  # metadata of AWS
        "fd20:ce::254/128",  # metadata of Google
        "ff00::/8",
    )
)
"""No settings open these."""
_LOOPBACK_V6: Final = ipaddress.IPv6Address("::1")
_NUMERIC: Final = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+))*\.?")


class Guard:
    """The settings' `allow.hosts`: names such as `gate.internal` and `*.internal`, addresses, and networks."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._networks: list[Network] = []
        self._names: list[str] = []
        for entry in allowed:
            try:
                self._networks.append(ipaddress.ip_network(entry.strip("[]")))
            except ValueError:
                self._names.append(entry.lower())

    def url_fault(self, url: str) -> str | None:
        """Say why a URL is never asked, as far as the URL alone tells; None = it depends on the addresses."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            return "it is no URL"
        if parts.scheme not in {"http", "https"} or not host:
            return f"its scheme is {parts.scheme or 'missing'}, and only http and https are asked"
        if "@" in parts.netloc:
            return "it carries a user name or password"
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            spelt = _NUMERIC.fullmatch(host) or ":" in host or "%" in host
            return f"{host} is no canonical spelling of an address" if spelt else None
        return self.address_fault(host, address)

    def address_fault(self, host: str, address: Address) -> str | None:
        """Say why the address that `host` stands for is not asked; None = it is."""
        if address != _LOOPBACK_V6 and any(address in network for network in NEVER):
            return f"{address} is link-local, metadata or no unicast address, and is never asked"
        if address.is_global or self._lists(host, address):
            return None
        return f"{address} is not public, and the settings do not list {host} in allow.hosts"

    def _lists(self, host: str, address: Address) -> bool:
        if any(address in network for network in self._networks if network.version == address.version):
            return True
        name = host.lower().rstrip(".")
        return any(name.endswith(each[1:]) if each.startswith("*.") else name == each for each in self._names)
