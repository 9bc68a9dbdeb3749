"""The configuration of sshd with our lines and without: to the byte, and where they count."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpauth.doctor.ground import settings_of
from otpauth.enable import sshdfile
from otpauth.enable.wanted import KEY, ONE_BOX, PASSWORD, Wanted
from otpauth.errors import RefusedError
from tests.enable import samples

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = samples.SSHD_CONFIG.encode()
MATCH = b"Match User git\n\tAuthenticationMethods publickey\n"
STAFF = Wanted("sshd", KEY, "root")
FORMS = [
    Wanted("sshd", first, group, spared)
    for first in (KEY, PASSWORD, ONE_BOX)
    for group in ("", "root")
    for spared in ((), ("backup", "git"))
]


def test_a_file_of_its_own() -> None:
    """Keywords first, then who is spared, since the first block counts, then who is asked."""
    made = sshdfile.dropin(Wanted("sshd", KEY, "staff", ("backup", "git"))).decode()
    assert made.splitlines()[1:] == [
        "UsePAM yes",
        "Match User backup,git",
        "    AuthenticationMethods publickey",
        "Match Group staff",
        "    KbdInteractiveAuthentication yes",
        "    PasswordAuthentication no",
        "    AuthenticationMethods publickey,keyboard-interactive",
    ]
    assert sshdfile.is_dropin(made.encode())
    assert not sshdfile.is_dropin(b"UsePAM yes\n")


@pytest.mark.parametrize(
    ("main", "read"),
    [
        (CONFIG, True),
        (CONFIG.replace(b"Include", b"  include"), True),
        (CONFIG.replace(b"/etc/ssh/", b""), True),
        (CONFIG.replace(b" /etc/ssh", b'="/etc/ssh').replace(b".conf", b'.conf"'), True),
        (CONFIG.replace(b"Include", b'"Include"'), True),
        (b'"Match" User x\n' + CONFIG, False),
        (CONFIG.replace(b"Include", b"#Include"), False),
        (CONFIG.replace(b"*.conf", b"*/x.conf"), False),
        (b"Include /etc/*\n", False),
        (b"PasswordAuthentication yes\n" + CONFIG, False),
        (b"Port 22\n" + CONFIG, True),
        (b"Match User x\n" + CONFIG, False),
        (b"", False),
    ],
)
def test_where_it_is_read(main: bytes, read: bool) -> None:  # noqa: FBT001
    """A file of its own counts where it is included before anything that it is to set."""
    assert sshdfile.reads_dropin(main) == read


@pytest.mark.parametrize(
    "main",
    [CONFIG, b"", b"\n", b"Port 22", CONFIG.replace(b"\n", b"\r\n"), CONFIG + MATCH, MATCH * 2],
)
@pytest.mark.parametrize("wanted", FORMS)
def test_the_main_file_comes_back(main: bytes, wanted: Wanted) -> None:
    """What is put into the main file comes out to the byte, and is put in once."""
    made = sshdfile.put(main, wanted)
    assert sshdfile.take_out(made) == main
    assert sshdfile.put(made, wanted) == made


@given(st.binary(max_size=80), st.sampled_from(FORMS))
def test_any_main_file(main: bytes, wanted: Wanted) -> None:
    """Whatever bytes a file has, ours come out again."""
    assert sshdfile.take_out(sshdfile.put(main, wanted)) == main


def test_a_missing_end() -> None:
    """A file whose end of ours was removed is not cut off behind the beginning."""
    made = sshdfile.put(CONFIG, STAFF).replace(f"{sshdfile.END}\n".encode(), b"")
    with pytest.raises(RefusedError, match="is missing"):
        sshdfile.take_out(made)


def test_lines_of_the_same_meaning() -> None:
    """Comments and blanks do not make another configuration."""
    by_hand = b"UsePAM  yes # as it was\r\n\n\tKbdInteractiveAuthentication yes"
    assert sshdfile.sense(by_hand) == ["UsePAM yes", "KbdInteractiveAuthentication yes"]


def test_match_blocks() -> None:
    """A file has Match blocks if sshd sees one, not if a comment does."""
    assert sshdfile.has_match(CONFIG + b' "match"\tUser x\n')
    assert not sshdfile.has_match(CONFIG)


def test_a_copy_includes_copies() -> None:
    """In a copy each include names the copies, and nothing else is changed."""
    data = b'Include a.conf "/x/*.conf" # why\nPort 22\n# Include z\n'
    made = sshdfile.mirrored(data, lambda path: f"/tmp{path}")
    assert made == b"Include /tmp/etc/ssh/a.conf /tmp/x/*.conf\nPort 22\n# Include z\n"
    assert sshdfile.includes(data) == ["/etc/ssh/a.conf", "/x/*.conf"]


@pytest.mark.stage
@pytest.mark.parametrize("wanted", FORMS)
@pytest.mark.parametrize("own", [True, False])
def test_what_sshd_makes_of_it(tmp_path: Path, wanted: Wanted, own: bool) -> None:  # noqa: FBT001
    """By sshd itself: who is asked is, who is spared or not in the group is not, all else stays."""
    key = tmp_path / "key"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), check=True)
    main = f"HostKey {key}\nInclude {tmp_path}/drop\nKbdInteractiveAuthentication no\n".encode()
    main += b"X11Forwarding yes\nBanner /etc/issue\n" + MATCH.replace(b"git", b"daemon")
    drop = sshdfile.dropin(wanted) if own else b""
    (tmp_path / "drop").write_bytes(drop)
    (tmp_path / "main").write_bytes(main if own else sshdfile.put(main, wanted))

    def methods(user: str) -> str:
        words = ("/usr/sbin/sshd", "-T", "-f", str(tmp_path / "main"))
        done = subprocess.run(
            (*words, "-C", f"user={user},host=x,addr=::1"),
            capture_output=True,
            text=True,
            check=True,
        )
        found = settings_of(done.stdout)
        assert (found["x11forwarding"], found["banner"]) == ("yes", "/etc/issue")
        return found.get("authenticationmethods", "any")

    assert methods("root") == sshdfile.methods(wanted)
    assert methods("bin") == ("any" if wanted.group else sshdfile.methods(wanted))
    assert methods("daemon") == "publickey"
    assert not wanted.spared or methods("backup") == "publickey"
