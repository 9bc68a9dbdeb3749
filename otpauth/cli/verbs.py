"""The verbs that change tokens, for one's own account and for root alike: a Target says how."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from otpauth import oath, propose, token, uri, wishes
from otpauth.changes import Change, Proof
from otpauth.cli import flags, limited, mobile, programs, report, wizard
from otpauth.cli.target import NEW, Own, proof_of
from otpauth.cli.terminal import Terminal
from otpauth.errors import FormatError, NotEnrolledError, NoTerminalError, RefusedError, UsageError
from otpauth.token import Draft

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from otpauth.cli.target import Target
    from otpauth.wishes import Wishes


@contextlib.contextmanager
def opened_terminal(*, plain: bool, qr: str = "auto") -> Iterator[Terminal]:
    """Open the terminal, with what to do if there is none."""
    try:
        with Terminal(plain=plain, qr=qr) as terminal:
            yield terminal
    except NoTerminalError as error:
        error.hint = error.hint or "on one: ssh -t HOST otpauth ...; without: setup -C, or --json"
        raise


def proven(target: Target, *, plain: bool) -> Proof | None:
    """Ask for a code of a present token where a change needs one, on a terminal of its own."""
    if not target.needs_proof():
        return None
    try:
        with opened_terminal(plain=plain) as terminal:
            return target.prove(terminal)
    except NoTerminalError as error:
        hint = "on one: ssh -t HOST otpauth ..."
        raise NoTerminalError("no terminal to ask for a code on", hint=hint) from error


def add(target: Target, options: argparse.Namespace) -> int:
    """Add a token beside the present ones."""
    from otpauth.cli import addresses, appword, paper

    paper.check(options.kind, options)
    appword.check(options.kind, options)
    addresses.check(options.kind, options)
    if options.name is None and options.kind != "list":
        examples = {**addresses.EXAMPLES, "password": "password laptop --for imap"}
        example = examples.get(options.kind, f"{options.kind} phone")
        raise UsageError("a NAME is missing", hint=f"{target.program} add{target.by} {example}")
    name = token.check_name(options.name or paper.NAME)
    target.check_free(name)
    options.groups = limited.read(target, options.limit) if options.limit is not None else ()
    status = _added(target, options, name)
    if options.groups:
        limited.warn(target, Draft(options.kind, name, {}, groups=options.groups))
    return status


def _added(target: Target, options: argparse.Namespace, name: str) -> int:
    from otpauth.cli import addresses, appword, paper

    if options.kind == "list":
        return paper.make(target, options, name, verb="add")
    if options.kind in token.SENT:
        return addresses.add(target, options, name)
    if options.kind == "password":
        return appword.make(target, options, name, verb="add")
    if options.uri:
        return from_uri(target, options, name, verb="add")
    if options.kind == "scratch":
        return codes(target, options)
    draft = blank(target, options.kind, name, options)
    _enrol_and_submit(target, options, draft, verb="add", remove=())
    if not options.json:
        print(f"{target.program}: {name} {when(target)}")
    return report.DONE


def replace(target: Target, options: argparse.Namespace) -> int:
    """Put a new secret in the place of a token: a new phone."""
    from otpauth.cli import appword, paper

    old = target.named(options.name)
    paper.check(old.kind, options)
    appword.check(old.kind, options)
    options.groups = old.groups
    if old.kind == "list":
        return paper.make(target, options, old.name, verb="replace", remove=(old.id,))
    if old.kind == "password":
        return appword.make(target, options, old.name, verb="replace", remove=(old.id,))
    if old.kind == "scratch":
        return codes(target, options)
    if old.kind in token.SENT:
        raise RefusedError(
            f"{old.name!r} is an address",
            hint=f"add the new one, then: {target.program} remove{target.by} {old.name}",
        )
    draft = blank(target, old.kind, old.name, options)
    _enrol_and_submit(target, options, draft, verb="replace", remove=(old.id,))
    if not options.json:
        print(f"{target.program}: {old.name}: the new secret {when(target)}; the old one ends then")
    return report.DONE


def codes(target: Target, options: argparse.Namespace) -> int:
    """Make new scratch codes in the place of the old ones."""
    _check_enrolled(target)
    new = new_codes(target, options.codes)
    sets = [each for each in target.tokens if each.kind == "scratch"]
    old = tuple(each.id for each in sets)
    before = sets[0].groups if len({each.groups for each in sets}) == 1 else ()
    groups = getattr(options, "groups", None) or before
    drafts = (wizard.scratch_draft(new)._replace(groups=groups),) if new else ()
    if options.json:
        programs.show_codes(target, new)
        change = Change(add=drafts, remove=old, proof=programs.proof(target))
        target.submit("codes", "scratch", change)
        return report.DONE
    with opened_terminal(plain=options.plain) as terminal:
        proof = target.prove(terminal)
        with terminal.screen():
            if new:
                wizard.hand_out(terminal, wizard.codes_told(terminal, new))
            target.submit("codes", "scratch", Change(add=drafts, remove=old, proof=proof))
    print(f"{target.program}: {len(new)} scratch codes {when(target)}; the old ones end then")
    return report.DONE


def remove(target: Target, options: argparse.Namespace) -> int:
    """Remove tokens for good."""
    names = list(dict.fromkeys(options.names))
    waiting = _waiting(target, names)
    there = [target.named(name) for name in names if name not in waiting]
    proof = proven(target, plain=options.plain) if there else None
    if waiting and isinstance(target, Own):
        from otpauth import propose

        propose.withdraw(target.account, target.path, frozenset(waiting.values()))
        print(f"{target.program}: withdrawn, it was never in use: {', '.join(waiting)}")
    if there:
        ids = tuple(each.id for each in there)
        target.submit("remove", there[0].name, Change(remove=ids, proof=proof))
        print(f"{target.program}: {', '.join(each.name for each in there)}: {_gone(target)}")
    return report.DONE


def relabel(target: Target, options: argparse.Namespace) -> int:
    """Change a token's name, note, expiry or limit, or switch it on or off."""
    one = target.named(options.name)
    labels: dict[str, Any] = {}
    if options.new is not None:
        target.check_free(token.check_name(options.new))
        labels["name"] = options.new
    if options.note is not None:
        try:
            token.check_note(options.note)
        except FormatError:
            raise UsageError(f"a note is up to {token.NOTE_MAX} bytes of printable text") from None
        labels["note"] = options.note
    if options.expires is not None:
        labels["expires"] = expiry(options.expires)
    if options.switch is not None:
        labels["enabled"] = options.switch == "on"
    if options.limit is not None:
        labels["groups"] = limited.read(target, options.limit)
    if not labels:
        raise UsageError("nothing to set", hint="--name, --note, --for, --expires, --on or --off")
    proof = proven(target, plain=options.plain)
    target.submit("set", one.name, Change(relabel={one.id: labels}, proof=proof))
    if "groups" in labels:
        limited.warn(target, one._replace(groups=labels["groups"]))
    print(f"{target.program}: {one.name}: the change {when(target)}")
    return report.DONE


def wish(target: Target, options: argparse.Namespace) -> int:
    """Change what the user wishes for his logins."""
    wished = flags.wished(options, "totp")
    _check_enrolled(target)
    if bool(wished) == options.none:
        raise UsageError("wish for something, or --none", hint="-w, -r and -R, or -u")
    proof = proven(target, plain=options.plain)
    target.submit("wish", "limits", Change(wishes=wished or wishes.NONE, proof=proof))
    told = wishes.told(target.policy.login, wished or wishes.NONE) or ["the host's rule"]
    from_when = "from your next login on" if isinstance(target, Own) else "from now on"
    for line in told:
        print(f"{target.program}: in force {from_when}: {line}")
    return report.DONE


def logout(target: Target, options: argparse.Namespace) -> int:  # noqa: ARG001 -- as all verbs
    """End the sessions that there are. No code is asked for: it lets nobody in."""
    _check_enrolled(target)
    when = "now"
    if isinstance(target, Own):
        when = "with your next login, before it is decided"
        earlier = frozenset(each.digest() for each in target.waiting if each.verb == "logout")
        propose.withdraw(target.account, target.path, earlier)
    target.submit("logout", "sessions", Change(ended=int(time.time())))
    print(f"{target.program}: sessions that began until now end {when}")
    return report.DONE


def say_cut(target: Target, wished: Wishes | None) -> None:
    """Say which wishes the host's rule stands above."""
    for line in wishes.cut(target.policy.login, wished or wishes.NONE):
        report.say(target.program, "warning", line)


def blank(target: Target, kind: str, name: str, options: argparse.Namespace) -> Draft:
    """Return a token with a new secret, as the options and the host's defaults say."""
    check_allowed(target, kind)
    path = getattr(options, "qr_file", None)
    if path and os.path.lexists(path):
        raise RefusedError(f"{path!r} exists already", hint="name another file")
    groups, expires = getattr(options, "groups", ()), expiry(options.expires)
    if kind == "motp":
        if options.algorithm or options.digits or options.period:
            raise UsageError("mOTP knows neither --algorithm nor --digits nor --period")
        return mobile.blank(name)._replace(expires=expires, groups=groups)
    algorithm, digits, period = target.policy.setup.totp
    step_size = getattr(options, "step_size", None)
    params = {
        "secret": wizard.new_secret(),
        "algorithm": options.algorithm or algorithm,
        "digits": options.digits or digits,
    }
    if kind == "totp":
        params["period"] = options.period or step_size or period
    elif options.period:
        raise UsageError("--period is for time-based tokens")
    try:
        token.check_params(kind, params, hashed=False)
    except FormatError:
        raise UsageError(
            f"--period is from {oath.PERIOD_MIN} to {oath.PERIOD_MAX} seconds"
        ) from None
    return Draft(kind, name, params, expires=expires, groups=groups)


def check_allowed(target: Target, kind: str) -> None:
    """Raise RefusedError if the host does not let tokens of a kind be set up."""
    if kind not in target.policy.setup.kinds:
        raise RefusedError(
            f"kind {kind} is not allowed on this host",
            hint="administrator: otpauth.conf: kinds in [setup]",
        )


def expiry(text: str | None) -> int:
    """Read a date as the second after its end, 0 for none or `never`. Raises UsageError."""
    if text in (None, "never"):
        return 0
    try:
        return int(time.mktime(time.strptime(str(text), "%Y-%m-%d"))) + 86400
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is not a date", hint="like 2027-01-31, or never") from None


def words(target: Target, options: argparse.Namespace) -> wizard.Words:
    """Return the names that the screen and the app show; a label may be ISSUER:ACCOUNT."""
    host = os.uname().nodename.partition(".")[0] or "host"
    user = target.account.name
    setup_rule = target.policy.setup
    fill = {"{host}": host, "{user}": user}
    issuer, account = setup_rule.issuer, setup_rule.account
    for key, value in fill.items():
        issuer, account = issuer.replace(key, value), account.replace(key, value)
    before, colon, label = (getattr(options, "label", None) or "").rpartition(":")
    given = getattr(options, "issuer", None)
    if given is None and colon:
        given = before
    issuer, account = issuer if given is None else given, label or account
    if ":" in issuer:
        raise UsageError("an issuer must not contain a colon")
    if not (issuer + account).isprintable():
        raise UsageError("issuer and label must be printable")
    return wizard.Words(user, host, issuer, account)


def picture(options: argparse.Namespace, draft: Draft, named: wizard.Words) -> None:
    """Write the QR into a file, if that was asked for."""
    path = getattr(options, "qr_file", None)
    if not path:
        return
    from otpauth.cli import qr

    try:
        qr.write_file(path, wizard.address(draft, named))
    except FileExistsError:
        raise RefusedError(f"{path!r} exists already", hint="name another file") from None
    report.say("otpauth", "warning", f"{path!r} holds the secret: delete it once it is scanned")


def from_uri(
    target: Target,
    options: argparse.Namespace,
    name: str,
    *,
    verb: str,
    wished: Wishes | None = None,
) -> int:
    """Enrol the secret of a URI on stdin; a second line may be a code, as proof.

    Of mOTP the second line is the PIN, and a third one the proof.
    """
    if options.uri != "-":
        raise UsageError("--uri takes '-': the URI is read from standard input, never from argv")
    if options.algorithm or options.digits or options.period or options.codes is not None:
        raise UsageError("with --uri the URI says algorithm, digits and period; no codes are made")
    if any(getattr(options, each, None) for each in ("step_size", "json", "qr_mode")):
        raise UsageError("with --uri nothing is shown, and the URI says the period")
    lines = [line for line in sys.stdin.read(8192).splitlines() if line.strip()]
    if not lines:
        raise FormatError("there is no URI on standard input", hint="echo otpauth://... | ...")
    read = uri.parse(lines[0], name=name)
    groups = getattr(options, "groups", ())
    draft = read.draft._replace(expires=expiry(options.expires), groups=groups)
    check_allowed(target, draft.kind)
    kind = options.kind or draft.kind
    if kind != draft.kind:
        raise UsageError(f"the URI is of a {draft.kind} token, not {kind}")
    if draft.kind == "motp":
        draft = mobile.with_pin(draft, lines.pop(1) if lines[1:] else "")
    proof = proof_of(lines[1]) if lines[1:] else None
    if token.weak(draft.kind, token.bits(draft)):
        least = token.STRONG.get(draft.kind, token.SECRET_STRONG)
        report.say(target.program, "warning", f"the secret is shorter than {least} bits")
    target.submit(verb, name, Change(add=(draft,), proof=proof, wishes=wished))
    if target.needs_proof() and proof is None:
        print(f"{target.program}: {name} waits for the administrator: it came without a code")
    else:
        print(f"{target.program}: {name} {when(target)}")
    return report.DONE


def _enrol_and_submit(
    target: Target,
    options: argparse.Namespace,
    draft: Draft,
    *,
    verb: str,
    remove: tuple[str, ...],
) -> None:
    proof: Proof | None
    named = words(target, options)
    if options.json:
        programs.show(target, programs.Shown(draft, named, []))
        proof = programs.proof(target)
        draft = programs.confirmed(target, draft, hint="a code of the new token on stdin")
        target.submit(verb, draft.name, Change(add=(draft,), remove=remove, proof=proof))
        picture(options, draft, named)
        return
    with opened_terminal(plain=options.plain) as terminal:
        proof = target.prove(terminal)
        with terminal.screen():
            draft = wizard.enrol(terminal, draft, named)
            target.submit(verb, draft.name, Change(add=(draft,), remove=remove, proof=proof))
            picture(options, draft, named)


def new_codes(target: Target, count: int | None) -> list[str]:
    """Return new scratch codes, as many as asked for or as the host's default is."""
    if "scratch" not in target.policy.setup.kinds:
        return []
    return wizard.new_scratch(target.policy.setup.scratch if count is None else count)


def _check_enrolled(target: Target) -> None:
    if not target.enrolled:
        raise NotEnrolledError(
            f"{target.account.name} has no token yet", hint=f"{target.program} setup{target.by}"
        )


def _waiting(target: Target, names: list[str]) -> dict[str, str]:
    """Return the digests of waiting proposals to add a token of one of these names."""
    if not isinstance(target, Own):
        return {}
    have = {each.name for each in target.tokens}
    return {
        each.name: each.digest()
        for each in target.waiting
        if each.name in names and each.name not in have and each.verb in NEW
    }


def when(target: Target) -> str:
    """Say when a change holds."""
    if not isinstance(target, Own):
        return "is ready"
    if target.waits:  # whoever could write the home would else get past what is sent
        return f"waits for the administrator: otpauth-admin approve {target.account.name}"
    return "is ready at your next login"


def _gone(target: Target) -> str:
    own = isinstance(target, Own)
    return "ends at your next login" if own else "removed, no old file brings it back"
