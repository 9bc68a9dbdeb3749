"""The real lftp before a server of the stage: many sftp connections at once, one answer for all."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

from tests import stage
from tests.parts import client

if TYPE_CHECKING:
    from tests.parts.accounts import Person
    from tests.parts.sshd import Sshd

SECONDS = 60.0
_SCRIPT = """
set cmd:fail-exit yes
set net:max-retries 1
set net:timeout 20
set sftp:connect-program "{program}"
open -p {port} -u {name},{answer} sftp://127.0.0.1
{commands}
"""


def run(
    person: Person,
    sshd: Sshd,
    answer: str,
    commands: str,
    *,
    methods: str,
    source: str = "127.0.0.1",
) -> subprocess.CompletedProcess[str]:
    """Run lftp's commands, one a line; each connection that it opens is asked and told `answer`."""
    more = [f"BindAddress={source}", "NumberOfPasswordPrompts=1"]
    settings = client.settings_of(person, sshd, methods, key=False, more=more)
    script = stage.workspace() / "tmp" / f"lftp-{person.name}"
    text = _SCRIPT.format(
        program=shlex.join(["ssh", "-a", "-x", *settings]),
        port=sshd.port,
        name=person.name,
        answer=answer,
        commands=commands,
    )
    script.write_text(text, encoding="utf-8")
    return subprocess.run(
        ("lftp", "--norc", "-f", str(script)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={"PATH": stage.SYSTEM_PATH, "HOME": "/nonexistent"},
        timeout=SECONDS,
        check=False,
    )
