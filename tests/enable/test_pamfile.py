"""The text of a PAM file with our lines and without: to the byte, and only where it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpauth import stack
from otpauth.doctor import pamstack
from otpauth.enable import pamfile
from otpauth.enable.wanted import KEY, ONE_BOX, PASSWORD, Wanted
from otpauth.errors import RefusedError
from otpauth.policy import Rule
from tests.enable import samples

if TYPE_CHECKING:
    from pathlib import Path

OURS = "auth required pam_python.so pam_otpauth.py"
IN = "auth [success=1 default=ignore] pam_succeed_if.so quiet user ingroup staff # otpauth"
OUT = "auth [success=1 default=ignore] pam_succeed_if.so quiet user notingroup staff # otpauth"
FORMS = [
    Wanted("sshd", first, group, (), until)
    for first in (KEY, PASSWORD, ONE_BOX)
    for group in ("", "staff")
    for until in ("", "2027-01-31")
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a folder with the files of several systems."""
    path: Path = tmp_path_factory.mktemp("pam.d")
    for name, text in samples.FILES.items():
        (path / name).write_text(text)
    return str(path)


def put(text: str, wanted: Wanted, folder: str) -> str:
    """Return a file with our lines, and see that it comes back to the byte."""
    data = text.encode()
    made = pamfile.put(data, wanted, folder=folder)
    assert pamfile.take_out(made, wanted.service, folder=folder) == data
    assert pamfile.put(made, wanted, folder=folder) == made
    return made.decode()


def added(text: str, made: str) -> list[str]:
    """Return the lines that are new."""
    old = text.splitlines()
    return [line for line in made.splitlines() if line not in old]


def test_the_code_in_place_of_the_password(folder: str) -> None:
    """For ssh with a key the include is kept as a comment, and our line stands below it."""
    made = put(samples.SSHD, Wanted("sshd", KEY), folder)
    assert made == samples.SSHD.replace(
        "@include common-auth\n", f"#otpauth: @include common-auth\n{OURS}\n"
    )


def test_the_others_keep_their_password(folder: str) -> None:
    """With a group, its members give a code and no password, and the others a password."""
    made = put(samples.SSHD, Wanted("sshd", KEY, "staff"), folder)
    assert added(samples.SSHD, made) == [
        "#otpauth: @include common-auth",
        IN,
        "auth substack common-auth # otpauth",
        OUT,
        OURS,
    ]


def test_until_a_day(folder: str) -> None:
    """A deadline is a word on our line, and who passes by it is let in by a line below."""
    made = put(samples.SSHD, Wanted("sshd", KEY, until="2027-01-31"), folder)
    line = f"{OURS} nullok=until:2027-01-31"
    assert f"{line}\nauth required pam_permit.so # otpauth\n" in made
    made = put(samples.SUDO, Wanted("sudo", until="2027-01-31"), folder)
    assert added(samples.SUDO, made) == [f"{OURS} after_password nullok=until:2027-01-31"]


def test_who_is_not_asked(folder: str) -> None:
    """Who is asked for no code by otpauth.conf is let in by a line below ours."""
    for rule in (Rule(who=("%staff",)), Rule(skip_from=("10.0.0.0/8",))):
        made = put(samples.SSHD, Wanted("sshd", KEY, rule=rule), folder)
        assert f"{OURS}\nauth required pam_permit.so # otpauth\n" in made


@pytest.mark.parametrize(
    ("service", "text"), [("sudo", samples.SUDO), ("su", samples.SU), ("login", samples.LOGIN)]
)
def test_behind_the_password(folder: str, service: str, text: str) -> None:
    """Elsewhere our line stands right below the password's, which it says is demanded."""
    made = put(text, Wanted(service), folder)
    line = f"@include common-auth\n{OURS} after_password\n"
    assert made == text.replace("@include common-auth\n", line)


def test_a_group_behind_the_password(folder: str) -> None:
    """A line above ours leads all but the group past it."""
    made = put(samples.SUDO, Wanted("sudo", group="staff"), folder)
    assert added(samples.SUDO, made) == [OUT, f"{OURS} after_password"]


def test_one_box(folder: str) -> None:
    """The pair stands around the password, which stays untouched."""
    made = put(samples.SU, Wanted("su", ONE_BOX), folder)
    split = "auth optional pam_python.so pam_otpauth.py split\n"
    pair = f"{split}@include common-auth\n{OURS} after_password\n"
    assert made == samples.SU.replace("@include common-auth\n", pair)
    own = made.replace("after_password", "after_password kinds=totp")
    again = pamfile.put(own.encode(), Wanted("su", ONE_BOX), folder=folder).decode()
    assert added(made, again) == [
        f"{split.strip()} kinds=totp",
        f"{OURS} after_password kinds=totp",
    ]


def test_no_claim_of_a_password_that_is_not_demanded(folder: str) -> None:
    """Below a password that PAM goes on after, after_password is not said; one box is refused."""
    text = "auth required pam_unix.so\n"
    assert added(text, put(text, Wanted("x"), folder)) == [OURS]
    with pytest.raises(RefusedError, match="nothing stops x after a wrong password"):
        pamfile.put(text.encode(), Wanted("x", ONE_BOX), folder=folder)


def test_other_systems(folder: str) -> None:
    """A substack of the password is replaced, and an include, of any name."""
    made = put(samples.FEDORA_SSHD, Wanted("sshd", KEY), folder)
    assert "#otpauth: auth       substack     password-auth\n" in made
    made = put(samples.ARCH_SSHD, Wanted("sshd", KEY, "staff"), folder)
    assert "auth substack system-remote-login # otpauth" in made


@pytest.mark.parametrize("wanted", FORMS)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.removesuffix("\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "\n\n# a local line \xff\n",
        lambda text: text.replace("@include common-auth", "auth include \\\n  common-auth"),
        lambda text: text.replace("@include", "\t@include"),
    ],
)
def test_every_other_byte_stays(folder: str, wanted: Wanted, change: object) -> None:
    """Line ends, a missing last newline, continued lines and other bytes survive."""
    assert callable(change)
    data = change(samples.SSHD).encode("latin-1")
    made = pamfile.put(data, wanted, folder=folder)
    assert made != data
    assert pamfile.take_out(made, "sshd", folder=folder) == data


def test_arguments_of_ones_own_stay(folder: str) -> None:
    """What an administrator wrote on our line stays when enable is run with other words."""
    text = samples.SUDO.replace(
        "common-auth\n", f"common-auth\n{OURS} after_password window=5 [prompt=Your code: ]\n"
    )
    assert pamfile.put(text.encode(), Wanted("sudo"), folder=folder) == text.encode()
    made = pamfile.put(text.encode(), Wanted("sudo", until="2027-01-31"), folder=folder).decode()
    assert "after_password window=5 [prompt=Your code: ] nullok=until:2027-01-31" in made
    assert pamfile.put(made.encode(), Wanted("sudo"), folder=folder).decode() == text


def test_what_was_set_up_by_hand(folder: str) -> None:
    """A file that comes to the same already is left as it is."""
    text = samples.SSHD.replace(
        "@include common-auth", "auth   required pam_python.so  pam_otpauth.py"
    )
    assert pamfile.put(text.encode(), Wanted("sshd", KEY), folder=folder) == text.encode()


@pytest.mark.parametrize(
    ("service", "text", "wanted", "words"),
    [
        ("x", "account required pam_unix.so\n", {}, "no auth line"),
        ("su-l", samples.SU_L, {}, "takes the auth lines of su"),
        ("x", f"{OURS.replace('python', 'exec')} otpauth-pam-exec\n", {}, "pam_exec already"),
        ("x", "auth include code\n", {}, "asks for a code already"),
        (
            "sshd",
            "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n",
            {"first": KEY},
            "leads past",
        ),
        ("sshd", "@include both\n", {"first": KEY}, "lines of type account"),
        (
            "sshd",
            "auth required pam_unix.so\nauth required pam_sss.so\n",
            {"first": KEY},
            "not the only line",
        ),
        (
            "sshd",
            "auth [success=1 default=ignore] pam_access.so\n@include common-auth\n",
            {"first": KEY},
            "pam_access.so with .* leads past",
        ),
        ("x", "auth [success=9 default=bad] pam_unix.so\n", {}, "leads past"),
    ],
)
def test_refused(
    folder: str, service: str, text: str, wanted: dict[str, str], words: str, tmp_path: Path
) -> None:
    """What cannot be done without changing what other lines mean is refused, with the place."""
    for name, content in samples.FILES.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "code").write_text(f"{OURS}\n")
    (tmp_path / "both").write_text("auth required pam_unix.so\naccount required pam_unix.so\n")
    with pytest.raises(RefusedError, match=words):
        pamfile.put(text.encode(), Wanted(service, **wanted), folder=str(tmp_path))
    assert folder


def test_a_jump_is_not_cut(folder: str) -> None:
    """Behind a password with jumps of its own, ours stands where they end."""
    text = (
        "auth [success=1 default=ignore] pam_unix.so\n"
        "auth requisite pam_deny.so\n"
        "auth required pam_permit.so\n"
    )
    made = put(text, Wanted("x"), folder)
    assert made.splitlines()[2] == f"{OURS} after_password"
    made = put(text.replace("=1", "=3") + "auth optional pam_cap.so\n", Wanted("x"), folder)
    assert made.splitlines()[4] == f"{OURS} after_password"


def test_a_jump_over_ours_keeps_it(folder: str) -> None:
    """Our line is not taken out from under a jump that counts it."""
    text = f"auth [success=1 default=ignore] pam_access.so\n{OURS}\nauth required pam_permit.so\n"
    with pytest.raises(RefusedError, match="leads past the line of the code"):
        pamfile.take_out(text.encode(), "x", folder=folder)


LINES = st.sampled_from(
    [
        "@include common-auth",
        "auth required pam_unix.so",
        "auth requisite pam_nologin.so",
        "auth sufficient pam_rootok.so",
        "auth [success=1 default=ignore] pam_unix.so",
        "auth [success=2 default=ignore] pam_succeed_if.so user ingroup x",
        "auth substack common-auth",
        "auth required \\\n pam_env.so",
        "account required pam_unix.so",
        "# a comment",
        "",
        "\r",
    ]
)


@given(st.lists(LINES, max_size=8), st.sampled_from(FORMS))
def test_any_file(folder: str, lines: list[str], wanted: Wanted) -> None:
    """Whatever a file says, ours is put in where no jump is cut and comes out to the byte."""
    data = "\n".join(lines).encode()
    try:
        made = pamfile.put(data, wanted, folder=folder)
    except RefusedError:
        return
    assert pamfile.take_out(made, "sshd", folder=folder) == data
    assert pamfile.put(made, wanted, folder=folder) == made
    found = stack.parts(made.decode(), "sshd", folder=folder)
    assert sum(line.ours for part in found for line in part.lines) == 1 + (wanted.first == ONE_BOX)
    stacks = {"sshd": tuple(line for part in found for line in part.lines)}
    ground = type("Ground", (), {"stacks": stacks})()
    assert not list(pamstack.unjustified(ground))
