"""Mail on the how-tos' machine: Dovecot as Debian configures it, and what Postfix needs beside it.

They listen on ports of their own, and are not the slower for wrong answers, all of which come from
one address here. The certificate is web1's; alice's laptop trusts it, and finds
the ports, by its .curlrc.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests import stage
from tests.parts import gateway, processes
from tests.parts.sshd import free_port
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_DOVECOT = """listen = 127.0.0.1
log_path = {log}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""
_POSTFIX = """inet_interfaces = 127.0.0.1
smtpd_tls_chain_files = {key}, {chain}
known_tcp_ports = submission={port}
"""
_SPOOL = "/var/spool/postfix"


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, str]]:
    """Run it with what lies in /etc; give lines for Postfix's main.cf, and the laptop's .curlrc."""
    chain, key = gateway.certificate(folder, name="web1")
    imaps, submission = free_port(), free_port()
    log = folder / "dovecot.log"
    log.touch()
    for name, path in (("dovecot.pem", chain), ("dovecot.key", key)):
        there = Path("/etc/dovecot/private", name)
        there.unlink(missing_ok=True)
        shutil.copyfile(path, there)
    own = _DOVECOT.format(log=log, port=imaps)
    Path("/etc/dovecot/local.conf").write_text(own, encoding="utf-8")
    (folder / "queue").mkdir()
    subprocess.run(("mount", "--bind", folder / "queue", _SPOOL), check=True)
    server = subprocess.Popen(
        ("/usr/sbin/dovecot", "-F"), stdin=subprocess.DEVNULL, env={"PATH": stage.SYSTEM_PATH}
    )
    try:
        wait_until(lambda: "starting up" in log.read_text(encoding="utf-8"), 10, what="Dovecot")
        ports = {993: imaps, 587: submission}
        lines = [f'connect-to = "web1:{port}:127.0.0.1:{ours}"' for port, ours in ports.items()]
        curlrc = "\n".join((f'cacert = "{chain}"', "silent", "show-error", *lines, ""))
        yield _POSTFIX.format(key=key, chain=chain, port=submission), curlrc
    finally:
        subprocess.run(("umount", "--lazy", _SPOOL), check=True)
        processes.end(server.pid)
        server.wait()
