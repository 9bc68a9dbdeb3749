"""The chapters of the guide, each a story: what is typed, and Accept or Reject with the reason."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.guide.replay import BEGIN, USER, Guide, replays
from tests.parts import accounts, secrets, withntlm
from tests.parts.faketime import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.stage
CONF = Path("/etc/otpauth/otpauth.conf")
SECRETS = Path("/etc/otpauth/secrets")
STATE = Path("/var/lib/otpauth/users", USER)

# A webmail that talks to an IMAP server and an SMTP server, and an ssh server beside them. The
# clients of the guide are services here; its 30 minutes and 5 minutes unused are its defaults.
MAIL = """
[group webmail]
children = imap smtp
{webmail}
[group imap]
{imap}
[group smtp]
{smtp}
[group ssh]
lock = 5/admin

[service webmail]
pam = webmail
group = webmail
{client}
[service imap]
pam = imap
group = imap
[service smtp]
pam = smtp
group = smtp
[service ssh]
pam = sshd
group = ssh
"""
CLIENT_SECRET = "dbf549610e49f02a"  # the guide's, as what comes of it and of its code 3a5e9d
TRUSTED = {
    "md5": "bef56300a694ce7d0e6828e080952c5e",
    "sha256": hmac.digest(CLIENT_SECRET.encode(), b"3a5e9d", "sha256").hex(),
}
NTLM = (  # challenge, response, NT_KEY
    "3f58375faf829603",
    "97782e415a958e11d6790387147c15b3ac5bf277be9f95e3",
    "4B08626DED20567648A3C1B09A35044C",
)
GUIDES_ID = "05f6ac9c243faf17d92e82c615c7dec4"  # of testuser1's session at webmail by d1f9c1
SESSION = "session = 30m idle=5m logins=0"


def mail(*, webmail: str = "", imap: str = "", smtp: str = "", client: str = "") -> str:
    """Return the otpauth.conf of a chapter."""
    return MAIL.format(webmail=webmail, imap=imap, smtp=smtp, client=client)


def logout_password(code: str) -> str:
    """Return what ends the sessions of a code."""
    return hmac.digest(code.encode(), b"otpauth logout", "sha256").hex()[:16]


@pytest.fixture(scope="module")
def host(stage: Path) -> Iterator[Guide]:
    """Give the host with the guide's user."""
    assert stage.is_dir()
    before = {path: path.read_bytes() for path in (CONF, SECRETS) if path.exists()}
    with Clock() as clock, accounts.make(USER) as person:
        yield Guide(clock, CONF, (person.home / ".otpauth", STATE))
    for path in (CONF, SECRETS):
        path.unlink(missing_ok=True)
        if path in before:
            path.write_bytes(before[path])


@pytest.fixture
def guide(host: Guide) -> Guide:
    """Give the host at the beginning of a chapter."""
    host.begin()
    return host


@replays("3", "3a", "7")
def test_static_passwords(guide: Guide) -> None:
    """A generated password is shown once, is good again and again, and begins no session."""
    guide.configure(mail(imap=SESSION))
    assert guide.admin("add", USER, "password", "thunderbird").returncode == 2
    first = guide.app_password("thunderbird", "imap")
    assert len(first.replace("-", "")) == 20
    for _ in range(2):
        assert guide.verify("imap", first) == "Accept AUTH_OK_STATIC"
    assert guide.values("sessions", USER) == []
    assert first not in guide.done("show", USER, "--json")
    assert guide.verify("smtp", first) == "Reject AUTH_TOKEN_MISSING"
    guide.done("remove", USER, "thunderbird")
    second = guide.app_password("thunderbird", "imap")
    assert guide.verify("imap", first) == "Reject AUTH_NOT_HERE"
    assert guide.verify("imap", second) == "Accept AUTH_OK_STATIC"


@replays("4", "5", "5a")
def test_without_a_group(guide: Guide) -> None:
    """A request without a client has no group: a code is good once, for a token without limits."""
    phone = guide.phone("d1f9c1")
    assert guide.verify("", phone.code()) == "Accept AUTH_OK_OTP"
    assert guide.verify("", phone.code()) == "Reject AUTH_OTP_ALREADY_USED"
    assert guide.verify("imap", phone.code()) == "Reject AUTH_OTP_ALREADY_USED"
    assert guide.verify("", phone.next()) == "Accept AUTH_OK_OTP"
    guide.done("set", USER, "phone", "--for", "webmail")
    assert guide.verify("", phone.next()) == "Reject AUTH_TOKEN_MISSING"


@replays("6")
def test_groups_and_child_groups(guide: Guide) -> None:
    """A token serves its group and the children of it, and theirs, and no other."""
    guide.configure(
        mail(imap="children = archive") + "[group archive]\n[service archive]\ngroup = archive\n"
    )
    phone = guide.phone("d1f9c1", groups="webmail")
    assert guide.verify("webmail", phone.code()) == "Accept AUTH_OK_OTP"
    for service in ("imap", "smtp", "archive"):
        assert guide.verify(service, phone.next()) == "Accept AUTH_OK_OTP"
    assert guide.verify("sshd", phone.next()) == "Reject AUTH_TOKEN_MISSING"
    guide.done("set", USER, "phone", "--for", "imap")
    assert guide.verify("webmail", phone.code()) == "Reject AUTH_TOKEN_MISSING"
    assert guide.verify("archive", phone.code()) == "Accept AUTH_OK_OTP"


@replays("1", "2")
def test_failures(guide: Guide) -> None:
    """Five distinct wrong answers lock the user in one group, also for right codes, till unlock."""
    guide.configure("[login]\nrate_limit = 100/1m\n" + mail())
    phone = guide.phone("d1f9c1")
    wrong = [f"00000{number:x}" for number in range(1, 10)]
    elsewhere = "198.51.100.9"
    for codes in (wrong[:4], wrong[2:4]):
        found = guide.verify_all("sshd", codes, rhost=elsewhere)
        assert set(found) == {"Reject AUTH_FAILED"}
    assert guide.verify("sshd", phone.code()) == "Accept AUTH_OK_OTP"
    assert set(guide.verify_all("sshd", wrong[4:8], rhost=elsewhere)) == {"Reject AUTH_FAILED"}
    guide.clock.advance(3600)
    assert guide.verify("sshd", wrong[8], rhost=elsewhere) == "Reject AUTH_FAILED"
    assert guide.verify("sshd", phone.code(), rhost=elsewhere) == "Reject AUTH_USER_LOCKED"
    assert guide.verify("imap", phone.code(), rhost=elsewhere) == "Accept AUTH_OK_OTP"
    guide.done("unlock", USER)
    assert guide.verify("sshd", phone.next(), rhost=elsewhere) == "Accept AUTH_OK_OTP"


@replays("4", "7")
def test_sessions(guide: Guide) -> None:
    """The same one-time code again is accepted until the session's time or idle time is over."""
    guide.configure(mail(imap=SESSION))
    phone = guide.phone("484af2")
    code = phone.code()
    assert guide.verify("imap", code) == "Accept AUTH_OK_OTP"
    for _ in range(6):
        guide.clock.advance(299)
        assert guide.verify("imap", code) == "Accept AUTH_OK_SESSION"
    guide.clock.advance(10)
    assert guide.verify("imap", code) == "Reject AUTH_OTP_ALREADY_USED"
    code = phone.code()
    assert guide.verify("imap", code) == "Accept AUTH_OK_OTP"
    guide.clock.advance(301)
    assert guide.verify("imap", code) == "Reject AUTH_OTP_ALREADY_USED"


@replays("1a", "2a", "2b", "4a")
def test_what_counts(guide: Guide) -> None:
    """A lock is asked for, spares known addresses, and writes nothing; no used code counts."""
    guide.configure(
        "[login]\nrate_limit = 100/1m\n[group ssh]\nlock = 2/admin\n[service sshd]\ngroup = ssh\n"
    )
    phone = guide.phone("d1f9c1")
    code, elsewhere = phone.code(), "198.51.100.9"
    wrong = ["000000", "000001", "000002"]
    assert set(guide.verify_all("smtp", wrong, rhost=elsewhere)) == {"Reject AUTH_FAILED"}
    assert guide.verify("sshd", code) == "Accept AUTH_OK_OTP"
    again = guide.verify_all("sshd", [code] * 3, rhost=elsewhere)
    assert set(again) == {"Reject AUTH_OTP_ALREADY_USED"}
    guide.clock.advance(3600)
    assert set(guide.verify_all("sshd", wrong[:2], rhost=elsewhere)) == {"Reject AUTH_FAILED"}
    before = guide.done("show", USER, "--json")
    assert guide.verify("sshd", "999999", rhost=elsewhere) == "Reject AUTH_USER_LOCKED"
    assert guide.verify("sshd", phone.code(), rhost=elsewhere) == "Reject AUTH_USER_LOCKED"
    assert guide.done("show", USER, "--json") == before
    assert guide.verify("sshd", phone.code()) == "Accept AUTH_OK_OTP"


@replays("7a", "7b")
def test_what_a_session_is_bound_to(guide: Guide) -> None:
    """Unless it is asked for there is none; it is its address's, and has ten logins if not said."""
    guide.configure(mail(smtp="session = 1h", webmail="session = 1h logins=0 from=any"))
    phone, elsewhere = guide.phone("484af2"), "198.51.100.9"
    assert guide.verify("imap", phone.code()) == "Accept AUTH_OK_OTP"
    assert guide.verify("imap", phone.code()) == "Reject AUTH_OTP_ALREADY_USED"
    code = phone.next()
    assert guide.verify("smtp", code) == "Accept AUTH_OK_OTP"
    assert guide.verify("smtp", code, rhost=elsewhere) == "Reject AUTH_OTP_ALREADY_USED"
    found = guide.verify_all("smtp", [code] * 10)
    assert sorted(found) == ["Accept AUTH_OK_SESSION"] * 9 + ["Reject AUTH_SESSION_MAX_LOGIN"]
    code = phone.next()
    assert guide.verify("webmail", code) == "Accept AUTH_OK_OTP"
    assert guide.verify("webmail", code, rhost=elsewhere) == "Accept AUTH_OK_SESSION"


@replays("7")
def test_a_session_needs_its_token(guide: Guide) -> None:
    """A session is worth nothing when its token no longer serves the group, or is gone."""
    guide.configure(mail(imap=SESSION))
    code = guide.phone("484af2", groups="imap").code()
    assert guide.verify("imap", code) == "Accept AUTH_OK_OTP"
    guide.done("set", USER, "phone", "--for", "smtp")
    assert guide.verify("imap", code) == "Reject AUTH_TOKEN_MISSING"
    guide.done("set", USER, "phone", "--for", "imap")
    assert guide.verify("imap", code) == "Accept AUTH_OK_SESSION"
    guide.done("remove", USER, "phone")
    assert guide.verify("imap", code) == "Reject AUTH_TOKEN_MISSING"


@replays("8", "6")
def test_child_sessions(guide: Guide) -> None:
    """A login at imap begins a session at smtp, too, though smtp has none of its own; not back."""
    guide.configure(mail(imap=f"session_children = smtp\n{SESSION}"))
    phone, limited = guide.phone("484af2"), guide.phone("5f0735", name="limited", groups="imap")
    code = limited.code()
    assert guide.verify("imap", code) == "Accept AUTH_OK_OTP"
    assert guide.verify("smtp", code) == "Reject AUTH_OTP_ALREADY_USED"
    code = phone.code()
    assert guide.verify("imap", code) == "Accept AUTH_OK_OTP"
    assert guide.verify("smtp", code) == "Accept AUTH_OK_SESSION"
    later = phone.next()
    assert guide.verify("smtp", later) == "Accept AUTH_OK_OTP"
    assert guide.verify("imap", later) == "Reject AUTH_OTP_ALREADY_USED"
    assert guide.verify("smtp", later) == "Reject AUTH_OTP_ALREADY_USED"


@replays("9")
@pytest.mark.parametrize("order", [("imap", "smtp", "webmail"), ("smtp", "webmail", "imap")])
def test_session_master(guide: Guide, order: tuple[str, ...]) -> None:
    """With a session master it does not matter where the first login is."""
    master = f"session_children = imap smtp\nsession_master = yes\n{SESSION}"
    guide.configure(mail(webmail=master, imap=SESSION, smtp=SESSION))
    code = guide.phone("484af2").code()
    assert guide.verify(order[0], code) == "Accept AUTH_OK_OTP"
    for service in (*order[1:], order[0]):
        assert guide.verify(service, code) == "Accept AUTH_OK_SESSION"


@replays("10")
def test_max_login(guide: Guide) -> None:
    """A session that had all its logins refuses the next one; those of its children go on."""
    once = "session = 30m logins=1\nsession_children = imap smtp"
    guide.configure(mail(webmail=once, imap=SESSION, smtp=SESSION))
    code = guide.phone("d1f9c1").code()
    assert guide.verify("webmail", code) == "Accept AUTH_OK_OTP"
    assert guide.verify("webmail", code) == "Reject AUTH_SESSION_MAX_LOGIN"
    for service in ("imap", "smtp", "imap"):
        assert guide.verify(service, code) == "Accept AUTH_OK_SESSION"


@replays("11", "11a", "11b")
def test_logout_password(guide: Guide) -> None:
    """The logout password ends the session and its children's: a Reject with its own reason."""
    webmail = f"logout = yes\nsession_children = imap smtp\n{SESSION}"
    guide.configure(mail(webmail=webmail, imap=SESSION, smtp=SESSION))
    code = guide.phone("5f0735").code()
    logout = secrets.remember(logout_password(code))
    assert guide.verify("webmail", code) == "Accept AUTH_OK_OTP"
    assert guide.verify("imap", code) == "Accept AUTH_OK_SESSION"
    assert guide.verify("webmail", logout) == "Reject AUTH_SESSION_LOGOUT"
    for service in ("webmail", "imap", "smtp"):
        assert guide.verify(service, code) == "Reject AUTH_OTP_ALREADY_USED"


@replays("12", "12a")
@pytest.mark.parametrize("trust", ["md5", "sha256"])
def test_client_trust_password(guide: Guide, trust: str) -> None:
    """A trusted client sends a hash in the place of the code, and sessions go by it alone."""
    SECRETS.write_text(f"webmail = {CLIENT_SECRET}\n")
    SECRETS.chmod(0o600)
    client = f"client_secret = {{secret.webmail}}\ntrust = {trust}"
    webmail = f"session_children = imap smtp\n{SESSION}"
    guide.configure(mail(webmail=webmail, imap=SESSION, smtp=SESSION, client=client))
    code = guide.phone("3a5e9d").code()
    trusted = TRUSTED[trust]
    assert guide.verify("imap", trusted) == "Reject AUTH_NO_CODE"
    assert guide.verify("webmail", trusted) == "Accept AUTH_OK_TRUST_PW"
    for service in ("webmail", "imap", "smtp"):
        found = guide.verify_all(service, [trusted, code])
        assert found == ["Accept AUTH_OK_SESSION", "Reject AUTH_OTP_ALREADY_USED"]


@replays("13", "13a")
def test_ntlm(guide: Guide, md4_and_des: None) -> None:
    """To a challenge with its response the answer is the guide's NT_KEY, if NTLM is switched on."""
    assert md4_and_des is None
    challenge, response, key = NTLM
    guide.phone("8784c7")
    words = ("verify", USER, "--rhost", "192.0.2.10", "--ntlm", challenge, response)
    guide.configure(mail(webmail=SESSION))
    assert guide.admin(*words).stdout.startswith("refused: NTLM is not switched on")
    guide.configure(mail(webmail=f"ntlm = yes\n{SESSION}", imap="ntlm = yes"))
    for service, reason, said in (
        ("webmail", "AUTH_OK_OTP", f"NT_KEY: {key}\n"),
        ("webmail", "AUTH_OK_SESSION", f"NT_KEY: {key}\n"),
        ("imap", "AUTH_OTP_ALREADY_USED", ""),
    ):
        done = guide.admin(*words, "--service", service)
        first, _, rest = done.stdout.partition("\n")
        assert (done.returncode == 0, f"({reason})" in first, rest) == (bool(said), True, said)


@pytest.fixture
def md4_and_des() -> Iterator[None]:
    """Give the installation what `make install NTLM=yes` adds to it."""
    with withntlm.installed():
        yield


@replays("14", "14a")
def test_deleting_a_group_in_use(guide: Guide) -> None:
    """A group that something names cannot be taken out: nobody logs in, and the line is named."""
    guide.configure(mail().replace("[group imap]\n", ""))
    done = guide.admin("config")
    assert done.returncode == 1
    assert "there is no [group imap]" in done.stderr
    assert str(CONF) in done.stderr
    assert guide.admin("verify", USER, "--service", "smtp", text="123456\n").returncode == 1


@replays("7c", "15")
def test_showing_sessions(guide: Guide) -> None:
    """Sessions are shown with all that the guide shows, and the code is in none of it."""
    guide.configure(mail(webmail=f"session_children = imap\n{SESSION}", imap=SESSION))
    code = guide.phone("d1f9c1").code()
    assert guide.verify("webmail", code) == "Accept AUTH_OK_OTP"
    guide.clock.advance(60)
    assert guide.verify("imap", code) == "Accept AUTH_OK_SESSION"
    shown = guide.values("sessions", USER)
    assert {each["group"]: (each["uses"], each["last"] - BEGIN) for each in shown} == {
        "webmail": (1, 0),
        "imap": (1, 60),
    }
    for each in shown:
        assert (each["token"], each["address"]) == ("phone", "192.0.2.10")
        assert (each["since"], each["until"]) == (BEGIN, BEGIN + 1800)
    assert GUIDES_ID not in str(shown)
    assert code not in str(shown)
