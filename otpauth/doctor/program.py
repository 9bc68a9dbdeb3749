"""What a login runs: pam_python, the module, its Python and the dependencies."""

from __future__ import annotations

import glob
import os
import re
import sys
import time
from typing import TYPE_CHECKING

from otpauth import log, ntlm
from otpauth.doctor.files import LIBRARY, SHIM
from otpauth.doctor.finding import FAIL, WARN, Check, Fault
from otpauth.doctor.ground import ask
from otpauth.doctor.pamstack import asks
from otpauth.errors import HostKeyError, NtlmMissingError
from otpauth.process import PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.ground import Ground

SECURITY = ("/lib/security", "/usr/lib/security", "/lib/*/security", "/usr/lib/*/security")
LIBRARIES = ("/usr/lib", "/lib", "/usr/lib/*", "/lib/*", "/usr/local/lib")
PACKAGED = LIBRARY == "/usr/lib/otpauth"
INSTALL = "apt-get install --reinstall libpam-otpauth" if PACKAGED else "make install"
NEWEST = 14  # 3.14, the latest Python that this version of otpauth is for
_ROUND_TRIP = """
import sys
sys.path[:0] = sys.argv[1:]
from otpauth import keys, seal
key = keys.RecordKey(bytes(32), (("0000-0000", bytes(32)),))
sealed = seal.seal_record(key, "user", b"head", b"text")
assert seal.open_record(key, 1, "user", b"head", sealed) == b"text"
"""


def deps() -> str:
    """Return the folder of the dependencies, installed or of a work tree."""
    installed = os.path.join(LIBRARY, "deps")
    return installed if os.path.isdir(installed) else os.path.join(LIBRARY, "build", "deps")


def pam_python() -> str:
    """Return the path of pam_python.so, or nothing."""
    found = [path for folder in SECURITY for path in glob.glob(f"{folder}/pam_python.so")]
    return found[0] if found else ""


def no_pam_python(ground: Ground) -> Iterator[Fault]:
    """Give the missing pam_python.so, or the libpython that it needs, where a stack names it."""
    named = [e for lines in ground.stacks.values() for e in lines if e.name == "pam_python.so"]
    if not named:
        return
    library = named[0].module if os.path.isabs(named[0].module) else pam_python()
    if not library or not os.path.isfile(library):
        yield Fault(
            f"{named[0].place} names pam_python.so, which is not installed: nobody can log in",
            "apt-get install libpam-python",
        )
        return
    wanted = _libpython(library)
    if not any(glob.glob(f"{folder}/libpython{wanted}.so*") for folder in LIBRARIES):
        text = f"{library} needs libpython{wanted}, which is not installed"
        yield Fault(f"{text}: nobody can log in", "apt-get install --reinstall libpam-python")


def _libpython(library: str) -> str:
    """Return the version of Python that pam_python.so was built for."""
    with open(library, "rb") as file:
        found = re.search(rb"libpython(3\.\d+)", file.read(4 * 1024 * 1024))
    return found[1].decode() if found else f"3.{sys.version_info.minor}"


def no_module(ground: Ground) -> Iterator[Fault]:
    """Give modules and programs that a stack names and that are not there."""
    seen = set()
    for lines in ground.stacks.values():
        for each in lines:
            path = _path(each.args) if each.ours else ""
            if path and path not in seen and not os.path.isfile(path):
                seen.add(path)
                text = f"{each.place} names {path}, which is not there: nobody can log in"
                yield Fault(text, INSTALL)


def _path(args: tuple[str, ...]) -> str:
    word = next(w for w in args if os.path.basename(w) in ("pam_otpauth.py", "otpauth-pam-exec"))
    return word if os.path.isabs(word) else os.path.join(os.path.dirname(SHIM), word)


def stale_module(_: Ground) -> Iterator[Fault]:
    """Give an installed module that hands over to a library that is not there."""
    try:
        with open(SHIM, encoding="utf-8") as file:
            found = re.search(r'^LIB = "(.*)"$', file.read(), re.MULTILINE)
    except FileNotFoundError:
        return
    library = found[1] if found else ""
    if not os.path.isfile(os.path.join(library, "otpauth", "pam.py")):
        yield Fault(f"{SHIM} hands over to {library!r}, where otpauth is not", INSTALL)


def dependencies(_: Ground) -> Iterator[Fault]:
    """Give dependencies that cannot be loaded and used."""
    yield from _without_cffi(_present())
    said = ask(PYTHON, "-ISB", "-c", _ROUND_TRIP, LIBRARY, deps())
    if said.status != 0:
        last = (said.errors.splitlines() or ["no word of why"])[-1]
        yield Fault(f"{PYTHON} cannot use the dependencies in {deps()}: {last}", INSTALL)


def other_pythons(_: Ground) -> Iterator[Fault]:
    """Give later Pythons, of this host and of the next release, without their cffi."""
    found = {min(sys.version_info.minor + 1, NEWEST)}
    for path in glob.glob("/usr/bin/python3.*"):
        named = re.fullmatch(r"/usr/bin/python3\.(\d+)", path)
        found |= {int(named[1])} if named else set()
    now = _present()
    yield from _without_cffi({minor for minor in found if minor > max(now)})


def _present() -> set[int]:
    """Return the minor versions of Python that logins use now: the system's and pam_python's."""
    library = pam_python()
    ours = {int(_libpython(library).partition(".")[2])} if library else set()
    return ours | {sys.version_info.minor}


def _without_cffi(minors: set[int]) -> Iterator[Fault]:
    for minor in sorted(minors):
        if not glob.glob(os.path.join(deps(), f"_cffi_backend.cpython-3{minor}-*.so")):
            yield Fault(
                f"{deps()} has no _cffi_backend for Python 3.{minor}: under it nobody can log in",
                f"{INSTALL}, before the system's Python becomes 3.{minor}",
            )


def helper(ground: Ground) -> Iterator[Fault]:
    """Give a helper that does not open what the users' tool seals."""
    from otpauth import propose
    from otpauth.account import Account
    from otpauth.changes import Change

    try:
        public = ground.host.public_key()
        ground.host.host_key()
    except HostKeyError:
        return  # a check of its own says so
    nobody = Account("otpauth-doctor", 65534, 65534, "/")
    change = Change(remove=("0" * 32,))
    proposal = propose.sealed(nobody, public, change, verb="remove", name="x", now=int(time.time()))
    opened = ground.host.open_proposals((proposal,), nobody.name)
    if not opened or opened[0].plain is None:
        yield Fault(
            f"{PYTHON} with otpauth/unseal.py opens no proposal: nobody can enrol",
            f"{INSTALL}; is there memory left?",
        )


def no_ntlm(ground: Ground) -> Iterator[Fault]:
    """Give what NTLM needs, where it is switched on and cannot be used."""
    found = ground.policy
    keys = [each.keys for each in found.groups.values()] + [each.keys for each in found.services]
    if not found.login.ntlm and not any(each.get("ntlm") for each in keys):
        return
    try:
        ntlm.nt_hash("")
    except NtlmMissingError as error:
        yield Fault(f"ntlm = yes, but {error}: no response is accepted", error.hint)


def no_log(_: Ground) -> Iterator[Fault]:
    """Give the missing system log."""
    if not os.path.exists(log.SOCKET):
        text = f"{log.SOCKET} is missing: no login leaves a line in the system log"
        yield Fault(text, "start a syslog or journal; in a container, pass its socket in")


CHECKS: tuple[Check[Ground], ...] = (
    Check("pam-python", FAIL, "pam_python.so and its Python are there", no_pam_python, asks),
    Check("module", FAIL, "the module that PAM's files name is there", no_module, asks),
    Check("module-library", FAIL, "the module finds its library", stale_module),
    Check("dependencies", FAIL, "the dependencies can be used", dependencies),
    Check("next-python", WARN, "the next Python finds its dependencies, too", other_pythons),
    Check("helper", FAIL, "the helper opens proposals", helper),
    Check("ntlm", FAIL, "what NTLM needs is there, if it is on", no_ntlm),
    Check("log", WARN, "there is a system log", no_log),
)
