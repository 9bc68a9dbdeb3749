"""Named tuples, as typing.NamedTuple makes them, without importing typing.

That module alone would cost every login 3 ms. A type checker sees typing's own; at run time the
class body's annotations become the fields of a collections.namedtuple.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from typing import NamedTuple as NamedTuple  # noqa: PLC0414 -- an explicit re-export
else:

    class _Fields(type):
        """Makes of each class that derives from NamedTuple a named tuple with its methods."""

        def __new__(cls, name: str, _bases: tuple[type, ...], body: dict[str, Any]) -> type:
            names = tuple(body["__annotations__"])
            defaults = [body[each] for each in names if each in body]
            made = namedtuple(  # noqa: PYI024 -- the point of this module
                name, names, defaults=defaults, module=body["__module__"]
            )
            for key in body.keys() - {*names, "__annotations__", "__module__"}:
                setattr(made, key, body[key])
            return made

    NamedTuple = type.__new__(_Fields, "NamedTuple", (), {})
