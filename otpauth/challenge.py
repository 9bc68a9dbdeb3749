"""What a login asks before anything is typed: pure, the counterpart of login.decide.

Most logins ask the same of everybody, known or not, and nothing is read for that. Only a person
whose first factor is known may be asked for more: a list password by its number. So a stranger
learns nothing from the prompt, not even who has a list.

The numbers of a list are asked for in an order that its keyed hashes give: the same number again
until it is used, so that whoever knows a few passwords of a paper cannot log in again and again
until he is asked for one of them. A number that another login is being asked for is passed over;
at most ASKED_MAX are asked for at once, and then no more.
"""

from __future__ import annotations

from otpauth import login, token, wishes
from otpauth.login import Asked
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.login import Request
    from otpauth.policy import Rule
    from otpauth.record import Record

ASKED_MAX = 8  # numbers of one list that logins at the same time are asked for


class Paper(NamedTuple):
    """A list to ask a password of: the token's id and name, and the next numbers, best first."""

    id: str
    name: str
    numbers: tuple[int, ...]


class Challenge(NamedTuple):
    """What is to be asked, and the lists of which a number has to be held before that.

    `prompt` asks for the code of a device, empty if there is none; `plain` is what everybody is
    asked.
    """

    plain: str
    prompt: str = ""
    papers: tuple[Paper, ...] = ()

    def asked(self, held: dict[str, int]) -> Asked:
        """Return what the person is asked; `held` are the numbers he has alone, -1 for none.

        No other list password counts than of these numbers.
        """
        numbers = {ident: number for ident, number in held.items() if number >= 0}
        words = [
            f"password {numbers[each.id]:0{token.NUMBER_SIZE}} from list '{each.name}'"
            for each in self.papers
            if each.id in numbers
        ]
        if not words:
            return Asked(self.plain, numbers)
        first = self.prompt.rstrip().removesuffix(":")
        text = ", or ".join([first, *words] if first else words)
        return Asked(f"{text[0].upper()}{text[1:]}: ", numbers)


def challenge(account: Record | None, request: Request, rule: Rule, prompt: str) -> Challenge:
    """Return what to ask instead of `prompt`; which numbers are free, asked() is told later."""
    plain = Challenge(prompt)
    if account is None or not account.enrolled or not request.first_factor:
        return plain
    rule = wishes.effective(rule, account.wishes)
    usable = login.usable_tokens(account, request, rule)
    lists = [each for each in usable if each.kind == "list"]
    if not lists:
        return plain
    from otpauth.kinds import paper

    papers = tuple(
        Paper(each.id, each.name, numbers[:ASKED_MAX])
        for each in sorted(lists, key=lambda each: each.name)
        if (numbers := paper.order(each, account.state))
    )
    others = any(each.kind in token.ONE_TIME for each in usable if each.kind != "list")
    return plain._replace(prompt=prompt if others else "", papers=papers)
