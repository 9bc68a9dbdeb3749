"""Whose tokens a verb works on, and how: here by a proposal of his own, in at_once by root."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from otpauth import home, oath, propose, store, wishes
from otpauth.errors import NotEnrolledError, RefusedError
from otpauth.host import Host
from otpauth.token import SENT

if TYPE_CHECKING:
    from otpauth.account import Account
    from otpauth.changes import Change, Proof
    from otpauth.cli.terminal import Terminal
    from otpauth.policy import Policy
    from otpauth.secretfile import Listed, Proposal


NEW = ("add", "import", "setup")  # verbs of proposals that only add tokens


class Target:
    """An account whose tokens are to be changed. `tokens` are those on this host, as listed.

    `path` is where the user's file is.
    """

    program = "otpauth"
    by = ""  # how the account is named in hints

    def __init__(self, account: Account, file: str | None = None) -> None:
        """`file` takes the place of the one in otpauth.conf: below ~/, or by its path."""
        self.host = Host()
        self.account = account
        self.policy: Policy = self.host.policy()
        self.path = home.path_of(account, self.policy.setup.file)
        if file:
            path = home.path_of(account, file) if file.startswith("~/") else file
            self.path = os.path.abspath(path)
        self.public = self.host.public_key()
        self.tokens: tuple[Listed, ...] = ()
        self.waiting: tuple[Proposal, ...] = ()
        self.enrolled = False
        self.wishes = wishes.NONE

    def named(self, name: str) -> Listed:
        """Return the token of that name. Raises NotEnrolledError."""
        for each in self.tokens:
            if each.name == name:
                return each
        raise NotEnrolledError(f"no token {name!r} on this host", hint=self._what_there_is())

    def _what_there_is(self) -> str:
        if self.tokens:
            return f"there are: {', '.join(each.name for each in self.tokens)}"
        if self.waiting:
            return f"{self.waiting[0].name!r} waits for the first login"
        return f"{self.program} setup{self.by}"

    def check_free(self, name: str) -> None:
        """Raise RefusedError if a token or a waiting proposal has that name."""
        names = {each.name for each in self.tokens}
        names |= {each.name for each in self.waiting if each.verb in (*NEW, "replace")}
        if name in names:
            raise RefusedError(
                f"there is a token {name!r} already",
                hint=f"another name, or: {self.program} replace{self.by} {name}",
            )

    def check_adopted(self) -> None:
        """Raise RefusedError if a first enrolment waits for its login already."""
        if self.waiting and not self.tokens:
            name = self.waiting[0].name
            raise RefusedError(
                f"{name!r} waits for the first login already",
                hint=f"to begin anew: otpauth remove {name}, then again",
            )

    def needs_proof(self) -> bool:
        """Say whether a change must carry a code of a present token to be adopted by itself."""
        return False

    def submit(self, verb: str, name: str, change: Change) -> None:
        """Have a change carried out. Raises RefusedError and what the files raise."""
        raise NotImplementedError

    def prove(self, terminal: Terminal) -> Proof | None:
        """Ask for a code of a present token, if a change needs one. Raises RefusedError."""
        if not self.needs_proof():
            return None
        which = self._provers()
        while True:
            typed = terminal.ask(f"A code of {which}, to show that it is you: ", echo=False)
            proof = proof_of(typed)
            if proof:
                return proof
            terminal.write("that is not a code; ^C stops, and nothing is changed\n")

    def _provers(self) -> str:
        """Return whose codes may prove a change, for the question. Raises RefusedError if none."""
        if not self.tokens:
            return "the token you have"
        silent = ("password", *SENT)  # kinds that prove nothing
        on = [each for each in self.tokens if each.switch == "on" and each.kind not in silent]
        names = [
            f"{each.name} (number and password)" if each.kind == "list" else each.name
            for each in [each for each in on if not each.groups] or on
        ]
        if not names:
            raise RefusedError(
                "you have no token whose code would prove that it is you",
                hint=f"administrator: otpauth-admin add {self.account.name} totp phone",
            )
        return f"one of {', '.join(names)}"


def proof_of(typed: str) -> Proof | None:
    """Return an answer as a proof, None if it cannot be a code."""
    import time

    from otpauth import answer
    from otpauth.changes import Proof

    code = answer.code(typed)
    if answer.numbered(typed) and not (code.isdigit() and len(code) <= oath.DIGITS[-1]):
        code = typed.strip()  # a list password
    elif not 6 <= len(code) <= 16:
        return None
    return Proof(code, int(time.time()))


class Own(Target):
    """The caller's own account: changes are proposals in his file."""

    def __init__(self, account: Account, file: str | None = None) -> None:
        super().__init__(account, file)
        view = propose.view(account, self.path, self.public)
        self.view = view
        self.waiting = view.waiting
        self.tokens = view.record.tokens if view.record else ()
        self.enrolled = bool(view.record and view.record.enrolled) or bool(view.waiting)
        self.wishes = view.record.wishes if view.record else wishes.NONE
        self.sent = store.sent_to(account, self.policy, self.host)

    @property
    def waits(self) -> bool:
        """Say whether a first enrolment waits for the administrator: codes are sent already."""
        return bool(self.sent) and not self.tokens and self.policy.setup.changes != "trust"

    def needs_proof(self) -> bool:
        """Say whether the host will ask for a proof: always after the first enrolment."""
        return self.enrolled and self.policy.setup.changes == "confirm"

    def submit(self, verb: str, name: str, change: Change) -> None:
        """Write the change into the file as a proposal."""
        import time

        now = int(time.time())
        proposal = propose.sealed(self.account, self.public, change, verb=verb, name=name, now=now)
        propose.submit(self.account, self.path, proposal)
