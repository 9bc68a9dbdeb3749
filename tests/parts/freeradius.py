"""A real FreeRADIUS, run as Debian's unit runs it: by a user of its own, who can become no other.

That is NoNewPrivileges=, which other settings of the unit imply as long as User= is not root, see
systemd.exec(5). Whoever asks it gives names and codes on stdin or in a file, never in arguments.
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

SECRET = "testing123"  # of the client 127.0.0.1, as Debian ships it
_SERVICES = Path("/etc/services")
_INNER = Path("/etc/freeradius/3.0/sites-available/inner-tunnel")
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
says() {{ grep -qsx "$1" /etc/systemd/system/freeradius.service.d/*.conf; }}
start="setpriv --no-new-privs --reuid freerad --regid freerad --init-groups freeradius"
! says User=root || start="setpriv --no-new-privs freeradius"
! says User=root || ! says NoNewPrivileges=no || start=freeradius
install -d -g freerad -m 775 /run/freeradius
$start -Cx -lstdout >{folder}/check || {{ tail -5 {folder}/check >&2; exit 1; }}
: >{folder}/log
chown freerad {folder}/log
$start -f -l {folder}/log </dev/null >{folder}/out 2>&1 &
echo $! >{folder}/pid
until grep -q 'Ready to process requests' {folder}/log; do kill -0 $!; sleep 0.05; done
"""
_PEAP = """network={{
  key_mgmt=IEEE8021X
  eap=PEAP
  identity="{name}"
  password="{password}"
  phase2="auth=MSCHAPV2"
}}
"""


@dataclass(frozen=True)
class Radius:
    """The host's server. `unit` restarts and stops it."""

    unit: Path
    port: int

    def restart(self) -> None:
        """Start it, anew if it runs, and return when it answers."""
        done = subprocess.run((self.unit, "restart"), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def begin(self, **attributes: str) -> Asked:
        """Send one request."""
        server = f"127.0.0.1:{self.port}"
        words = (f'{name.replace("_", "-")} = "{text}"' for name, text in attributes.items())
        client = subprocess.Popen(
            ("radclient", "-r", "1", "-t", "20", server, "auth", SECRET),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert client.stdin
        client.stdin.write(", ".join(words))
        client.stdin.close()
        client.stdin = None
        return Asked(client)

    def peap(self, name: str, password: str) -> bool:
        """Log in as a phone does by wifi, and return whether both sides agree on the keys."""
        file = self.unit.with_name("peap.conf")
        file.write_text(_PEAP.format(name=name, password=password))
        words = ("eapol_test", "-a", "127.0.0.1", "-p", str(self.port), "-s", SECRET, "-c", file)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        file.unlink()
        return done.returncode == 0 and done.stdout.rstrip().endswith("SUCCESS")


@dataclass(frozen=True)
class Asked:
    """A request on its way."""

    client: subprocess.Popen[str]

    def accepted(self) -> bool:
        """Wait for the answer, and return whether it is Access-Accept."""
        shown, _ = self.client.communicate()
        assert "Received Access-" in shown, shown
        return "Received Access-Accept" in shown


@contextmanager
def of_the_host(folder: Path) -> Iterator[Radius]:
    """Give the host's own server, on free ports, not started yet; /etc must be a copy."""
    ports = {"radius": free_port(), "radius-acct": free_port()}
    text = _SERVICES.read_text()
    for name, port in ports.items():
        text = re.sub(rf"(?m)^{name}(\s+)\d+/udp", rf"{name}\g<1>{port}/udp", text)
    _SERVICES.write_text(text)
    _INNER.write_text(_INNER.read_text().replace("port = 18120", f"port = {free_port()}"))
    folder.mkdir()
    shutil.chown(folder, "freerad")
    unit = folder / "unit"
    unit.write_text(_UNIT.format(folder=folder))
    unit.chmod(0o755)
    try:
        yield Radius(unit, ports["radius"])
    finally:
        subprocess.run((unit, "stop"), check=True)
        shutil.rmtree(folder)
