"""The shim between pam_python and otpauth, with a faulty otpauth behind it, under real PAM."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.packaging.making import TREE
from tests.parts import log

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.stage
SECRET = "the text of an exception"
ACCEPTED = "pamtester: successfully authenticated\n"
CALLS = {
    "account": "acct_mgmt",
    "session": "open_session",
    "session ": "close_session",
    "password": "chauthtok",
}
_numbers = itertools.count(1)


class Shim:
    """The shim as installed, in front of a package of our own."""

    def __init__(self, lib: Path) -> None:
        self.package = lib / "otpauth"
        self.name = f"shim_{next(_numbers)}"
        self.script = Path("/lib/security", f"{self.name}.py")
        self.service = Path("/etc/pam.d", self.name)
        self.package.mkdir(parents=True)
        self.script.parent.mkdir(exist_ok=True)
        (self.package / "__init__.py").write_text(f"open('{lib}/imported', 'w').close()\n")
        shutil.copy(TREE / "otpauth/log.py", self.package)
        self.start = log.position()
        source = (TREE / "pam/pam_otpauth.py").read_text()
        self.script.write_text(source.replace("@LIB@", str(lib)))

    def answers(self, body: str) -> None:
        """Let otpauth.pam.authenticate have this body."""
        text = f"import sys\ndef authenticate(pamh, flags, argv):\n    {body}\n"
        (self.package / "pam.py").write_text(text)

    def call(self, operation: str, *stack: str) -> subprocess.CompletedProcess[str]:
        """Run pamtester on a stack, by default of the shim alone."""
        lines = stack or (f"auth required pam_python.so {self.script.name}",)
        self.service.write_text("\n".join(lines) + "\n")
        command = ("pamtester", self.name, "root", operation)
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def faults(self) -> list[str]:
        """Return which faults the shim logged."""
        lines = log.lines(self.start, containing="reason=INTERNAL_ERROR")
        return [line.text.rpartition(" fault=")[2] for line in lines]


@pytest.fixture(name="shim")
def _shim(tmp_path: Path) -> Iterator[Shim]:
    shim = Shim(tmp_path / "lib")
    yield shim
    shim.script.unlink()
    shim.service.unlink(missing_ok=True)


def test_success_passes_through(shim: Shim) -> None:
    """PAM accepts the login if otpauth answers PAM_SUCCESS."""
    shim.answers("return 0")
    assert shim.call("authenticate").stdout == ACCEPTED


@pytest.mark.parametrize(
    ("code", "message"),
    [(7, "Authentication failure"), (9, "Authentication service cannot retrieve")],
)
def test_refusals_pass_through(shim: Shim, code: int, message: str) -> None:
    """PAM is told the refusal that otpauth answers."""
    shim.answers(f"return {code}")
    assert message in shim.call("authenticate").stderr


def test_ignore_passes_through(shim: Shim) -> None:
    """PAM_IGNORE leaves the decision to the other modules, and alone it lets nobody in."""
    shim.answers("return 25")
    line = f"auth required pam_python.so {shim.script.name}"
    assert shim.call("authenticate", line).returncode != 0
    assert shim.call("authenticate", line, "auth required pam_permit.so").stdout == ACCEPTED
    assert shim.call("authenticate", line, "auth required pam_deny.so").returncode != 0


@pytest.mark.parametrize("answer", ["False", "True", "None", "0.0", "'0'", "1000", "-1", "30", "1"])
def test_anything_but_a_known_code_is_refused(shim: Shim, answer: str) -> None:
    """An answer that is no exact int, or no code of ours, is PAM_AUTH_ERR (False is 0 to C)."""
    shim.answers(f"return {answer}")
    assert "Authentication failure" in shim.call("authenticate").stderr
    assert shim.faults() == ["answer"]


@pytest.mark.parametrize(
    "fault",
    ["ValueError", "SystemExit", "KeyboardInterrupt", "MemoryError", "GeneratorExit"],
)
def test_no_exception_reaches_pam_or_the_log(shim: Shim, fault: str) -> None:
    """Every exception is PAM_AUTH_ERR; the log gets its class and nobody its text."""
    shim.answers(f"raise {fault}({SECRET!r})")
    assert "Authentication failure" in shim.call("authenticate").stderr
    assert shim.faults() == [fault]
    assert log.lines(shim.start, containing=SECRET) == []


@pytest.mark.parametrize("missing", ["pam.py", "__init__.py", "log.py"])
def test_a_broken_installation_is_refused(shim: Shim, missing: str) -> None:
    """If a part of the package cannot be imported the login is refused, noted or not."""
    shim.answers("raise ValueError")
    (shim.package / missing).write_text("this is no Python\n")
    assert "Authentication failure" in shim.call("authenticate").stderr


def test_other_calls_import_nothing(shim: Shim) -> None:
    """Setcred succeeds and account, session and password are ignored, without an import."""
    shim.answers("return 0")
    assert shim.call("setcred").returncode == 0
    for kind, operation in CALLS.items():
        line = f"{kind} required pam_python.so {shim.script.name}"
        assert shim.call(operation, line).returncode != 0
        assert shim.call(operation, line, f"{kind} required pam_permit.so").returncode == 0
    assert not (shim.package.parent / "imported").exists()
    shim.call("authenticate")
    assert (shim.package.parent / "imported").exists()
