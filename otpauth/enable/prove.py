"""Prove a change before it is made: log in through it where nothing real is touched.

The rehearsal runs in namespaces of its own: the new files are bound over the old ones for it
alone, nobody else reaches its sshd, and whatever it started or wrote ends with it, also if this
process is killed.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from typing import TYPE_CHECKING

from otpauth.doctor.finding import FAIL, WARN, Finding
from otpauth.doctor.ground import ENVIRONMENT
from otpauth.enable import system
from otpauth.process import PYTHON

if TYPE_CHECKING:
    from otpauth.enable.edit import Edit
    from otpauth.enable.plan import Plan

ID = "test-login"
TITLE = "a test login is made"
SERVICES = ("sshd", "sudo", "su")
SECONDS = 30
NAMESPACES = (
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *("unshare", "--mount", "--propagation", "private", "--net"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)


def prove(plan: Plan) -> list[Finding]:
    """Make test logins through a change that is not made yet, and return how they went."""
    if plan.service not in SERVICES:
        return [_unmade(f"no test login is made for {plan.service}", "try it before you confirm")]
    if not plan.tester:
        return [_unmade("nobody who has a token can become root: no test login is made")]
    request = {
        "service": plan.service,
        "tester": plan.tester,
        "edits": [_plain(each) for each in plan.edits],
    }
    try:
        done = _rehearsed(json.dumps(request).encode())
    except FileNotFoundError as error:
        return [_unmade(f"{error.filename} is missing: no test login", "install util-linux")]
    except subprocess.TimeoutExpired:
        return [Finding(ID, FAIL, TITLE, f"the test login did not end in {SECONDS} s")]
    try:
        return [Finding(ID, **each) for each in json.loads(done.stdout)]
    except ValueError:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no word of why"]
        return [_unmade(f"no test login could be made: {said[-1]}")]


def _unmade(why: str, mend: str = "") -> Finding:
    return Finding(ID, WARN, TITLE, why, mend)


def _rehearsed(request: bytes) -> subprocess.CompletedProcess[bytes]:
    import cryptography

    from otpauth.enable import rehearsal

    folders = [
        os.path.dirname(os.path.dirname(found)) for found in (system.PACKAGE, cryptography.__file__)
    ]
    return subprocess.run(  # noqa: S603 -- our own program
        (*NAMESPACES, PYTHON, "-ISB", rehearsal.__file__, *folders),
        input=request,
        env=ENVIRONMENT,
        cwd="/",
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


def _plain(edit: Edit) -> list[str | int | None]:
    old, new = (
        None if data is None else base64.b64encode(data).decode()
        for data in (edit.before, edit.after)
    )
    return [edit.path, old, new, edit.mode]
