"""Root's way to change tokens: at once, in the record itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from otpauth import changes, copies, home, store
from otpauth.cli.target import Target
from otpauth.errors import WriteError
from otpauth.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.account import Account
    from otpauth.changes import Change, Ground
    from otpauth.seal import Fingerprints


class AtOnce(Target):
    """Any account, by root: changes are carried out in the record at once."""

    program = "otpauth-admin"

    def __init__(self, account: Account, file: str | None = None) -> None:
        super().__init__(account, file)
        self.by = f" {account.name}"
        self.record, found = store.peek(account, self.terms())
        self.home_fault = found.fault
        self.waiting = tuple(each for each in found.content.proposals if each.key == self.public.id)
        if self.record is not None:
            held = self.record
            self.tokens = tuple(copies.listed(held, each) for each in held.ordered())
            self.enrolled = held.enrolled
            self.wishes = held.wishes

    def terms(
        self, *, approved: tuple[str, ...] = (), rejected: tuple[str, ...] = ()
    ) -> store.Terms:
        """Return what a transaction of now goes by."""
        now = int(time.time())
        place = home.Place(self.path, self.account)
        rule = self.policy.login
        return store.Terms(self.host, self.policy, rule, now, approved, place, rejected=rejected)

    def submit(self, verb: str, name: str, change: Change) -> None:  # noqa: ARG002 -- as in Own
        """Carry the change out. Raises RefusedError."""
        self.transact(lambda held, ground: changes.apply(held, change, ground))

    def edited(self, edit: Callable[[Record, Ground], Record]) -> Record:
        """Edit the record in a transaction and return it. Raises as transact()."""
        edited: Record = self.transact(edit).value
        return edited

    def transact(
        self,
        edit: Callable[[Record, Ground], Record],
        *,
        approved: tuple[str, ...] = (),
        rejected: tuple[str, ...] = (),
    ) -> store.Done:
        """Edit the record in a transaction. Raises RefusedError; then nothing was changed."""
        terms = self.terms(approved=approved, rejected=rejected)

        def act(held: Record | None, marks: Fingerprints) -> store.Act:
            ground = store.ground(terms, marks)
            blank = Record(self.account.name, self.account.uid)
            edited = edit(held or blank, ground)
            return store.Act(edited, edited, home=True)

        done = store.transact(self.account, terms, act)
        if not done.recorded:
            raise WriteError(
                f"{self.host.copy_of(self.account.name)!r} was not written, nor the home's copy",
                hint="nothing was changed; is there space left, are the folders there?",
            )
        return done
