"""[service], [group], who and skip_from at real logins: who is asked where, and what then holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_pam_exec import stack
from tests.parts import accounts, enrolment, log, pam

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parts.accounts import Person

KEY = {"SSH_AUTH_INFO_0": "publickey ssh-ed25519 AAAA"}
PERMIT = "auth required pam_permit.so"
LINES = {"pam_python": f"{enrolment.STACK}\n{PERMIT}", "pam_exec": stack("")}
both = pytest.mark.parametrize("way", LINES)


def passes(way: str, person: Person, *, key: bool = True, rhost: str = "") -> bool:
    """Say whether somebody without a code gets through, and check that the log says why."""
    start = log.position()
    options: pam.Options = {"env": KEY if key else {}, "rhost": rhost}
    with pam.service(LINES[way]) as name:
        done = pam.drive(name, person.name, ["no code"], **options).one
    said = [line.text for line in log.lines(start, containing="reason=AUTH_OK_NOT_ASKED")]
    assert bool(said) == done.ok
    assert all(f"user={person.name} " in text for text in said)
    assert done.ok or done.asked
    assert not done.ok or way == "pam_exec" or not done.asked
    return done.ok


@both
def test_who(person: Person, conf: Path, way: str) -> None:
    """Whom `who` does not mean is asked nothing once a first factor is proved; others are asked."""
    enrolment.fob(person)
    with accounts.make(groups=("drivers",)) as other:
        conf.write_text(f"[login]\nwho = %drivers !{other.name} root\n", encoding="utf-8")
        assert passes(way, person)
        assert passes(way, other)
        assert not passes(way, person, key=False)
        conf.write_text("[login]\nwho = %drivers\n", encoding="utf-8")
        assert not passes(way, other)


def test_a_group_that_nobody_knows_lets_nobody_pass(person: Person, conf: Path) -> None:
    """A misspelt group in `who`, or one whose name service is away, does not open the door."""
    conf.write_text("[login]\nwho = %no-such-group\n", encoding="utf-8")
    assert not passes("pam_python", person)


@both
def test_skip_from(person: Person, conf: Path, way: str) -> None:
    """From a network of skip_from nobody is asked; names, local logins and others are."""
    enrolment.fob(person)
    conf.write_text("[login]\nskip_from = 10.1.0.0/16 fd00:1::/32\n", encoding="utf-8")
    for rhost in ("::ffff:10.1.2.3", "fd00:1::7%eth0"):
        assert passes(way, person, rhost=rhost)
    for rhost in ("10.2.0.1", "", "10.1.2.3\n"):
        assert not passes(way, person, rhost=rhost)
    assert not passes(way, person, key=False, rhost="10.1.2.3")


def test_config_warns_of_words_that_mean_nobody(conf: Path) -> None:
    """`config` tells the line of a user or group in `who` or `for` that this host has not."""
    words = {"login": "* !%root", "group g": "* !nobody-there", "service s": "%none-such root"}
    text = "".join(f"[{section}]\nwho = {each}\n" for section, each in words.items())
    text += "[channel mail]\ntype = sendmail\nto = map:/etc/map\nfor = %none-such root\n"
    text += "[channel push]\ntype = http\nurl = https://example.org/{to}\nto = map:/etc/map\n"
    conf.write_text(text, encoding="utf-8")
    done = enrolment.admin("config")
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert [each for each in lines if each.endswith("on this host")] == [
        f"otpauth-admin: warning: {conf}:10: for: no group 'none-such' on this host",
        f"otpauth-admin: warning: {conf}:4: who: no user 'nobody-there' on this host",
        f"otpauth-admin: warning: {conf}:6: who: no group 'none-such' on this host",
    ]
    shown = [line.split() for line in done.stdout.splitlines()]
    assert ["channel", "mail.to", "map:/etc/map", f"{conf}:9"] in shown
    assert ["channel", "push.for", "*", "default"] in shown


def test_config_warns_of_services_that_fit_nothing(conf: Path) -> None:
    """`config` tells the line of a service from whose networks others above it take all logins."""
    wide, narrow = "10.0.0.0/8 fd00::/16", "10.1.0.0/16 fd00:1::/32"
    text = "[service a]\npam = sshd\nfrom = {}\n[service b]\npam = sshd su\nfrom = {}\n"
    for first, second, fits in (
        (wide, narrow, False),
        (narrow, wide, True),
        (wide, f"{narrow} 192.0.2.7", True),
        (wide, "fd00::/16", False),
    ):
        conf.write_text(text.format(first, second), encoding="utf-8")
        done = enrolment.admin("config")
        said = f"{conf}:6: from: sections above [service b] take all logins of 'sshd' from there"
        assert done.returncode == 0
        assert (said in done.stderr, not done.stderr) == (not fits, fits)


def test_config_warns_of_maps(conf: Path) -> None:
    """As root `config` tells the line of a map that is not there, or that others may write."""
    there = conf.with_name("map")
    conf.write_text(f"[channel mail]\ntype = sendmail\nto = map:{there}\n", encoding="utf-8")
    try:
        faults = [enrolment.admin("config").stderr]
        for mode in (0o666, 0o600):
            there.write_text("alice: alice@example.org\n", encoding="utf-8")
            there.chmod(mode)
            faults.append(enrolment.admin("config").stderr)
    finally:
        there.unlink()
    assert faults[0].startswith(f"otpauth-admin: warning: {conf}:3: to: '{there}': No such file")
    assert faults[1].startswith(f"otpauth-admin: warning: {conf}:3: to: '{there}' ")
    assert faults[2] == ""


def test_config_misses_a_secret(conf: Path) -> None:
    """As root `config` names the line of a secret that /etc/otpauth/secrets does not have."""
    conf.write_text("[service web]\nclient_secret = {secret.web}\n", encoding="utf-8")
    done = enrolment.admin("config")
    assert done.returncode == 1
    assert f"{conf}:2: [service web] wants {{secret.web}}" in done.stderr


def test_nobody_without_an_account_passes(conf: Path) -> None:
    """A name without an account is prompted and refused where nobody is asked."""
    conf.write_text("[login]\nskip_from = 10.0.0.0/8\nwho = root\n", encoding="utf-8")
    with pam.service(LINES["pam_python"]) as name:
        done = pam.drive(name, "nobody-there", ["123456"], env=KEY, rhost="10.1.2.3").one
    assert not done.ok
    assert done.asked


def test_precedence(person: Person, conf: Path) -> None:
    """The PAM line goes before the service, that before its group, and that before [login]."""
    fob = enrolment.fob(person)
    text = "[login]\nkinds = scratch\n[group g]\n{}[service s]\npam = {}\ngroup = g\n{}"
    hotp, scratch = "kinds = hotp\n", "kinds = scratch\n"
    for words, group, service, ok in (
        ("", hotp, "", True),
        ("", hotp, scratch, False),
        ("kinds=hotp", "", scratch, True),
        ("kinds=scratch", "", hotp, False),
    ):
        with pam.service(f"{enrolment.STACK} {words}") as name:
            conf.write_text(text.format(group, name, service), encoding="utf-8")
            assert pam.drive(name, person.name, [fob.next()]).one.ok == ok
    with pam.service(enrolment.STACK) as name:
        assert not pam.drive(name, person.name, [fob.next()]).one.ok


def test_services_with_odd_names(person: Person, conf: Path) -> None:
    """A PAM service that looks like a section, a group or a control sequence gets [login] alone."""
    conf.write_text("[group g]\nwho = root\n[service s]\nwho = root\ngroup = g\n", encoding="utf-8")
    for name in ("group g", "[login]", "g", "s\x1b[2j", "s\n"):
        start = log.position()
        with pam.service(LINES["pam_python"], name):
            done = pam.drive(name, person.name, ["123456"], env=KEY, rhost="\x1b[2J\n").one
        assert (done.ok, bool(done.asked)) == (False, True)
        (line,) = log.lines(start, containing=f"user={person.name} ")
        assert "reason=NOT_ENROLLED" in line.text
        assert line.text.isprintable()


def test_one_box_of_who_is_not_asked(conf: Path) -> None:
    """Of who is asked for no code the whole answer is the password, though it ends in digits."""
    lines = (
        "auth optional pam_python.so pam_otpauth.py split",
        "auth requisite pam_unix.so nodelay",
    )
    after = f"{enrolment.STACK} after_password"
    with (
        accounts.make(password="hunter2482913") as person,
        pam.service("\n".join((*lines, after, PERMIT))) as name,
    ):
        enrolment.fob(person)
        conf.write_text("[login]\nwho = root\n", encoding="utf-8")
        assert pam.drive(name, person.name, ["hunter2482913"]).one.ok
        conf.write_text("[login]\nwho = *\n", encoding="utf-8")
        assert not pam.drive(name, person.name, ["hunter2482913"]).one.ok


def test_config_tells_what_holds_for_a_login(person: Person, conf: Path) -> None:
    """Without root, `config --service` gives the section, the group, each value and its line."""
    conf.write_text(
        "[login]\nwindow = 5\nprompt = Code:\n[group g]\nwindow = 7\nlock = 5/1h\n"
        "[service s]\npam = {}\nfrom = 192.0.2.0/24\ngroup = g\nskip_from = 192.0.2.7\n",
        encoding="utf-8",
    )
    with pam.service(f"{enrolment.STACK} prompt=Say:") as name:
        conf.write_text(conf.read_text(encoding="utf-8").format(name), encoding="utf-8")

        def told(rhost: str) -> dict[str, tuple[str, str]]:
            words = ("--service", name, "--rhost", rhost, "--user", person.name, "--json")
            done = person.run(enrolment.ADMIN, "config", *words)
            assert done.returncode == 0, done.stderr
            return {k: (v["value"], v["set"]) for k, v in json.loads(done.stdout).items()}

        inside, outside = told("192.0.2.7"), told("198.51.100.1")
        line = f"/etc/pam.d/{name}:1"
        table = person.run(enrolment.ADMIN, "config", "--service", name).stdout
    assert inside["service"] == ("s", f"{conf}:7")
    assert inside["group"] == ("g", f"{conf}:4")
    assert inside["names"] == (f"s {name} g", "")
    assert inside["window"] == ("7", f"{conf}:5")
    assert inside["lock"] == ("5/1h", f"{conf}:6")
    assert inside["prompt"] == ("Say:", line)
    assert inside["grace"] == ("off", "default")
    assert inside["asked"] == ("no, by skip_from, if a first factor is proved", f"{conf}:11")
    assert (outside["service"], outside["window"]) == (("-", ""), ("5", f"{conf}:2"))
    assert (outside["asked"], outside["pam"]) == (("yes", ""), (line, ""))
    assert "asked" not in table.split()
    done = person.run(enrolment.ADMIN, "config", "--user", person.name)
    assert (done.returncode, "--service" in done.stderr) == (2, True)
