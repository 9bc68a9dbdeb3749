"""Which ways there are to a user: the channels of otpauth.conf that are for him, and his addresses.

Addresses come from a template, from a map that only root may write, or, if the administrator says
so, from the GECOS field. Whoever may change where a code goes has the code: a map that others may
write counts as broken. Nothing of the user's home is looked at.
"""

from __future__ import annotations

import pwd

from otpauth import account, channels, host
from otpauth.errors import ConfigError, UnsafeFileError
from otpauth.kinds import sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.account import Account
    from otpauth.channels import Channel
    from otpauth.host import Host
    from otpauth.kinds.sent import Route
    from otpauth.policy import Policy

MAP_MAX = 1024 * 1024  # bytes


def of(who: Account, policy: Policy, place: Host) -> tuple[Route, ...]:
    """Return the routes to a user, in the order of otpauth.conf.

    One whose address cannot be found out, since a file is broken, has none; a user for whom there
    is no address has no route. Where it is in doubt whether a channel is for him, since a group is
    not known, he has its route, which keeps strangers from enrolling him; nothing goes there.
    """
    found = []
    for channel in policy.channels.values():
        certain = account.is_meant(who, channel.who, in_doubt=False)
        if not certain and not account.is_meant(who, channel.who, in_doubt=True):
            continue
        try:
            text = _address(who, channel, place)
            to = channels.admitted(channel, text if certain else "") if text else None
        except (ConfigError, KeyError, OSError, UnsafeFileError):
            to = ""
        if to is not None:
            found.append(sent.route(channel, to))
    return tuple(found)


def _address(who: Account, channel: Channel, place: Host) -> str:
    kind, _, rest = channel.to.partition(":")
    if kind == "map":
        data = host.trusted(rest, place.owner, most=MAP_MAX)
        return channels.mapped(data.decode("utf-8", "replace"), who.name)
    if kind == "gecos":
        text = pwd.getpwnam(account.native(who.name)).pw_gecos
        return channels.gecos(text, rest)
    return channels.filled(channel.to, {"user": who.name})
