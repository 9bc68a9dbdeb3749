"""otpauth(3) holds what api.py has, both ways, and its example is run as written."""

from __future__ import annotations

import inspect
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import api
from tests.man import pages
from tests.parts import enrolment

if TYPE_CHECKING:
    from tests.parts.accounts import Person

PAGE = "otpauth.3"
LIB = Path("/usr/local/lib/otpauth/otpauth")


def test_signature() -> None:
    """The synopsis has the parameters and the defaults that the function has."""
    synopsis = " ".join(pages.section(PAGE, "SYNOPSIS").split())
    found = re.search(r"api\.verify\((.*?)\) -> api\.Verdict", synopsis)
    assert found
    plain = [
        each.replace(annotation=inspect.Parameter.empty)
        for each in inspect.signature(api.verify).parameters.values()
    ]
    assert str(inspect.Signature(plain)) == f"({found[1]})".replace('"', "'")


def test_names() -> None:
    """Every parameter and every field of a verdict has its paragraph, in order, and no other."""
    parameters = list(inspect.signature(api.verify).parameters)
    assert pages.items(pages.subsection(PAGE, "Arguments"), "Fa") == parameters
    assert pages.items(pages.subsection(PAGE, "Verdict"), "Fa") == list(api.Verdict._fields)


def test_public() -> None:
    """The module has no public names but those of the page."""
    ours = {
        name
        for name, value in vars(api).items()
        if getattr(value, "__module__", "") == api.__name__ and not name.startswith("_")
    }
    assert ours == {"Verdict", "verify"}
    assert f"1 to {api.SERVICE_MAX} printable" in pages.source(PAGE)


@pytest.mark.stage
def test_example(person: Person, tmp_path: Path) -> None:
    """The example opens for a right code once, and for no other, under the system's Python."""
    program = tmp_path / "door"
    program.write_text(pages.examples(PAGE)["door"])
    program.chmod(0o700)
    fob = enrolment.fob(person)
    code = fob.next()
    for typed, told, status in (
        (fob.wrong(), "stay shut\n", 1),
        (code, "open\n", 0),
        (code, "stay shut\n", 1),
    ):
        done = subprocess.run(
            (program, person.name, "192.0.2.7"),
            input=f"{typed}\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.returncode) == (told, status), done.stderr
    assert done.stderr == f"{person.name!r}: the code had been used before\n"


@pytest.mark.stage
def test_is_typed(stage: Path) -> None:
    """What is installed says that it has types."""
    assert stage.is_dir()
    assert (LIB / "py.typed").is_file()
