"""The installed commands start our code with the system's Python and nobody else's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import otpauth

pytestmark = pytest.mark.stage
COMMANDS = ("/usr/local/bin/otpauth", "/usr/local/sbin/otpauth-admin")
PROGRAMS = [f"/usr/local/lib/otpauth/{name}" for name in ("otpauth-pam-exec", "otpauth-ntlm-auth")]
HOSTILE = "open('{mark}', 'w').close()\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run_our_code_only(tmp_path: Path, command: str) -> None:
    """A command ignores PYTHON* and modules in the working folder and prints our version."""
    mark = tmp_path / "ran"
    for name in ("otpauth", "sys", "os", "argparse", "sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text(HOSTILE.format(mark=mark))
    done = subprocess.run(
        (command, "--version"),
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": "otpauth.py", "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert otpauth.__version__ in done.stdout
    assert not mark.exists()


@pytest.mark.parametrize("command", [*COMMANDS, *PROGRAMS])
def test_launchers_name_the_system_python(command: str) -> None:
    """A launcher is started by /usr/bin/python3, isolated, without site and bytecode."""
    assert Path(command).read_text().splitlines()[0] == "#!/usr/bin/python3 -ISB"
