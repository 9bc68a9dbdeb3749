"""The how-tos' machine: web1 with its real sshd and configuration, and alice's laptop.

/etc and the host's state are copies in memory, gone with the `with` block. What a machine has and
the stage has not, systemd, is played by a `systemctl` that hands over to a program for each unit;
those listen on ports of their own.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests import stage
from tests.howto import mailhost, provider
from tests.parts import accounts, enrolment, freeradius, postfix, processes, secrets, sshd
from tests.parts.accounts import Person
from tests.parts.covered import covered
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.gateway import Gateway

IMAGE = Path("/var/lib/machines/web1")
SOURCE = Path("/usr/local/src/otpauth")
COPIED = ("/etc", "/var/lib/otpauth")
KEPT = (
    *("/etc/pam.d", "/etc/ssh", "/etc/sudoers.d", "/etc/security", "/etc/ssl"),
    *("/etc/dovecot", "/etc/freeradius", "/etc/postfix", "/etc/systemd/system"),
)
KEPT_FILES = ("/etc/sudoers", "/etc/vsftpd.conf", "/etc/otpauth/otpauth.conf")
PASSWORDS = {"alice": "correct horse battery", "root": "staple of the console"}
SSHD = "/usr/sbin/sshd"
LISTENS = "Server listening on 127.0.0.1"
LOG, UNITS = "sshd.log", "units"
RESTARTS = "Received SIGHUP; restarting"
_SYSTEMCTL = """#!/bin/sh
test "$1" != daemon-reload || exit 0
test -x "{units}/$2-$1" || {{ echo "systemctl: not on the stage: $*" >&2; exit 1; }}
exec "{units}/$2-$1" "$1"
"""
_RELOADS = {
    "dovecot": "exec doveadm reload",
    "postfix": """
postfix reload 2>/dev/null
port=$(postconf -h known_tcp_ports | grep -o '[0-9]*')
postconf -M submission/inet 2>/dev/null | grep -q . || exit 0
until (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do sleep 0.05; done
""",
}
_SSHD = """
{sshd} -t || exit 1
before=$(grep -c '{restarts}' {log})
kill -HUP {pid}
until test "$(grep -c '{restarts}' {log})" -gt "$before"; do sleep 0.05; done
"""
_VSFTPD = """
test ! -e {ftpd} || kill $(cat {ftpd})
mkdir -p /var/run/vsftpd/empty
vsftpd /etc/vsftpd.conf -olisten=YES -olisten_ipv6=NO -olisten_address=127.0.0.1 \\
  -olisten_port={port} </dev/null >/dev/null 2>&1 & echo $! >{ftpd}
until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.05; done
"""


@dataclass(frozen=True)
class Machine:
    """Who is there: root and alice on web1, and alice at her laptop, which has her ssh key.

    `mail` is where mail comes to, if it does, `provider` who takes messages.
    """

    people: dict[str, Person]
    programs: Path
    log: Path
    mail: postfix.Mail | None = None
    provider: Gateway | None = None

    def wait_for_sshd(self) -> None:
        """Wait until sshd listens, as whoever changes to another window does unawares."""
        wait_until(lambda: LISTENS in self.log.read_text().rpartition(RESTARTS)[2], 10)

    def kept(self) -> dict[str, tuple[int, bytes]]:
        """Return mode and content of every file that a how-to must put back as it was."""
        files = [path for folder in KEPT for path in sorted(Path(folder).rglob("*"))]
        files += [*map(Path, KEPT_FILES), *Path("/root").glob("[!.]*")]
        return {
            str(path): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
            for path in files
            if path.is_file()
        }


@contextmanager
def running(
    *, mail: bool = False, imap: bool = False, radius: bool = False, messages: str = ""
) -> Iterator[Machine]:
    """Give the machine, on which alice can log in with her key, or run sudo with her password.

    With `mail`, it also delivers it; with `imap`, it is a mail server; with `radius`, FreeRADIUS
    is on it; `messages` names a provider that is played.
    """
    with ExitStack() as opened:
        folder = stage.workspace() / "tmp" / "howto"
        folder.mkdir(mode=0o755)
        opened.callback(shutil.rmtree, folder)
        for place in COPIED:
            opened.enter_context(covered(Path(place), folder))
        _install_anew()
        alice = opened.enter_context(
            accounts.make("alice", password=PASSWORDS["alice"], groups=("sudo",))
        )
        laptop = opened.enter_context(accounts.make("laptop"))
        root = Person("root", 0, 0, Path("/root"), alice.key_path, PASSWORDS["root"])
        secret = secrets.remember(PASSWORDS["root"])
        subprocess.run(("chpasswd",), input=f"root:{secret}\n", text=True, check=True)
        opened.enter_context(_tidy(root.home))
        opened.enter_context(_image(folder))
        _systemctl(folder)
        if radius:
            server = opened.enter_context(freeradius.of_the_host(folder / "freeradius"))
            (folder / UNITS / "freeradius-restart").symlink_to(server.unit)
        port, ftp_port = sshd.free_port(), sshd.free_port()
        opened.enter_context(_sshd(folder, port))
        opened.enter_context(_vsftpd(folder, ftp_port))
        _give_key(alice, laptop, port)
        _own_file(laptop, ".lftp/bookmarks", f"web1\tftp://web1:{ftp_port}\n")
        with Path("/etc/hosts").open("a", encoding="utf-8") as hosts:
            hosts.write("127.0.0.1 web1\n")
        people = {"root": root, "alice": alice, "laptop": laptop}
        settings = ""
        if imap:
            settings, curlrc = opened.enter_context(mailhost.running(folder))
            _own_file(laptop, ".curlrc", curlrc)
        box = opened.enter_context(postfix.running(folder, settings=settings)) if mail else None
        played = provider.played(messages, folder) if messages else nullcontext()
        yield Machine(people, folder, folder / LOG, box, opened.enter_context(played))


def _install_anew() -> None:
    """Let the host be as after its installation, whatever was done on the stage before."""
    for place in ("/etc/otpauth", "/var/lib/otpauth/users"):
        for path in Path(place).iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    _run(enrolment.ADMIN, "init")


@contextmanager
def _image(folder: Path) -> Iterator[None]:
    """Give the source of otpauth, and an image without it: this machine's, written to memory."""
    upper, work = folder / "image", folder / "image-work"
    for path in (upper, work, IMAGE):
        path.mkdir(parents=True)
    layers = f"lowerdir=/,upperdir={upper},workdir={work}"
    _run("mount", "-t", "overlay", "-o", layers, "otpauth-image", str(IMAGE))
    try:
        for place in ("etc/otpauth", "var/lib/otpauth"):  # if this machine itself has them
            shutil.rmtree(IMAGE / place, ignore_errors=True)
        SOURCE.parent.mkdir(exist_ok=True)
        SOURCE.symlink_to(stage.TREE)
        yield
    finally:
        SOURCE.unlink(missing_ok=True)
        _run("umount", "--lazy", "--recursive", str(IMAGE))
        IMAGE.rmdir()


@contextmanager
def _tidy(home: Path) -> Iterator[None]:
    """Take away what comes to lie in a home."""
    before = set(home.iterdir())
    try:
        yield
    finally:
        for path in set(home.iterdir()) - before:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _systemctl(folder: Path) -> None:
    (folder / UNITS).mkdir()
    _program(folder / "systemctl", _SYSTEMCTL.format(units=folder / UNITS))
    for name, text in _RELOADS.items():
        _program(folder / UNITS / f"{name}-reload", f"#!/bin/bash\n{text}")


def _program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@contextmanager
def _vsftpd(folder: Path, port: int) -> Iterator[None]:
    """Let `systemctl` run vsftpd, and end it."""
    ftpd = folder / "vsftpd.pid"
    text = _VSFTPD.format(ftpd=ftpd, port=port)
    _program(folder / UNITS / "vsftpd-restart", f"#!/bin/bash\n{text}")
    try:
        yield
    finally:
        if ftpd.exists():
            processes.end(int(ftpd.read_text()))


@contextmanager
def _sshd(folder: Path, port: int) -> Iterator[None]:
    """Run the real sshd with the real configuration."""
    log = folder / LOG
    log.touch()
    settings = [f"ListenAddress=127.0.0.1:{port}", "LogLevel=VERBOSE", "UseDNS=no"]
    effective = subprocess.run((SSHD, "-T"), capture_output=True, text=True, check=True).stdout
    if "persourcepenalties" in effective:  # all our clients share one address
        settings.append("PerSourcePenalties=no")
    words = [SSHD, "-D", "-E", str(log), *(f"-o{each}" for each in settings)]
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL, env={"PATH": stage.SYSTEM_PATH})
    try:
        wait_until(lambda: LISTENS in log.read_text(), 10, what="sshd listens")
        text = _SSHD.format(sshd=SSHD, pid=server.pid, log=log, restarts=RESTARTS)
        _program(folder / UNITS / "ssh-reload", f"#!/bin/sh\n{text}")
        yield
    finally:
        processes.end(server.pid)
        server.wait()


def _give_key(alice: Person, laptop: Person, port: int) -> None:
    """Put alice's key on her laptop, and its public half into her home on web1."""
    public = Path(f"{alice.key_path}.pub").read_text(encoding="utf-8")
    _own_file(alice, ".ssh/authorized_keys", public)
    _own_file(laptop, ".ssh/id_ed25519", alice.key_path.read_text(encoding="utf-8"))
    lines = ("Host web1", "HostName 127.0.0.1", f"Port {port}", "HostKeyAlias web1", "User alice")
    more = ("StrictHostKeyChecking accept-new", "LogLevel ERROR", "IdentityAgent none")
    _own_file(laptop, ".ssh/config", "\n".join((*lines, *more, "")))


def _own_file(person: Person, name: str, text: str) -> None:
    path = person.home / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    for each in (path.parent, path):
        os.chown(each, person.uid, person.gid)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
