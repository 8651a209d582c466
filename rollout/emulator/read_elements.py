"""Reading elements: children in exactly the declared order, each at most once, in the one namespace."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from rollout.emulator import hardened
from rollout.emulator.knobs import Knobs
from rollout.emulator.refusals import Refusal, invalid_xml
from rollout.platforms.classic.vocabulary import INSTANCE_NAMESPACE, NAMESPACE, NAMESPACE_MISPRINTED

_NIL: Final = f"{{{INSTANCE_NAMESPACE}}}nil"
_QUOTED_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Child:
    """An element that may stand here; before its version the service does not know it."""

    name: str
    required: bool = False
    since: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The children of one element, by name."""

    _elements: dict[str, etree._Element]

    def has(self, name: str) -> bool:
        """Say whether the child is there and not nil."""
        return name in self._elements

    def element(self, name: str) -> etree._Element | None:
        """Give the child, if it is there."""
        return self._elements.get(name)

    def text(self, name: str) -> str:
        """Give the text of a child that is there; it must not have children of its own."""
        element = self._elements[name]
        if len(element):
            raise invalid_xml(f"{name} holds text only.")
        return element.text or ""


@dataclass(frozen=True, slots=True)
class Reader:
    """How strictly to read: the knobs, and the version the caller speaks."""

    knobs: Knobs
    version: str

    def root(self, body: bytes, name: str, children: Sequence[Child]) -> Found:
        """Read a document whose root has this name. Raises Refusal: InvalidXmlRequest."""
        return self.children(self._root(body, name), children)

    def texts(self, body: bytes, name: str, item: str) -> tuple[str, ...]:
        """Read a document whose root has this name and holds equally named texts. Raises Refusal."""
        items = self.items(self._root(body, name), item)
        return tuple(Found({item: each}).text(item) for each in items)

    def children(self, parent: etree._Element, declared: Sequence[Child]) -> Found:
        """Read children in their declared order."""
        known = [child for child in declared if self.version >= child.since]
        places = {child.name: place for place, child in enumerate(known)}
        elements: dict[str, etree._Element] = {}
        reached = -1
        for element, name in self._named(parent):
            place = places.get(name, -1)
            if place > reached:
                elements[name] = element
                reached = place
            elif self.knobs.xml_order == "strict":
                raise _misplaced(name, parent, known)
        given = {name: element for name, element in elements.items() if element.get(_NIL) not in {"true", "1"}}
        for child in known:
            if child.required and child.name not in given:
                raise invalid_xml(f"{_local(parent)} lacks {child.name}.")
        return Found(given)

    def items(self, parent: etree._Element, name: str) -> list[etree._Element]:
        """Read a list of equally named children."""
        found: list[etree._Element] = []
        for element, child in self._named(parent):
            if child == name:
                found.append(element)
            elif self.knobs.xml_order == "strict":
                raise invalid_xml(f"{_local(parent)} holds {name} only.")
        return found

    def _root(self, body: bytes, name: str) -> etree._Element:
        try:
            element = hardened.parse(body)
        except hardened.XmlRefused as error:
            raise invalid_xml(str(error)) from None
        if element.tag not in {f"{{{namespace}}}{name}" for namespace in self._namespaces()}:
            raise invalid_xml(f"The root must be {name} in the namespace {NAMESPACE}.")
        return element

    def _named(self, parent: etree._Element) -> list[tuple[etree._Element, str]]:
        """List the child elements with their local names; one of a foreign namespace has no known name."""
        between = [parent.text, *(element.tail for element in parent)]
        if any(text and text.strip() for text in between):
            raise invalid_xml(f"{_local(parent)} holds elements only, no text.")
        return [(element, self._name(element)) for element in parent]

    def _name(self, element: etree._Element) -> str:
        name = etree.QName(element)
        return name.localname if name.namespace in self._namespaces() else f"{{{name.namespace}}}{name.localname}"

    def _namespaces(self) -> tuple[str, ...]:
        return (NAMESPACE, NAMESPACE_MISPRINTED) if self.knobs.lenient_ns else (NAMESPACE,)


def _misplaced(name: str, parent: etree._Element, known: Sequence[Child]) -> Refusal:
    order = ", ".join(child.name for child in known)
    return invalid_xml(f"{name[:_QUOTED_MAX]} is unknown or out of order; {_local(parent)} takes, in order: {order}.")


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname[:_QUOTED_MAX]
