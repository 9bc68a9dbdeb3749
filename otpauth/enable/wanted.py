"""What an administrator wants of a service: who is asked for a code, and behind what."""

from __future__ import annotations

from typing import NamedTuple

from otpauth.policy import Rule

KEY, PASSWORD, ONE_BOX = "key", "password", "one-box"


class Wanted(NamedTuple):
    """The words of `enable`.

    `first` is the factor before the code: KEY (sshd's), PASSWORD, or ONE_BOX, a password with the
    code at its end. `group` are the only ones who are asked, empty for everybody; `spared` are
    accounts that go on to log in with their key alone. `until` is the last day, YYYY-MM-DD, on
    which who is not enrolled may pass. `rule` is what otpauth.conf says for the service.
    """

    service: str
    first: str = PASSWORD
    group: str = ""
    spared: tuple[str, ...] = ()
    until: str = ""
    rule: Rule = Rule()

    @property
    def ignores(self) -> bool:
        """Whether our line may leave somebody to the others."""
        return bool(self.until or self.rule.skip_from or self.rule.who != Rule().who)
