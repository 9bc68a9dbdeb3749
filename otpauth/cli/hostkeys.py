"""otpauth-admin init and key: making, backing up, restoring and rotating the host's keys."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

from otpauth import host, keyfiles
from otpauth.cli import report
from otpauth.cli.terminal import Terminal
from otpauth.errors import NoTerminalError, RefusedError, UsageError
from otpauth.host import Host

if TYPE_CHECKING:
    import argparse

PROGRAM = "otpauth-admin"
INITS = ("init", "openrc-init", "runit")
_INPUT_MAX = 64 * 1024


def init(options: argparse.Namespace) -> int:
    """Make keys and folders where there are none."""
    image = _image()
    if options.at_install and (image or not _booted()):
        return _left_to_the_start()
    if image:
        raise RefusedError(
            f"{image}: what is made from it would share its keys",
            hint="run otpauth-admin init on the running system, before sshd starts",
        )
    place = Host()
    public, new = keyfiles.init(place)
    if not new:
        print(f"host key {public.id} is in place in {place.path('host.key')}")
        _warn_of_machine(place)
        return report.DONE
    print(f"host key {public.id} made in {place.path('host.key')}")
    name = socket.gethostname().partition(".")[0]
    report.say(
        "otpauth",
        "warning",
        "without this key no enrolment survives a reinstall; keep a copy elsewhere: "
        f"otpauth-admin key export > {name}.key",
    )
    return report.DONE


def key(options: argparse.Namespace) -> int:
    """Run one of the key actions."""
    table = {"list": _list, "export": _export, "import": _import, "rotate": _rotate}
    return table[options.action](options)


def _list(_: argparse.Namespace) -> int:
    place = Host()
    secret, record = place.host_key(), place.record_key()
    newest = record.newest
    for number, (ident, _key) in enumerate(reversed(record.generations)):
        words = "seals and opens" if number == 0 else "opens"
        print(f"{ident}  generation {newest - number}  {words}")
    if [ident for ident, _key in secret.secrets] != [i for i, _key in reversed(record.generations)]:
        report.say(PROGRAM, "warning", "host.key and record.key are not of one backup")
        return report.FAILED
    _warn_of_machine(place)
    return report.DONE


def _export(options: argparse.Namespace) -> int:
    if sys.stdout.isatty():
        raise UsageError("the keys go to standard output", hint="otpauth-admin key export > FILE")
    passphrase = _passphrase(options, twice=True)
    place = Host()
    print(keyfiles.export(place, passphrase), end="", flush=True)
    keyfiles.note_export(place)
    report.say(PROGRAM, "hint", "keep it away from this host, and the passphrase away from it")
    return report.DONE


def _import(options: argparse.Namespace) -> int:
    if options.file == "-":
        text = sys.stdin.read(_INPUT_MAX)
    else:
        with open(options.file, encoding="ascii", errors="replace") as file:
            text = file.read(_INPUT_MAX)
    passphrase = _passphrase(options, twice=False)
    public, changed = keyfiles.restore(Host(), text, passphrase, force=options.force)
    print(f"host key {public.id} {'is in place now' if changed else 'was in place already'}")
    return report.DONE


def _rotate(_: argparse.Namespace) -> int:
    public = keyfiles.rotate(Host())
    print(f"host key {public.id} seals from now on; records follow at their owners' next login")
    report.say(PROGRAM, "hint", "make a new backup: otpauth-admin key export > FILE")
    return report.DONE


def _passphrase(options: argparse.Namespace, *, twice: bool) -> str:
    if options.passphrase_file:
        return first_line(options.passphrase_file)
    try:
        with Terminal() as terminal:
            typed = terminal.ask("Passphrase: ", echo=False)
            if twice and typed != terminal.ask("Again: ", echo=False):
                raise RefusedError("the two passphrases differ; nothing was written")
    except NoTerminalError:
        raise NoTerminalError(
            "no terminal to ask for the passphrase on",
            hint="otpauth-admin key ... --passphrase-file FILE",
        ) from None
    return typed


def first_line(path: str) -> str:
    """Return the passphrase in a file that only its owner may read."""
    with open(path, encoding="utf-8") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise RefusedError(f"{path!r} may be read by others", hint=f"chmod 600 {path}")
        return file.readline(1024).rstrip("\n")


def _warn_of_machine(place: Host) -> None:
    noted = place.host_key().machine
    if noted not in ("-", host.machine()):
        report.say(
            PROGRAM,
            "warning",
            "the keys were made on another machine; a clone of it shares them: if both run, "
            "run otpauth-admin key rotate on one",
        )


def _left_to_the_start() -> int:
    print("no keys made: an image may be being built, and all made from it would share them")
    report.say(
        PROGRAM, "hint", "otpauth-init.service makes them at the start; or otpauth-admin init"
    )
    return report.DONE


def _image() -> str:
    """Say by what this is seen to be an image and no running system; nothing if it is not."""
    try:
        inside = os.stat("/proc/1/root/.")
        here = os.stat("/")
    except FileNotFoundError:
        return "there is no /proc, as in an image"
    except OSError:  # a container's root may not look into process 1
        return ""
    same = (inside.st_dev, inside.st_ino) == (here.st_dev, here.st_ino)
    return "" if same else "this is a chroot"


def _booted() -> bool:
    """Say whether an init started this system: in a container's build there is none."""
    if os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        return True
    with open("/proc/1/comm", encoding="ascii") as file:
        return file.read().strip() in INITS
