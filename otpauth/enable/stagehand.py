"""Make a stage of this mount namespace: the new files in place, and everything real covered.

What a login writes or reads as a secret lies in memory here, and is gone with the namespace.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import stat
import struct
import subprocess
from typing import TYPE_CHECKING

from otpauth import pam
from otpauth.doctor.ground import ENVIRONMENT
from otpauth.enable import files
from otpauth.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otpauth.account import Account
    from otpauth.arguments import Line
    from otpauth.enable.edit import Edit
    from otpauth.host import Host

WORKSPACES = ("/media", "/mnt", "/srv")
COVERED = (
    *("/var/log", "/var/lib/lastlog", "/var/lib/wtmpdb"),
    *("/var/lib/sudo", "/run/sudo", "/run/faillock", "/var/lib/faillock"),
)
CALLED = (  # of those who note logins: the log, logind, and what sudo mails with
    "/usr/sbin/sendmail",
    "/run/wtmpdb/socket",
    "/dev/log",
    "/run/dbus/system_bus_socket",
    "/run/systemd/private",
    "/run/systemd/io.systemd.Login",
)
SHADOW = "/etc/shadow"
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1  # netdevice(7)


def workspace() -> str:
    """Cover a folder that no login needs with an empty one, and return it."""
    found = next((path for path in WORKSPACES if os.path.isdir(path)), None)
    if found is None:
        raise WriteError(f"none of these folders is there: {' '.join(WORKSPACES)}")
    _cover(found, 0o755)
    return found


def place(edits: Iterable[Edit], work: str) -> None:
    """Put the new files where they belong: changed ones one by one, else their whole folder."""
    folders: dict[str, list[Edit]] = {}
    for number, each in enumerate(edits):
        path = os.path.realpath(each.path)
        if each.after is not None and os.path.isfile(path):
            copy = os.path.join(work, f"file-{number}")
            files.put(copy, each.after, files.look(path, mode=each.mode))
            _bind(copy, path)
        elif each.after != each.before:
            folders.setdefault(os.path.dirname(path), []).append(each._replace(path=path))
    for number, (folder, inside) in enumerate(folders.items()):
        copy = os.path.join(work, f"folder-{number}")
        run("cp", "-a", folder, copy)  # with what was placed in it just now
        for each in inside:
            path = os.path.join(copy, os.path.basename(each.path))
            files.put(path, each.after, files.look(path, mode=each.mode))
        _bind(copy, folder)


def cover(who: Account, lines: Iterable[Line], host: Host, default: str) -> None:
    """Cover homes, records, logs and whoever notes logins, but for a copy of the record."""
    for path in COVERED:
        if os.path.isdir(path):
            _cover(path, stat.S_IMODE(os.stat(path).st_mode))
    for path in {os.path.realpath(each) for each in CALLED}:
        if os.path.exists(path):
            _bind(os.devnull, path)
    _cover_state(who, host)
    if os.path.isdir(who.home):
        _cover(who.home, 0o700, who)
    for line in lines:
        folder = os.path.dirname(pam.place_of(who, None, line, default).path)
        if not f"{folder}/".startswith(f"{who.home}/") and os.path.isdir(folder):
            _cover(folder, stat.S_IMODE(os.stat(folder).st_mode))


def password(who: Account, work: str) -> str:
    """Give an account a throw-away password and return it; nothing if /etc/shadow has it not."""
    with open(SHADOW, encoding="utf-8", errors="surrogateescape") as file:
        if not any(line.startswith(f"{who.name}:") for line in file):
            return ""
    made = secrets.token_hex(12)
    root = os.path.join(work, "password")
    copy = os.path.join(root, SHADOW.strip("/"))
    os.makedirs(os.path.dirname(copy), mode=0o700)
    for path in (SHADOW, "/etc/passwd", "/etc/login.defs"):
        if os.path.exists(path):
            shutil.copy2(path, os.path.dirname(copy))
    run("chpasswd", "--root", root, "--crypt-method", "SHA512", text=f"{who.name}:{made}\n")
    shutil.copystat(SHADOW, copy)
    found = os.stat(SHADOW)
    os.chown(copy, found.st_uid, found.st_gid)
    _bind(copy, SHADOW)
    return made


def offer(work: str, path: str, who: Account) -> bool:
    """Put key.pub where an account's keys are, and say whether that can be: nothing real is made.

    In its home, which is covered, any place will do; elsewhere its folder must be there.
    """
    key, folder = os.path.join(work, "key.pub"), os.path.dirname(path)
    if os.path.isfile(path):
        _bind(key, path)
        return True
    if f"{folder}/".startswith(f"{who.home}/"):
        os.makedirs(folder, mode=0o755, exist_ok=True)
    elif os.path.isdir(folder):
        copy = os.path.join(work, "keys")
        run("cp", "-a", folder, copy)
        _bind(copy, folder)
    else:
        return False
    shutil.copyfile(key, path)
    return True


def terminals() -> None:
    """Have terminals that nobody else opens or sees."""
    group = os.stat("/dev/tty").st_gid
    run("mount", "-t", "devpts", "-o", f"newinstance,mode=620,gid={group}", "otpauth", "/dev/pts")


def loopback() -> None:
    """Switch on the loopback of this network namespace, in which nobody else is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = b"lo".ljust(16, b"\0")
        reply = fcntl.ioctl(any_socket, _GET_FLAGS, name + bytes(24))
        (flags,) = struct.unpack_from("H", reply, 16)
        fcntl.ioctl(any_socket, _SET_FLAGS, name + struct.pack("H", flags | _UP) + bytes(22))


def run(*command: str, text: str = "") -> None:
    """Run a program of the system, with a text as its input. Raises WriteError if it fails."""
    done = subprocess.run(  # noqa: S603 -- fixed programs
        command,
        input=text,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"status {done.returncode}"
        raise WriteError(f"{command[0]} {command[-1]!r}: {said}")


def _cover_state(who: Account, host: Host) -> None:
    """Cover the host's state with the same folders, empty but for the account's record."""
    folders = [entry.name for entry in os.scandir(host.var) if entry.is_dir()]
    copy = files.read(host.copy_of(who.name))
    _cover(host.var, 0o700)
    for name in folders:
        os.mkdir(os.path.join(host.var, name), 0o700)
    if copy is not None:
        files.put(host.copy_of(who.name), copy, files.Look(0o600, 0, 0))


def _cover(path: str, mode: int, who: Account | None = None) -> None:
    options = f"mode={mode:o}" + (f",uid={who.uid},gid={who.gid}" if who else "")
    run("mount", "-t", "tmpfs", "-o", options, "otpauth", path)


def _bind(source: str, target: str) -> None:
    run("mount", "--bind", source, target)
