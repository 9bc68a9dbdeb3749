"""The Debian package: in minimal systems of both suites, without network, from installing to purge.

Each step is the real one: apt and dpkg, ssh and sshd, a change of the package of Python itself.
"""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import otpauth
from tests.packaging import roots
from tests.packaging.making import make, tree
from tests.packaging.roots import Root
from tests.parts import enrolment
from tests.parts.phone import Fob
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.stage
PACKAGE = "libpam-otpauth"
OLD = "0.9.0"
ADMIN = "/usr/sbin/otpauth-admin"
UNIT = "usr/lib/systemd/system/otpauth-init.service"
KEYS = [f"etc/otpauth/{name}" for name in ("host.key", "host.pub", "record.key")]
TAGS = {"bookworm": "311", "trixie": "313"}
DPKG = "var/lib/dpkg"


class Host(NamedTuple):
    """A root where a package was installed before, and alice with what makes her codes."""

    root: Root
    fob: Fob


@pytest.fixture(name="built", scope="module")
def _built(stage: Path) -> Path:
    """Return the package that `make deb` makes."""
    made = make("deb")
    assert made.status == 0, made.errors
    roots.prepare()
    return Path(shutil.copy(made.output.strip(), stage / "tmp"))


@pytest.fixture(name="before", scope="module")
def _before(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a package of an earlier version, with a module that is no longer there."""
    folder = tmp_path_factory.mktemp("before")
    subprocess.run(("dpkg-deb", "-R", built, folder / "root"), check=True)
    library = folder / "root/usr/lib/otpauth/otpauth"
    (library / "gone.py").write_text("")
    for path in (library / "__init__.py", folder / "root/DEBIAN/control"):
        path.write_text(path.read_text().replace(otpauth.__version__, OLD))
    older = folder / f"{PACKAGE}_{OLD}.deb"
    command = ("dpkg-deb", "--root-owner-group", "-Znone", "-b", folder / "root", older)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return older


@pytest.fixture(name="older", scope="module", params=roots.SUITES)
def _older(request: pytest.FixtureRequest, before: Path) -> Iterator[Host]:
    """Give a host of each suite where alice logs in with the earlier version; to stay as it is."""
    with Root(request.param) as root:
        root.install(before)
        root.do(*command_of_unit(root))
        root.ask_for_codes()
        secret = enrolment.new_secret()
        words = ("runuser", "-u", "alice", "--", "otpauth", "setup", "--uri", "-")
        root.do(*words, text=enrolment.uri("hotp", secret) + "\n")
        host = Host(root, Fob(secret))
        assert gets_in(host)
        yield host


@pytest.fixture(name="host")
def _host(older: Host) -> Iterator[Host]:
    """Give a copy of such a host, to be changed."""
    with Root(older.root.suite, older.root) as root:
        yield copy_of(older, root)


@pytest.fixture(name="empty", params=roots.SUITES)
def _empty(request: pytest.FixtureRequest, built: Path) -> Iterator[Root]:
    """Give a minimal system of each suite."""
    assert built.is_file()
    with Root(request.param) as root:
        yield root


def copy_of(host: Host, root: Root) -> Host:
    """Return a host with the state of another one, and a fob that was pressed as often."""
    return Host(root, Fob(host.fob.secret, counter=host.fob.counter))


def command_of_unit(root: Root) -> list[str]:
    """Return the words that otpauth-init.service runs at the start."""
    lines = (root.path / UNIT).read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("ExecStart="))
    return line.removeprefix("ExecStart=").split()


def gets_in(host: Host) -> bool:
    """Log alice in with the next code and say whether it worked; never with a wrong one."""
    assert host.root.login(host.fob.wrong()).returncode != 0
    host.root.do(ADMIN, "unlock", "alice")
    return "in: alice\n" in host.root.login(host.fob.next()).stdout


def compiled_for(root: Root) -> set[str]:
    """Return the tags of the Pythons that there are compiled modules for."""
    found = root.files("usr/lib/otpauth/**/*.pyc")
    return {path.rpartition(".cpython-")[2].removesuffix(".pyc") for path in found}


def removed(root: Root, verb: str = "remove") -> subprocess.CompletedProcess[str]:
    """Run apt's remove or purge."""
    return root.run("apt-get", verb, "-q", "-y", PACKAGE)


def test_lintian_has_no_complaint(built: Path) -> None:
    """Debian's checker of packages gives neither an error nor a warning."""
    command = ("lintian", "--allow-root", "--tag-display-limit", "0", built)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_the_same_bytes_again(built: Path) -> None:
    """A second build, under another umask, is the same file to the byte."""
    made = make("deb", umask=0o077)
    assert Path(made.output.strip()).read_bytes() == built.read_bytes()


def test_what_is_in_it(built: Path, tmp_path: Path) -> None:
    """The package has no compiled file, nothing in /etc, and the usual modes."""
    subprocess.run(("dpkg-deb", "-x", built, tmp_path), check=True)
    files = {name: stat.S_IMODE(mode) for name, (mode, _) in tree(tmp_path).items()}
    howto = "usr/share/doc/libpam-otpauth/docs/howto/enable.md"  # README has links there
    assert {"usr/bin/otpauth", "usr/lib/security/pam_otpauth.py", UNIT, howto} <= set(files)
    assert set(files.values()) == {0o644, 0o755}
    assert not [name for name in files if name.endswith(".pyc") or name.startswith(("etc", "lib"))]


def test_an_image_gets_no_keys_and_a_running_system_does(empty: Root, built: Path) -> None:
    """Without network apt installs it; keys are made only where a system is running."""
    said = empty.install(built)
    assert "no keys made" in said
    assert empty.files("etc/otpauth", "var/lib/otpauth") == []
    enabled = "etc/systemd/system/multi-user.target.wants/otpauth-init.service"
    assert (empty.path / enabled).is_symlink()
    assert compiled_for(empty) == {TAGS[empty.suite]}
    configure = f"mkdir -p /run/systemd/system; dpkg-reconfigure {PACKAGE}"
    assert "made in /etc/otpauth/host.key" in empty.do("sh", "-c", configure)
    assert empty.files("etc/otpauth/*") == KEYS


def test_the_first_start_makes_the_keys(empty: Root, built: Path) -> None:
    """A system made from an image with the package has its keys before its sshd starts."""
    empty.install(built)
    (empty.path / "etc/machine-id").write_text("")
    with empty.started() as init:

        def monotonic(unit: str, event: str) -> int:
            return int(empty.show(init, unit, f"ExecMain{event}TimestampMonotonic") or 0)

        wait_until(lambda: empty.files("etc/otpauth/*") == KEYS, 60, what="keys are made")
        wait_until(lambda: monotonic("ssh", "Start"), 60, what="sshd starts")
        assert 0 < monotonic("otpauth-init", "Exit") < monotonic("ssh", "Start")


def test_a_chroot_gets_no_keys(empty: Root, built: Path) -> None:
    """In a chroot of a running system, with its /run or without /proc, no keys are made."""
    empty.install(built)
    for prepared in ("mount --bind /proc {0}/proc", ":"):
        script = f"{prepared}; mkdir -p {{0}}/run/systemd/system; chroot {{0}} {ADMIN} init"
        command = ("unshare", "--mount", "sh", "-c", script.format(empty.path))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "would share its keys" in done.stderr
        quiet = subprocess.run(
            (*command[:-1], f"{command[-1]} --at-install"),
            capture_output=True,
            text=True,
            check=True,
        )
        assert "no keys made" in quiet.stdout
    assert empty.files("etc/otpauth") == []


def test_an_upgrade_keeps_everybody_in(host: Host, built: Path) -> None:
    """From unpacking on the new version runs, and who enrolled under the old one gets in."""
    assert OLD in host.root.do("otpauth", "--version")
    shutil.copy(built, host.root.path / "root")
    host.root.do("dpkg", "--unpack", f"/root/{built.name}")
    assert otpauth.__version__ in host.root.do("otpauth", "--version")
    assert gets_in(host)
    host.root.do("dpkg", "--configure", "-a")
    assert gets_in(host)
    assert host.root.files("usr/lib/otpauth/**/gone*") == []
    assert compiled_for(host.root) == {TAGS[host.root.suite]}


def test_removal_waits_for_pam_and_leaves_what_is_not_its_own(host: Host) -> None:
    """While PAM names it removal fails and logins go on; then all of it goes, no user's file."""
    refused = removed(host.root)
    assert refused.returncode != 0
    assert "/etc/pam.d/sshd:" in refused.stdout + refused.stderr
    assert compiled_for(host.root) == {TAGS[host.root.suite]}
    assert gets_in(host)
    host.root.ask_for_nothing()
    assert removed(host.root).returncode == 0
    assert host.root.files("usr/**/*otpauth*", "usr/lib/otpauth") == []
    assert removed(host.root, "purge").returncode == 0
    assert host.root.files("etc/otpauth/*") == KEYS
    assert host.root.files("var/lib/otpauth/users/alice", "home/alice/.otpauth") == [
        "home/alice/.otpauth",
        "var/lib/otpauth/users/alice",
    ]


def test_removal_never_turns_the_profile_off(host: Host) -> None:
    """Where pam-auth-update wrote our line, removal fails until the administrator takes it out."""
    host.root.ask_for_nothing()
    host.root.do("pam-auth-update", "--enable", "otpauth")
    refused = removed(host.root)
    assert refused.returncode != 0
    assert "/etc/pam.d/common-auth:" in refused.stdout + refused.stderr
    assert "pam-auth-update --disable otpauth" in refused.stdout + refused.stderr
    host.root.do("pam-auth-update", "--disable", "otpauth")
    assert removed(host.root).returncode == 0


@pytest.mark.parametrize(("answer", "left"), [("yes", []), ("no", KEYS)])
def test_purge_asks(host: Host, answer: str, left: list[str]) -> None:
    """A purge at a terminal asks, deletes keys and records only at yes, and never users' files."""
    host.root.ask_for_nothing()
    asked = host.root.talk("dpkg", "--purge", PACKAGE, answers=[answer])
    assert asked.ok, asked.output
    assert "Delete the keys and all enrolments" in asked.output
    assert host.root.files("etc/otpauth/*") == left
    assert bool(host.root.files("var/lib/otpauth")) == bool(left)
    assert host.root.files("home/alice/.otpauth") == ["home/alice/.otpauth"]


@pytest.mark.parametrize("older", ["bookworm"], indirect=True)
def test_another_python_underneath(older: Host) -> None:
    """After a dist-upgrade the trigger compiles for the new Python, and everybody gets in."""
    with Root("trixie") as root:
        carry(older.root, root)
        host = copy_of(older, root)
        assert compiled_for(root) == {TAGS["bookworm"]}
        assert gets_in(host)
        assert compiled_for(root) == {TAGS["bookworm"]}
        root.do("sh", "-c", "dpkg -i /root/python3-minimal_*.deb")
        assert compiled_for(root) == {TAGS["trixie"]}
        assert gets_in(host)


def carry(old: Root, new: Root) -> None:
    """Bring what was changed in a root to one of a later suite, and the package to its dpkg."""
    kept = (
        "--exclude=./var/cache",
        "--exclude=./var/log",
        f"--exclude=./{DPKG}",
        "--exclude=./usr/share",
    )
    copy = f"tar -C {old.layers[0]} -c {' '.join(kept)} . | tar -C {new.path} -x"
    subprocess.run(("sh", "-c", copy), check=True)
    for path in (old.path / DPKG / "info").glob(f"{PACKAGE}.*"):
        shutil.copy(path, new.path / DPKG / "info")
    paragraphs = (old.path / DPKG / "status").read_text().split("\n\n")
    (ours,) = (each for each in paragraphs if each.startswith(f"Package: {PACKAGE}\n"))
    with (new.path / DPKG / "status").open("a") as status:
        status.write(f"{ours}\n\n")
    triggers = (old.path / DPKG / "triggers/File").read_text().splitlines()
    with (new.path / DPKG / "triggers/File").open("a") as file:
        file.writelines(f"{line}\n" for line in triggers if PACKAGE in line)
