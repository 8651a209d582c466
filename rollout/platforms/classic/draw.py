"""Make ready what a change of configuration will send: the document, its key, and where a copied package will lie."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from rollout.core.names import Digest
from rollout.core.prepare import Drawn, Order, Preparation, Unfeasible
from rollout.platforms.classic.configuration import CannotPatch, key_of, with_instance_counts, with_settings
from rollout.platforms.classic.paths import segment
from rollout.platforms.classic.request import CannotEncode
from rollout.platforms.classic.write import blob_url, url_text
from rollout.platforms.classic.xml import Unreadable

CONTAINER = "the container reference"


def payloads_of(order: Order) -> tuple[Digest, ...]:
    """Name the payloads `draw` wants for `order`."""
    return tuple(each for each in (order.wanted or order.deployed, order.container) if each is not None)


def draw(order: Order, payloads: Mapping[Digest, bytes]) -> Preparation:
    """Give the document wanted, or else the one deployed, with counts and settings put in."""
    source, of_whom = order.wanted or order.deployed, "new" if order.wanted else "deployed"
    if source is None:
        return Unfeasible("the deployment shows no service configuration that could be changed")
    try:
        document = with_instance_counts(payloads[source], order.counts)
        document = with_settings(document, order.settings)
        captured = None if order.container is None else _captured(payloads[order.container], order.private_id)
        return Drawn(document, key_of(document), captured)
    except Unreadable as error:
        return Unfeasible(f"the {of_whom} service configuration cannot be used: {error}")
    except CannotPatch as error:
        return Unfeasible(f"the {of_whom} service configuration cannot be changed so: {error}")
    except CannotEncode as error:
        return Unfeasible(f"the running package cannot be copied: {error}")


def _captured(container: bytes, private_id: str) -> bytes:
    """Give the URL of the copied package: Get Package calls it after the PrivateID. The signature stays on it."""
    if not private_id:
        raise CannotEncode("the deployment shows no PrivateID, which the copy is called after")
    parts = urlsplit(blob_url(url_text(container, CONTAINER), CONTAINER))
    path = f"{parts.path.rstrip('/')}/{segment(private_id)}.cspkg"
    return blob_url(urlunsplit(parts._replace(path=path)), "the URL of the copied package").encode()
