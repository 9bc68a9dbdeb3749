"""Users without a record who have a file of other software: moved inside of their next login.

A PAM line says so, adopt=google-authenticator or adopt=oath:/etc/users.oath. Only then, and only
for such a user, formats are loaded. The file is left as it is; whoever has a record, even one that
was reset, is never looked at again. Where the host sends a user codes, a file in his home counts
for nothing, as a first proposal does.
"""

from __future__ import annotations

import contextlib
import os
import time

from otpauth import home, host
from otpauth.errors import FormatError, RefusedError, UnsafeFileError
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.account import Account, Deputy
    from otpauth.changes import Ground
    from otpauth.record import Record

OATH = "usersfile"
SIZE_MAX = 4 * 2**20  # bytes of a file of many users
SECONDS = 2  # for the home to answer
NAME = "phone"  # of the first token


class Arrival(NamedTuple):
    """A file that may be a user's, or why it is unfit."""

    format: str
    path: str
    user: str
    data: bytes = b""
    fault: str = ""

    def __repr__(self) -> str:
        return f"Arrival({self.path!r})"

    @property
    def user_may_write(self) -> bool:
        """Whether it lies in a home: whoever writes that says what is in it."""
        return self.format != OATH


def look(
    adopt: tuple[str, str], account: Account, deputy: Deputy, place: host.Host
) -> Arrival | None:
    """Read what a user may bring: None if there is no such file, or he is not in it."""
    kind, template = adopt
    arrival = Arrival(kind, home.path_of(account, template), account.name)
    if kind == OATH:
        return _listed(arrival, place)
    deputy.ask(home.READ + arrival.path.encode("utf-8", "surrogateescape"))
    reply = deputy.reply(SECONDS)
    if reply == home.ABSENT:
        return None
    if reply and reply.startswith(home.FOUND):
        return arrival._replace(data=reply.removeprefix(home.FOUND))
    fault = reply.removeprefix(home.UNFIT).decode() if reply else "the home did not answer"
    return arrival._replace(fault=fault)


def _listed(arrival: Arrival, place: host.Host) -> Arrival | None:
    """Read a file of many users, which is root's own."""
    try:
        data = host.trusted(arrival.path, place.owner, most=SIZE_MAX)
    except FileNotFoundError:
        return None
    except (OSError, UnsafeFileError) as error:
        return arrival._replace(fault=str(error))
    return arrival._replace(data=data) if arrival.user.encode() in data.split() else None


def move(held: Record, arrival: Arrival, ground: Ground) -> tuple[Record, str]:
    """Return the record with what the user brought, and why it is not, or nothing."""
    if arrival.fault:
        return held, arrival.fault
    from otpauth import formats, moving

    user = arrival.user if arrival.format == OATH else ""
    try:
        with _own_zone():
            items = formats.parse(arrival.data, name=NAME, format=arrival.format, user=user)
        if any(item.guarded for item in items):
            return held, "it asks for a password beside the code, which is not moved"
        kept, _ = moving.allowed(items, ground.setup.kinds)
        kept = tuple(item._replace(window=0) for item in kept)  # the code of now is to be good
        return moving.move(held, kept, ground).record, ""
    except (FormatError, RefusedError) as error:
        return held, str(error)


@contextlib.contextmanager
def _own_zone() -> Iterator[None]:
    """Read local times in the host's own zone: TZ is what the caller of su or sudo says."""
    theirs = os.environ.pop("TZ", None)
    time.tzset()
    try:
        yield
    finally:
        if theirs is not None:
            os.environ["TZ"] = theirs
        time.tzset()
