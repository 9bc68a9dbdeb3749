"""Layers and the import budget: what may import what, and what a login loads."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

TREE = Path(__file__).parent.parent
PACKAGE = TREE / "otpauth"
LAYERS = (
    {"__init__", "errors", "oath", "value"},
    {
        "answer", "canonical", "keys", "ntlm", "record", "seal", "secretfile", "state",
        "statetext", "token", "uri", "wishes",
    },
    {
        "arguments", "bypass", "challenge", "changes", "channels", "channeltext", "config",
        "consequences", "copies", "explain", "failures", "grace", "groups", "ini", "joining",
        "limits", "login", "moving", "networks", "policy", "remarks", "sessions", "trust",
        "kinds", "kinds.hotp", "kinds.motp", "kinds.paper", "kinds.password", "kinds.scratch",
        "kinds.sent", "kinds.timed", "kinds.totp",
        "formats",
    },
    {
        "account", "arrivals", "guard", "handover", "home", "host", "hostcopy", "keyfiles",
        "log", "numbers", "originals", "process", "routes", "send", "store", "unseal",
    },
    {"api", "attempt", "exec", "inquiry", "ntlmauth", "onebox", "pam", "propose", "sending",
     "services", "stack", "cli", "doctor", "enable"},
)  # fmt: skip
IMPURE = {
    "fcntl", "glob", "io", "logging", "os", "pathlib", "pwd", "random", "resource", "secrets",
    "select", "shutil", "signal", "socket", "subprocess", "sys", "syslog", "tempfile",
    "threading", "time", "urllib.request", "uuid",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}
NOT_IN_A_LOGIN = {
    "Crypto", "argparse", "configparser", "dataclasses", "json.tool", "logging", "pathlib", "pyotp",
    "segno", "smtplib", "ssl", "subprocess", "syslog", "tomllib", "urllib", "random", "secrets",
    "socket",
    "otpauth.api", "otpauth.arrivals", "otpauth.challenge", "otpauth.channels",
    "otpauth.channeltext", "otpauth.cli", "otpauth.config", "otpauth.consequences",
    "otpauth.explain", "otpauth.failures", "otpauth.formats", "otpauth.groups", "otpauth.ini",
    "otpauth.inquiry", "otpauth.keyfiles", "otpauth.kinds.motp", "otpauth.kinds.paper",
    "otpauth.kinds.password", "otpauth.kinds.sent", "otpauth.ntlm", "otpauth.ntlmauth",
    "otpauth.numbers", "otpauth.process",
    "otpauth.routes", "otpauth.send", "otpauth.sending", "otpauth.sessions", "otpauth.onebox",
    "otpauth.trust", "otpauth.uri", "email",
}  # fmt: skip


def modules() -> dict[str, Path]:
    """Return all modules of the package by name, those of a command's folder as `cli`."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        found[name] = path
    return found


MODULES = modules()


def layer(name: str) -> int:
    """Return the number of a module's layer."""
    folder = name.partition(".")[0]
    short = folder if folder in ("cli", "doctor", "enable", "formats", "send") else name
    numbers = [number for number, names in enumerate(LAYERS) if short in names]
    assert len(numbers) == 1, f"otpauth/{name} is in no layer: LAYERS in tests/test_layers.py"
    return numbers[0]


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever in it, but not those for types alone."""
    tree = ast.parse(path.read_text())
    typed = [
        node
        for each in ast.walk(tree)
        if isinstance(each, ast.If) and getattr(each.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(each)
    ]
    names: set[str] = set()
    for node in ast.walk(tree):
        if any(node is each for each in typed):
            continue
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            inside = {f"{node.module}.{each.name}" for each in node.names}
            names |= {str(node.module)} | {each for each in inside if is_ours(each)}
    return names


def is_ours(name: str) -> bool:
    """Say whether a dotted name is a module of the package."""
    return name.removeprefix("otpauth.") in MODULES


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_downwards(name: str) -> None:
    """A module imports from its own layer or from below."""
    for each in imports(MODULES[name]):
        if each.startswith("otpauth.") and is_ours(each):
            assert layer(each.removeprefix("otpauth.")) <= layer(name), each


@pytest.mark.parametrize("name", sorted(name for name in MODULES if layer(name) <= 2))
def test_pure(name: str) -> None:
    """Layers 0 to 2 have no clock, no entropy, no file and no network."""
    assert (
        not {part for each in imports(MODULES[name]) for part in (each, each.split(".")[0])}
        & IMPURE
    )
    calls = {
        getattr(node.func, "id", "")
        for node in ast.walk(ast.parse(MODULES[name].read_text()))
        if isinstance(node, ast.Call)
    }
    assert not calls & IMPURE_CALLS


def test_layers_exist() -> None:
    """Each module that the table names is there."""
    named = set().union(*LAYERS) - {"__init__"}
    assert named - set(MODULES) == set()


def test_no_import_for_types_counts() -> None:
    """The reading of imports sees those inside of functions, and skips those for types."""
    assert "otpauth.config" in imports(MODULES["host"])
    assert "otpauth.policy" not in imports(MODULES["login"])
    assert "unicodedata" in imports(MODULES["answer"])


def loaded_by(program: str) -> set[str]:
    """Run a program that prints what it loaded; its text has codes, and is on no command line."""
    done = subprocess.run(
        ["/usr/bin/python3", "-ISB", "-"],
        input=program,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


LOGIN = """
import sys
sys.path[:0] = {path!r}
from otpauth import pam
before = set(sys.modules)
from otpauth import changes, copies, keys, limits, login, policy, record, seal, secretfile, token
key = keys.RecordKey(bytes(32), (("0000-0000", bytes(32)),))
marks = seal.Fingerprints(key.ids)
params = dict(secret="11" * 20, algorithm="SHA1", digits=6)
codes = dict(bits=40, codes=["k7mqx2vd"])
drafts = (
    token.Draft("totp", "phone", dict(params, period=30)),
    token.Draft("hotp", "fob", dict(params, secret="22" * 20)),
    token.Draft("scratch", "scratch", codes),
)
ground = changes.Ground(policy.Setup(), policy.Rule(), 1, marks)
held = changes.apply(record.Record("alice", 1), changes.Change(add=drafts), ground)
data = secretfile.serialize(secretfile.SecretFile((copies.sealed(key, held),)))
(section,) = secretfile.parse(data).records
held = copies.opened(key, section, "alice")
where = limits.place("2001:db8::1", 0)
asked = login.Request("alice", "sshd", "2001:db8::1", where, "publickey", 10**9)
for typed in ("123456", "k7mq-x2vd", "hunter2"):
    chance = login.Chance(marks, "0" * 16)
    outcome = login.decide(held, asked, typed, policy.Rule(), chance=chance)
    held = outcome.record or held
    copies.sealed(key, held)
assert outcome.reason == "AUTH_NO_CODE"
assert any(row.reason == "AUTH_OK_SCRATCH" for row in held.outcomes), held.outcomes
print(*sorted(sys.modules))
"""


def test_import_budget() -> None:
    """A login loads neither what is slow nor what only the tools need."""
    program = LOGIN.format(path=[str(TREE), str(TREE / "build/deps")])
    loaded = loaded_by(program)
    assert {"otpauth.pam", "otpauth.kinds.totp", "cryptography"} <= loaded
    assert not loaded & NOT_IN_A_LOGIN
    assert not [each for each in loaded if each.startswith("cryptography.hazmat.primitives.hpke")]


SENDING = """
import sys
sys.path[:0] = {path!r}
from otpauth import pam, sending
print(*sorted(sys.modules))
"""


def test_sending_budget() -> None:
    """A login that sends leaves to the courier what is slow: TLS, mail, HTTP, other programs."""
    program = SENDING.format(path=[str(TREE), str(TREE / "build/deps")])
    loaded = loaded_by(program)
    heavy = {name for name in NOT_IN_A_LOGIN if not name.startswith("otpauth")}
    assert "otpauth.sending" in loaded
    assert not loaded & (heavy | {"http.client"})
