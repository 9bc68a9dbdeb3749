"""A real FreeRADIUS, run as Debian's unit runs it: by a user of its own, who can become no other.

That is NoNewPrivileges=, until a drop-in of the unit says no. Whoever asks it gives names and codes
on stdin, never in arguments.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.parts.sshd import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = Path("/etc/freeradius/3.0")
SECRET = "testing123"  # of the client 127.0.0.1, as Debian ships it
ACCEPT = "Access-Accept"
_SERVICES = Path("/etc/services")
_UNIT = """#!/bin/sh -e
# restart and stop, as systemctl does by Debian's freeradius.service
stop() {{
  test -s {folder}/pid || return 0
  kill "$(cat {folder}/pid)" 2>/dev/null || :
  while kill -0 "$(cat {folder}/pid)" 2>/dev/null; do sleep 0.05; done
  rm {folder}/pid
}}
case $1 in
  restart) stop ;;
  stop) stop; exit ;;
  *) echo "freeradius: not on the stage: $1" >&2; exit 1 ;;
esac
alone=--no-new-privs
! grep -qs '^NoNewPrivileges=no$' {drop_ins}/*.conf || alone=
install -d -o freerad -g freerad -m 775 /run/freeradius
start="setpriv --reuid freerad --regid freerad --init-groups $alone freeradius -d {config}"
$start -Cx -lstdout >{folder}/check || {{ tail -5 {folder}/check >&2; exit 1; }}
: >{folder}/log
chown freerad {folder}/log
$start -f -l {folder}/log </dev/null >{folder}/out 2>&1 &
echo $! >{folder}/pid
until grep -q 'Ready to process requests' {folder}/log; do kill -0 $!; sleep 0.05; done
"""


@dataclass(frozen=True)
class Radius:
    """A server with a configuration of its own, to be changed before `restart`."""

    unit: Path
    config: Path
    drop_ins: Path
    port: int

    def restart(self) -> None:
        """Start it, anew if it runs, and return when it answers."""
        done = subprocess.run((self.unit, "restart"), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def ask(self, **attributes: str) -> bool:
        """Send one request and return whether it was accepted."""
        return self.begin(**attributes).accepted()

    def begin(self, **attributes: str) -> Asked:
        """Send one request."""
        server = f"127.0.0.1:{self.port}"
        client = subprocess.Popen(
            ("radclient", "-r", "1", "-t", "10", server, "auth", SECRET),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert client.stdin
        words = (f'{name.replace("_", "-")} = "{text}"' for name, text in attributes.items())
        client.stdin.write(", ".join(words))
        client.stdin.close()
        client.stdin = None
        return Asked(client)


@dataclass(frozen=True)
class Asked:
    """A request on its way."""

    client: subprocess.Popen[str]

    def accepted(self) -> bool:
        """Wait for the answer, and return whether it is Access-Accept."""
        shown, _ = self.client.communicate()
        assert "Received Access-" in shown, shown
        return f"Received {ACCEPT}" in shown


def unit(folder: Path, config: Path = CONFIG, drop_ins: str = "") -> Path:
    """Write a program that restarts and stops a server, of which all lies in a folder."""
    folder.mkdir()
    shutil.chown(folder, "freerad")
    made = folder / "unit"
    place = drop_ins or "/etc/systemd/system/freeradius.service.d"
    made.write_text(_UNIT.format(folder=folder, config=config, drop_ins=place))
    made.chmod(0o755)
    return made


@contextmanager
def of_the_host(folder: Path) -> Iterator[Path]:
    """Give the unit of the host's own server, on free ports; /etc must be a copy."""
    text = _SERVICES.read_text()
    for name in ("radius", "radius-acct"):
        text = re.sub(rf"(?m)^{name}(\s+)\d+/udp", rf"{name}\g<1>{free_port()}/udp", text)
    _SERVICES.write_text(text)
    inner = CONFIG / "sites-available/inner-tunnel"
    inner.write_text(inner.read_text().replace("port = 18120", f"port = {free_port()}"))
    program = unit(folder)
    try:
        yield program
    finally:
        subprocess.run((program, "stop"), check=True)


@contextmanager
def running(folder: Path) -> Iterator[Radius]:
    """Give a server with a copy of the configuration, which is not started yet."""
    config, drop_ins, port = folder / "config", folder / "drop-ins", free_port()
    program = unit(folder, config, str(drop_ins))
    drop_ins.mkdir()
    subprocess.run(("cp", "-a", CONFIG, config), check=True)
    main = config / "radiusd.conf"
    main.write_text(main.read_text().replace("/etc/freeradius/3.0", str(config)))
    inner = config / "sites-available/inner-tunnel"
    inner.write_text(inner.read_text().replace("port = 18120", f"port = {free_port()}"))
    site = config / "sites-available/default"
    rest = site.read_text().partition("\nauthorize {")[2]
    listen = f"listen {{ type = auth\n ipaddr = 127.0.0.1\n port = {port}\n}}"
    site.write_text(f"server default {{\n{listen}\nauthorize {{{rest}")
    try:
        yield Radius(program, config, drop_ins, port)
    finally:
        subprocess.run((program, "stop"), check=True)
        shutil.rmtree(folder)
