"""A list on paper in somebody's wallet: ours, or one of otpw-gen's, read off as it was printed."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from tests.parts import enrolment, secrets

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parts.accounts import Person

_CELL = re.compile(r"\b([0-9]{3}) (\S+(?: \S+)*)(?=  |$)")
_ASKED = re.compile(r"assword ([0-9]{3}) from list")


class Paper:
    """The passwords of a printed list by their numbers, and what is typed before each."""

    def __init__(self, text: str, prefix: str = "") -> None:
        """Read a list off what was printed."""
        self.prefix = prefix
        self.passwords = {
            int(number): secrets.remember(password)
            for line in text.splitlines()
            for number, password in _CELL.findall(line)
        }

    def asked(self, prompt: str) -> int:
        """Return the number that a prompt asks for."""
        found = _ASKED.search(prompt)
        assert found, prompt
        return int(found[1])

    def answer(self, prompt: str) -> str:
        """Answer a prompt with the password that it asks for."""
        return self.password(self.asked(prompt))

    def password(self, number: int) -> str:
        """Return what is typed for a number."""
        return self.prefix + self.passwords[number]

    def numbered(self, number: int) -> str:
        """Return what is typed for a number where nobody asks."""
        return f"{number} {self.password(number)}"


def add(person: Person, *words: str) -> Paper:
    """Have a person without tokens print a list, and the host adopt it."""
    done = person.run(enrolment.OTPAUTH, "add", "list", *words)
    assert done.returncode == 0, done.stderr
    approved = enrolment.admin("approve", person.name)
    assert approved.returncode == 0, approved.stderr
    return Paper(done.stdout)


def otpw(path: Path, prefix: str, *words: str) -> Paper:
    """Have otpw-gen make a file and print the list of it."""
    done = subprocess.run(
        ("otpw-gen", *words, "-f", str(path)),
        input=f"{prefix}\n{prefix}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert path.exists(), f"apt-get install otpw-bin; {done.stderr}"
    return Paper(done.stdout, prefix)
