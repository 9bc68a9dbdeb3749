"""What `make install-files` puts where, and what it leaves alone."""

from __future__ import annotations

import marshal
import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.packaging.making import LIB, install, make, tree

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType

COMMANDS = (
    *("usr/local/bin/otpauth", "usr/local/sbin/otpauth-admin"),
    *(f"{LIB}/otpauth-pam-exec", f"{LIB}/otpauth-ntlm-auth"),
)
SHIM = "lib/security/pam_otpauth.py"
UNIT = "/usr/local/lib/systemd/system/otpauth-init.service"
UNCHECKED_HASH = 0b01
ROUND_TRIP = """
import sys
sys.path[:0] = [sys.argv[1] + "/deps"]
import pyotp, segno
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
key = AESSIV(AESSIV.generate_key(512))
assert key.decrypt(key.encrypt(b"text", [b"head"]), [b"head"]) == b"text"
for name in ("pyotp", "segno", "cryptography", "_cffi_backend"):
    assert sys.modules[name].__file__.startswith(sys.argv[1] + "/deps/"), name
"""
NTLM = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/deps"]
from otpauth import ntlm
print(ntlm.Response("00" * 8, "00" * 24).key() + ntlm.nt_hash("Password"))
"""


@pytest.fixture(name="installed", scope="module")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that the product was installed in, to be read only."""
    folder = tmp_path_factory.mktemp("installed")
    install(folder)
    return folder


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    """Nothing installed is writable by others or hidden from them, whatever the umask."""
    install(tmp_path, umask=umask)
    modes = {name: stat.S_IMODE(mode) for name, (mode, _) in tree(tmp_path).items()}
    assert {modes[name] for name in COMMANDS} == {0o755}
    assert modes[SHIM] == 0o644
    assert set(modes.values()) == {0o644, 0o755}


def test_everything_belongs_to_root(installed: Path) -> None:
    """Every file and folder that root installs belongs to root and root's group."""
    owners = {(path.lstat().st_uid, path.lstat().st_gid) for path in installed.rglob("*")}
    assert owners == {(0, 0)}


def test_twice_changes_nothing_and_says_so(tmp_path: Path) -> None:
    """A second installation leaves the same bytes and modes and says that nothing changed."""
    first = install(tmp_path)
    before = tree(tmp_path)
    second = install(tmp_path)
    assert "installed in /usr/local\n" in first
    assert "nothing changed" in second
    assert tree(tmp_path) == before


def test_an_upgrade_replaces_and_removes(tmp_path: Path) -> None:
    """A changed file is mended and a module that is no longer ours is gone after installing."""
    install(tmp_path)
    before = tree(tmp_path)
    (tmp_path / LIB / "otpauth/errors.py").write_text("raise SystemExit\n")
    (tmp_path / LIB / "otpauth/gone.py").write_text("")
    (tmp_path / SHIM).chmod(0o666)
    assert "nothing changed" not in install(tmp_path)
    assert tree(tmp_path) == before


def test_the_place_is_written_into_the_entry_points(tmp_path: Path) -> None:
    """Every entry point names the folder of its own installation and no marker is left."""
    install(tmp_path, "PREFIX=/opt/otpauth", "PAMDIR=/opt/security")
    entries = [tmp_path / "opt/security/pam_otpauth.py", tmp_path / "opt/otpauth/bin/otpauth"]
    entries += [tmp_path / "opt/otpauth/sbin/otpauth-admin"]
    entries += [
        tmp_path / "opt/otpauth/lib/otpauth" / name
        for name in ("otpauth-pam-exec", "otpauth-ntlm-auth")
    ]
    for entry in entries:
        text = entry.read_text()
        assert 'LIB = "/opt/otpauth/lib/otpauth"\n' in text
        assert "@LIB@" not in text


def test_manual_pages_name_the_place(tmp_path: Path) -> None:
    """Every path in the installed manual pages is one of the installation that they come with."""
    install(tmp_path, "PREFIX=/opt/otpauth", "PAMDIR=/opt/security")
    pages = {page.name: page.read_text() for page in tmp_path.glob("opt/otpauth/share/man/*/*")}
    assert "/opt/otpauth/lib/otpauth/otpauth-pam-exec" in pages["pam_otpauth.8"]
    assert "/opt/security/pam_otpauth.py" in pages["pam_otpauth.8"]
    assert 'LIB = "/opt/otpauth/lib/otpauth"' in pages["otpauth.3"]
    assert not [name for name, text in pages.items() if "/usr/local" in text]


def test_the_unit_is_sound(stage: Path) -> None:
    """Systemd understands the unit, finds its command, and calls it well shut off."""
    assert stage.is_dir()
    verify = ("systemd-analyze", "verify", "--recursive-errors=no", UNIT)
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    security = ("systemd-analyze", "security", "--offline=yes", "--threshold=20", UNIT)
    subprocess.run(security, check=True, capture_output=True)


def test_dependencies_work_from_their_folder_alone(installed: Path) -> None:
    """The system's Python without site packages finds every dependency in deps and it works."""
    lib = str(installed / LIB)
    command = ("/usr/bin/python3", "-I", "-S", "-B", "-c", ROUND_TRIP, lib)
    subprocess.run(command, check=True)


def test_ntlm_on_demand(tmp_path: Path) -> None:
    """MD4 and DES come with NTLM=yes, work, stay through an upgrade, and go with NTLM=no."""
    crypto = tmp_path / LIB / "deps/Crypto"
    install(tmp_path, "NTLM=yes")
    command = ("/usr/bin/python3", "-I", "-S", "-B", "-c", NTLM, str(tmp_path / LIB))
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "a4f49c406510bdcab6824ee7c30fd852\n"
    assert "nothing changed" in install(tmp_path)
    assert crypto.exists()
    install(tmp_path, "NTLM=no")
    assert not crypto.exists()


@pytest.mark.parametrize("version", ["311", "312", "313", "314"])
def test_every_supported_python_finds_its_cffi(installed: Path, version: str) -> None:
    """Each supported Python has an extension module of cffi, before and after an upgrade."""
    modules = installed.glob(f"{LIB}/deps/_cffi_backend.cpython-{version}-*.so")
    assert [module.read_bytes()[:4] for module in modules] == [b"\x7fELF"]


def test_every_module_is_compiled_by_unchecked_hash(installed: Path) -> None:
    """Each module has a compiled file that new dates leave valid and that names no build path."""
    sources = list((installed / LIB).rglob("*.py"))
    assert sources
    for source in sources:
        (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")
        header, body = compiled.read_bytes()[:16], compiled.read_bytes()[16:]
        code: CodeType = marshal.loads(body)  # noqa: S302  (compiled just now)
        assert int.from_bytes(header[4:8], "little") == UNCHECKED_HASH
        assert code.co_filename == f"/{source.relative_to(installed)}"


def test_a_rehearsal_installs_nothing(tmp_path: Path) -> None:
    """`make -n install` prints what it would do and does none of it."""
    made = make("install", "-n", f"DESTDIR={tmp_path}")
    assert made.status == 0
    assert "compileall" in made.output
    assert tree(tmp_path) == {}


def test_a_missing_tool_is_named_with_its_package(tmp_path: Path) -> None:
    """Without a tool that it needs make says in one line which one and what package has it."""
    made = make("build", f"PYTHON={tmp_path}/python3")
    line, *rest = made.errors.splitlines()
    assert line == f"otpauth: error: {tmp_path}/python3 is missing: apt-get install python3"
    assert all(line.startswith("make: ") for line in rest)


def test_uninstall_leaves_what_others_put_there(tmp_path: Path) -> None:
    """Uninstalling removes every file of ours and none of anybody else's."""
    for name in (f"{LIB}/notes", "usr/local/bin/tool", "etc/otpauth/host.key", "var/lib/otpauth/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("kept")
    before = {name for name in tree(tmp_path) if (tmp_path / name).is_file()}
    install(tmp_path)
    made = make("uninstall", f"DESTDIR={tmp_path}")
    assert made.status == 0
    assert {name for name in tree(tmp_path) if (tmp_path / name).is_file()} == before
    for place in ("/etc/otpauth", "/var/lib/otpauth", "~/.otpauth"):
        assert place in made.output


@pytest.mark.parametrize(
    "line",
    [
        "auth required pam_python.so pam_otpauth.py",
        "auth required pam_python.so /lib/security/pam_otpauth.py nullok # a comment",
        "auth\trequired pam_exec.so seteuid quiet /usr/local/lib/otpauth/otpauth-pam-exec",
        "auth required \\\n  pam_python.so pam_otpauth.py",
    ],
)
def test_uninstall_refuses_while_pam_names_the_module(tmp_path: Path, line: str) -> None:
    """While a stack names us uninstall names file and line and removes nothing (decision 40)."""
    install(tmp_path)
    service = tmp_path / "etc/pam.d/sshd"
    service.parent.mkdir(parents=True)
    service.write_text(f"@include common-auth\n{line}\n")
    before = tree(tmp_path)
    made = make("uninstall", f"DESTDIR={tmp_path}")
    assert made.status != 0
    number = 2 + line.count("\n")
    assert f"{service}:{number}:" in made.errors
    assert "otpauth: hint: otpauth-admin disable SERVICE" in made.errors
    assert tree(tmp_path) == before


def test_uninstall_reads_stacks_behind_links(tmp_path: Path) -> None:
    """A stack that is a link is a stack; a dangling link, and a FIFO, keep nobody waiting."""
    install(tmp_path)
    folder = tmp_path / "etc/pam.d"
    folder.mkdir(parents=True)
    (tmp_path / "etc/stack").write_text("auth required pam_python.so pam_otpauth.py\n")
    (folder / "gone").symlink_to("nowhere")
    os.mkfifo(folder / "fifo")
    (folder / "sshd").symlink_to("../stack")
    made = make("uninstall", f"DESTDIR={tmp_path}")
    assert made.status != 0
    assert f"{folder}/sshd:1:" in made.errors
    (folder / "sshd").unlink()
    assert make("uninstall", f"DESTDIR={tmp_path}").status == 0


def test_uninstall_goes_on_when_only_comments_name_the_module(tmp_path: Path) -> None:
    """A comment that names us does not keep us installed."""
    install(tmp_path)
    service = tmp_path / "etc/pam.d/sshd"
    service.parent.mkdir(parents=True)
    service.write_text("# auth required pam_python.so pam_otpauth.py\nauth required pam_deny.so\n")
    assert make("uninstall", f"DESTDIR={tmp_path}").status == 0
    assert not (tmp_path / SHIM).exists()
