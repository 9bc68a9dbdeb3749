"""XML from elsewhere as a small tree with line numbers: no document type, no entities, bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers import expat

from otpauth.formats.imported import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

ELEMENTS_MAX = 200_000
DEPTH_MAX = 32


class Element:
    """An element by its local name: namespaces are dropped, files in the wild disagree on them."""

    __slots__ = ("attributes", "children", "line", "pieces", "tag")

    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag = _local(tag)
        self.attributes = {_local(key): value for key, value in attributes.items()}
        self.line = line
        self.children: list[Element] = []
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """Return the text directly inside, without blanks around it."""
        return "".join(self.pieces).strip()

    def all(self, tag: str) -> Iterator[Element]:
        """Yield the children with a local name."""
        return (child for child in self.children if child.tag == tag)

    def find(self, *path: str) -> Element | None:
        """Return the first descendant on a path of local names, or None."""
        here: Element | None = self
        for tag in path:
            here = next(here.all(tag), None) if here is not None else None
        return here


def read(data: bytes) -> Element:
    """Return the root. Raises FormatError."""
    builder = _Builder()
    try:
        builder.parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError):
        line = builder.parser.CurrentLineNumber
        raise FormatError("the file is not well-formed XML", line=line) from None
    return builder.root.children[0]


class _Builder:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.root = Element("", {}, 0)
        self._open = [self.root]
        self._count = 0

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self._count += 1
        if self._count > ELEMENTS_MAX or len(self._open) > DEPTH_MAX:
            raise FormatError("the file has too many elements, or too deep ones", line=line)
        element = Element(tag, attributes, line)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._open[-1].pieces.append(text)

    def _doctype(self, *_: object) -> None:
        line = self.parser.CurrentLineNumber
        raise FormatError("the file declares a document type, which is refused", line=line)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
