"""The plan's picture: sound SVG that shows every service, at twelve and at five hundred of them."""

from collections.abc import Callable
from xml.etree import ElementTree as ET

import msgspec
import pytest

from rollout.core.compile import Compiled
from rollout.planning.document import PlanDocument
from rollout.planning.picture import WIDTH, picture

SVG = "{http://www.w3.org/2000/svg}"
MORE = (
    "waves: [{name: canary, select: 2, bake: 30m}, {name: rest, select: rest, max_parallel: 50, strict: false}]\n"
    'windows: ["Mon-Fri 09:00-17:00 UTC"]\n'
)


@pytest.mark.parametrize(("services", "named"), [(12, 12), (500, 40)])
def test_the_picture_shows_every_service_within_its_frame_and_names_as_many_as_can_be_read(
    compiled: Callable[..., Compiled], planned: Callable[..., PlanDocument], services: int, named: int
) -> None:
    told = planned(compiled(services, more=MORE))
    root = ET.fromstring(picture(told))  # noqa: S314 - our own
    height = float(root.attrib["height"])
    boxes = [
        {key: float(box.attrib.get(key, "0")) for key in ("x", "y", "width", "height")}
        for box in root.iter(f"{SVG}rect")
    ]
    assert all(box["x"] + box["width"] <= WIDTH + 0.1 for box in boxes)
    assert all(box["y"] + box["height"] <= height for box in boxes)
    assert len(boxes) > sum(len(each.spans) for each in told.services)
    words = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert sum(word.startswith("svc-") for word in words) >= min(named, services) * 0.8
    assert any(word.startswith("canary: 2 services") for word in words)
    assert height < 2_000


def test_names_from_outside_cannot_break_out_of_the_picture(
    compiled: Callable[..., Compiled], planned: Callable[..., PlanDocument]
) -> None:
    told = planned(compiled(1))
    evil = msgspec.structs.replace(told, rollout='"><script>alert(1)</script>', summary="<b>&")
    root = ET.fromstring(picture(evil))  # noqa: S314 - our own
    assert not list(root.iter(f"{SVG}script"))
