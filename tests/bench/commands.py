"""The commands of otpauth, beside the Python that they run on."""

from __future__ import annotations

from tests.bench.logins import Fob, enrol
from tests.bench.timing import Aim, Case, measure, table
from tests.parts import accounts

AIM = 3.0


def run(rounds: int) -> tuple[str, list[Aim]]:
    """Measure, and return a table and the aims."""
    with accounts.make() as person:
        enrol(person, Fob(1))
        who = (person.uid, person.gid)
        floor = Case("python3 -I -c pass", ("/usr/bin/python3", "-I", "-c", "pass"), user=who)
        asked = Case("otpauth --help", ("otpauth", "--help"), user=who)
        listed = Case("otpauth list", ("otpauth", "list"), user=who)
        for case in (floor, asked, listed):
            case.environment = person.environment
        measure([floor, asked, listed], rounds)
    aims = [Aim(asked, AIM, floor), Aim(listed, AIM, floor)]
    return table("A command, whole process", [floor, asked, listed], floor), aims
