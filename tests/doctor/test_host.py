"""`otpauth-admin doctor` on a real host of the stage: each fault that is seeded is named.

A seed is a shell script. It runs in a mount namespace of its own, in which everything that it may
change is a copy, and so does the doctor after it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from otpauth.doctor import hindrances, table
from tests import stage as stage_module
from tests.man import pages
from tests.parts import accounts, dialogue, enrolment, pam
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage
SSHD = """
UsePAM yes
KbdInteractiveAuthentication yes
PasswordAuthentication no
AuthenticationMethods publickey,keyboard-interactive
"""
PAM_PYTHON = next(Path("/usr/lib").glob("**/security/pam_python.so"), Path("/nowhere/none"))
COPIED = (
    *("/etc", "/var/lib/otpauth", "/lib/security", "/usr/local/lib/otpauth", "/home"),
    str(PAM_PYTHON.parent),
)
PRELUDE = (
    "mount -t tmpfs copies /mnt\n"
    + "".join(
        f"mkdir -p /mnt{each}; cp -a {each}/. /mnt{each}; mount --bind /mnt{each} {each}\n"
        for each in COPIED
    )
    + f"pam_python={PAM_PYTHON}\n"
    + """
sshd=/etc/pam.d/sshd
drop=/etc/ssh/sshd_config.d/10-otpauth.conf
users=/var/lib/otpauth/users
lib=/usr/local/lib/otpauth
minor=$(/usr/bin/python3 -c 'import sys; print(sys.version_info.minor)')
ours='auth required pam_python.so pam_otpauth.py'
split='auth optional pam_python.so pam_otpauth.py split'
password='@include common-auth'
after="$ours after_password"
dove() { echo "$ours" >/etc/pam.d/imap; printf '%s\\n' "$@" >>/etc/dovecot/dovecot.conf; }
cached() {
  case $(dovecot --version) in 2.3.*) dove 'passdb {' 'driver = pam' 'args = cache_key=%u x' }; esac
}
uncached() {
  case $(dovecot --version) in 2.4.*) dove 'passdb pam {' 'use_cache = no' }; esac
}
stack() { printf '%s\\n' "$@" 'account required pam_permit.so' >$sshd; }
"""
)


def chronyc(offset: str) -> str:
    """Return the seed of a chronyc that says, in its own form, by how much the clock is off."""
    line = (
        f"7F000001,127.0.0.1,9,1795318708.417756529,{offset},0.000000551,0.000008022,0.026,0.012,"
        "0.730,0.000008958,0.000002470,2.0,Normal"
    )
    return (
        f"mkdir /mnt/b; printf '#!/bin/sh\\necho {line}\\n' >/mnt/b/chronyc; "
        "chmod +x /mnt/b/chronyc; mount -t overlay x -o lowerdir=/mnt/b:/usr/sbin /usr/sbin"
    )


class Seed(NamedTuple):
    """A fault: the check that must name it, how bad it is, words of its evidence, how it is made.

    The script's stdin is a URI. `tool` runs the doctor.
    """

    id: str
    state: str
    words: str
    script: str
    tool: str = ""


SEEDS = (
    Seed("keys", "fail", "record.key is missing", "rm /etc/otpauth/record.key"),
    Seed("keys", "fail", "host.pub is missing", "rm /etc/otpauth/host.pub"),
    Seed("keys-safe", "fail", "mode 644", "chmod 644 /etc/otpauth/record.key"),
    Seed("keys-safe", "fail", "owner 1 ", "chown 1 /etc/otpauth/host.key"),
    Seed("keys-whole", "fail", "not usable", "echo >/etc/otpauth/record.key"),
    Seed(
        "keys-pair",
        "fail",
        "what users seal does not open",
        "cd /etc/otpauth; cp host.pub old; otpauth-admin key rotate; cp old host.pub",
    ),
    Seed(
        "keys-pair",
        "fail",
        "not of one backup",
        "cd /etc/otpauth; cp record.key old; otpauth-admin key rotate; cp old record.key",
    ),
    Seed(
        "keys-machine",
        "warn",
        "clone",
        "echo 00112233445566778899aabbccddeeff >/etc/machine-id\n"
        "sed -i 's/^machine .*/machine 0123456789abcdef/' /etc/otpauth/host.key",
    ),
    Seed("keys-backup", "warn", "never exported", "otpauth-admin key rotate"),
    Seed("paths", "fail", "/usr/local/lib/otpauth has", "chmod o+w $lib"),
    Seed("paths", "fail", "/etc/otpauth has owner 1", "chown 1 /etc/otpauth"),
    Seed("folders", "fail", "lock is missing", "rm -r /var/lib/otpauth/lock"),
    Seed("folders", "fail", "open to others", "chmod 755 $users"),
    Seed("room", "fail", "read-only", "mount -o remount,bind,ro /var/lib/otpauth"),
    Seed("room", "fail", "is full", "mount -t tmpfs -o size=64k small /var/lib/otpauth"),
    Seed("aside", "warn", "=aside-x-1 was set aside", "touch $users/=aside-x-1"),
    Seed(
        "policy", "fail", "otpauth.conf:2", "printf '[login]\\nx=1\\n' >/etc/otpauth/otpauth.conf"
    ),
    Seed(
        "secrets",
        "fail",
        "[service web] of otpauth.conf wants {secret.web}",
        "printf '[service web]\\nclient_secret = {secret.web}\\n' >/etc/otpauth/otpauth.conf; "
        "(umask 77; echo other = x >/etc/otpauth/secrets)",
    ),
    Seed(
        "secrets",
        "fail",
        "may be read by others",
        "printf '[service web]\\nclient_secret = {secret.web}\\n' >/etc/otpauth/otpauth.conf; "
        "echo web = x >/etc/otpauth/secrets; chmod 644 /etc/otpauth/secrets",
    ),
    Seed("pam-python", "fail", "not installed", "rm $pam_python"),
    Seed(
        "pam-python",
        "fail",
        "needs libpython3.99",
        "sed -i 's/libpython3.1./libpython3.99/' $pam_python",
    ),
    Seed("module", "fail", "which is not there", "rm /lib/security/pam_otpauth.py"),
    Seed(
        "module-library",
        "fail",
        "where otpauth is not",
        "sed -i 's|^LIB = .*|LIB = \"/nowhere\"|' /lib/security/pam_otpauth.py",
    ),
    Seed("dependencies", "fail", "cryptography", "rm -r $lib/deps/cryptography/hazmat"),
    Seed("dependencies", "fail", "no _cffi_backend", "rm $lib/deps/_cffi_backend.*-3$minor-*"),
    Seed(
        "next-python", "warn", "no _cffi_backend", "rm $lib/deps/_cffi_backend.*-3$((minor + 1))-*"
    ),
    Seed("helper", "fail", "opens no proposal", "echo 1/0 >$lib/otpauth/unseal.py"),
    Seed(
        "ntlm",
        "fail",
        "make install NTLM=yes",
        "printf '[service radius]\\nntlm = yes\\n' >/etc/otpauth/otpauth.conf",
    ),
    Seed(
        "log",
        "warn",
        "/dev/log is missing",
        "mount -t tmpfs dev /dev; mknod /dev/null c 1 3; mknod /dev/urandom c 1 9",
    ),
    Seed("pam", "warn", "no login asks", "stack '@include common-auth'"),
    Seed("pam-include", "fail", "'nowhere'", 'stack "$ours" "@include nowhere"'),
    Seed(
        "pam-bypass",
        "fail",
        "'sufficient'",
        'echo "$ours" >/etc/pam.d/code; stack "auth sufficient pam_unix.so" "auth substack code"',
    ),
    Seed(
        "pam-bypass",
        "fail",
        "pam_unix.so",
        "printf 'auth required pam_env.so\\nauth required pam_faildelay.so\\n' >/etc/pam.d/more; "
        'stack "auth [success=2 default=ignore] pam_unix.so" "auth substack more" "$ours"',
    ),
    Seed(
        "pam-after-password",
        "fail",
        "after_password",
        "echo 'auth requisite pam_unix.so' >/etc/pam.d/more; "
        'stack "auth substack more" "$ours after_password"',
    ),
    Seed("pam-control", "fail", "'optional'", 'stack "${ours/required/optional}"'),
    Seed("pam-control", "fail", "'[default=ignore]'", 'stack "${ours/required/[default=ignore]}"'),
    Seed("pam-bypass", "fail", "pam_unix.so", 'stack "auth sufficient pam_unix.so" "$ours"'),
    Seed(
        "pam-bypass",
        "fail",
        "pam_unix.so",
        'stack "auth [success=1 default=ignore] pam_unix.so" "$ours" "auth required pam_permit.so"',
    ),
    Seed(
        "pam-after-password",
        "fail",
        "says after_password",
        'stack "auth required pam_unix.so" "$ours after_password"',
    ),
    Seed("pam-arguments", "fail", "'windw'", 'stack "$ours windw=3"'),
    Seed("pam-arguments", "fail", "'windw'", 'stack "$ours windw=3 split" "$password" "$after"'),
    Seed("pam-split", "fail", "password alone", 'stack "$split" "$password"'),
    Seed("pam-split", "fail", "asks for it again", 'stack "$split" "$password" "$ours"'),
    Seed(
        "pam-split",
        "fail",
        "asks for it again",
        'stack "$split" "$password" '
        '"auth required pam_exec.so seteuid expose_authtok $lib/otpauth-pam-exec after_password"',
    ),
    Seed("pam-split", "fail", "password alone", 'stack "$after" "$split" "$password"'),
    Seed("pam-split", "fail", "had before", 'stack "$password" "$split" "$after"'),
    Seed(
        "pam-split",
        "fail",
        "cannot split",
        'stack "auth optional pam_exec.so seteuid expose_authtok $lib/otpauth-pam-exec split" '
        '"$password" "$after"',
    ),
    Seed("pam-secret", "warn", "go to ~/.otpauth", 'stack "$ours secret=~/.other"'),
    Seed("pam-decides", "fail", "PAM_IGNORE", 'stack "$ours nullok"'),
    Seed("pam-nullok", "warn", "has not enrolled", 'stack "$ours nullok"'),
    Seed("pam-nullok", "warn", "has not enrolled", 'stack "$ours nullok=until:2099-01-31"'),
    Seed("pam-decides", "fail", "skip_from lets", 'stack "$ours skip_from=10.0.0.0/8"'),
    Seed("pam-exempt", "warn", "nobody from there", 'stack "$ours skip_from=10.0.0.0/8"'),
    Seed(
        "pam-exempt",
        "warn",
        "who = %crew: sshd asks only these",
        "printf '[service s]\npam = sshd\nfrom = ::1\nwho = %%crew\n' >/etc/otpauth/otpauth.conf",
    ),
    Seed("pam-twice", "warn", "2 codes", 'stack "$ours" "$ours"'),
    Seed("pam-others", "warn", "pam_oath.so", 'stack "$ours" "auth required pam_oath.so"'),
    Seed(
        "pam-exec",
        "fail",
        "lacks seteuid",
        'stack "auth required pam_exec.so expose_authtok $lib/otpauth-pam-exec"',
    ),
    Seed(
        "pam-exec",
        "fail",
        "hands over the password",
        'stack "@include common-auth" '
        '"auth required pam_exec.so expose_authtok seteuid $lib/otpauth-pam-exec"',
    ),
    Seed("pam-common", "warn", "every service", 'echo "$ours" >>/etc/pam.d/common-auth'),
    Seed("pam-unprivileged", "warn", "xscreensaver", 'echo "$ours" >/etc/pam.d/xscreensaver'),
    Seed("pam-homes", "warn", "pam_mount.so", 'stack "$ours" "session optional pam_mount.so"'),
    Seed("sshd", "fail", "Nonsense", "echo Nonsense yes >>$drop"),
    Seed("sshd-pam", "fail", "UsePAM no", "sed -i 's/UsePAM yes/UsePAM no/' $drop"),
    Seed(
        "sshd-asks",
        "fail",
        "KbdInteractiveAuthentication no",
        "printf 'KbdInteractiveAuthentication no\\nPasswordAuthentication yes\\n"
        "AuthenticationMethods publickey,password\\n' >$drop",
    ),
    Seed("sshd-methods", "fail", "publickey alone", "sed -i /Methods/d $drop"),
    Seed("sshd-methods", "fail", "hostbased alone", "sed -i 's/Methods/& hostbased/' $drop"),
    Seed("sshd-factor", "warn", "the only factor", "sed -i 's/publickey,//' $drop"),
    Seed(
        "sshd-password",
        "warn",
        "PasswordAuthentication yes",
        "sed -i 's/cation no/cation yes/; s/Methods/& publickey,password/' $drop",
    ),
    Seed("sshd-dropins", "warn", "has no Include", "sed -i /^Include/d /etc/ssh/sshd_config"),
    Seed(
        "sshd-keys",
        "warn",
        "robot",
        "useradd -m robot; cd /home/robot; mkdir .ssh; echo key >.ssh/authorized_keys; "
        "chown -R robot .ssh",
    ),
    Seed(
        "dovecot-root", "fail", "user = dovecot", "dove 'service auth-worker {' 'user = dovecot' }"
    ),
    Seed("dovecot-cache", "fail", "1 M", "dove 'auth_cache_size = 1 M'; cached"),
    Seed("nologin", "fail", "nobody but root", "touch /etc/nologin"),
    Seed(
        "clock",
        "warn",
        "no chronyd",
        "echo sleep >/mnt/x; mount --bind /mnt/x $(grep -l chronyd /proc/[0-9]*/comm)",
        "strace -f -qq -o /dev/null -e inject=adjtimex,clock_adjtime:error=EPERM otpauth-admin",
    ),
    Seed(
        "clock-offset",
        "warn",
        "20 s off",
        chronyc("19.999998093"),
    ),
    Seed("clock-went-back", "fail", "still to come", "touch -d '1 hour' $users/$user"),
    Seed(
        "selinux",
        "warn",
        "is 1",
        "mount -t tmpfs x /sys/fs; cd /sys/fs; mkdir selinux; echo 1 >selinux/enforce",
    ),
    Seed(
        "apparmor",
        "warn",
        "sshd is confined",
        "mount -t tmpfs x /sys/kernel/security; mkdir /sys/kernel/security/apparmor; "
        "echo '/usr/sbin/sshd (enforce)' >/sys/kernel/security/apparmor/profiles",
    ),
    Seed("unit", "fail", "ProtectSystem=strict", "unit ssh ProtectSystem=strict"),
    Seed("unit", "fail", "ReadOnlyPaths=/var", "unit ssh ReadOnlyPaths=/var"),
    Seed("unit", "fail", "User=nobody", "unit radiusd User=nobody; cp $sshd /etc/pam.d/radiusd"),
    Seed("unit-homes", "warn", "ProtectHome=tmpfs", "unit ssh ProtectHome=tmpfs"),
    Seed(
        "homes",
        "fail",
        "does not answer",
        ":",
        "exec 2>/dev/null; strace -f -qq -o /dev/null -P /home/$user/.otpauth "
        "-e inject=openat:delay_enter=3s otpauth-admin",
    ),
    Seed("orphans", "warn", "'ghost'", "cp $users/$user $users/ghost"),
    Seed(
        "record",
        "fail",
        "does not open",
        "for f in $users/$user /home/$user/.otpauth; do sed -i '/^sealed/,$s/A/B/' $f; done",
    ),
    Seed("account", "fail", "expired on 2020-01-02", "chage -E 2020-01-02 $user"),
    Seed("account", "fail", "the shell is", "usermod -s /usr/sbin/nologin $user"),
    Seed(
        "record-uid",
        "fail",
        "of uid",
        'sed -i "s/^$user:x:[0-9]*/$user:x:4242/" /etc/passwd; '
        "chown -R 4242 /home/$user; rm /home/$user/.otpauth",
    ),
    Seed("home", "warn", "chmod 600", "chmod 666 /home/$user/.otpauth"),
    Seed("home", "warn", "is not the user's", "chown 1 /home/$user"),
    Seed(
        "token",
        "fail",
        "phone is switched off",
        "for name in phone scratch; do otpauth-admin set $user $name --off; done",
    ),
    Seed(
        "token",
        "fail",
        "of kind totp",
        "printf '[login]\\nkinds = hotp\\n' >/etc/otpauth/otpauth.conf",
    ),
    Seed(
        "token-expired",
        "warn",
        "phone expired",
        "otpauth-admin set $user phone --expires $(date -d 2days +%F)",
        "faketime 9days otpauth-admin",
    ),
    Seed(
        "token-limits",
        "warn",
        "no token is good for ssh",
        "for name in phone scratch; do otpauth-admin set $user $name --for imap; done",
    ),
    Seed(
        "codes",
        "warn",
        "10 scratch codes left",
        "printf '[login]\nwarn_below = 20\n' >/etc/otpauth/otpauth.conf",
    ),
    Seed(
        "limited",
        "warn",
        "not compared until",
        "for code in 000001 000002 000003; do echo $code | "
        "otpauth-admin verify $user --rhost 192.0.2.1 || :; done",
    ),
    Seed(
        "locked",
        "fail",
        "locked after too many wrong codes",
        "printf '[login]\nlock = 1/admin\n' >/etc/otpauth/otpauth.conf; "
        "echo 000001 | otpauth-admin verify $user --rhost 192.0.2.1 || :",
    ),
    Seed("clock-back", "fail", "later than this host", ":", "faketime -f -2h otpauth-admin"),
    Seed(
        "waiting",
        "warn",
        "otpauth-admin",
        "runuser -u $user -- otpauth add hotp two --uri -",
    ),
    Seed(
        "foreign",
        "warn",
        "sealed to 0000-0000",
        "useradd -m zoe; runuser -u zoe -- otpauth setup --uri -; "
        "sed -i 's/^key .*/key 0000-0000/' /home/zoe/.otpauth",
    ),
    Seed("damaged", "warn", "1 sections", "echo garbage >>/home/$user/.otpauth"),
)


@pytest.fixture(scope="module")
def healthy(stage: Path) -> Iterator[Person]:
    """Give a host as it should be, and one who is enrolled on it."""
    drop = Path("/etc/ssh/sshd_config.d/10-otpauth.conf")
    passphrase = stage / "tmp" / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery\n")
    daemon = _daemon(stage)
    with pam.service(enrolment.STACK, "sshd"), accounts.make() as person:
        drop.write_text(SSHD)
        words = ("key", "export", "--passphrase-file", str(passphrase))
        assert enrolment.admin(*words).returncode == 0
        phone, _, _ = dialogue.enrol(person)
        with pam.service(enrolment.STACK) as name:
            assert pam.drive(name, person.name, [phone.next()]).one.ok
        yield person
        drop.unlink()
    daemon.kill()
    daemon.wait()


def _daemon(stage: Path) -> subprocess.Popen[bytes]:
    """Run what looks like a daemon that keeps the clock right."""
    program = stage / "bin" / "chronyd"
    program.write_bytes(Path("/usr/bin/sleep").read_bytes())
    program.chmod(0o755)
    running = subprocess.Popen((str(program), "1000"))
    name = Path(f"/proc/{running.pid}/comm")
    wait_until(lambda: name.read_text() == "chronyd\n", what="the daemon runs")
    return running


def doctor(person: Person, seed: str = ":", tool: str = "") -> list[dict[str, Any]]:
    """Return the findings on a host with a seed in it."""
    made = f"{{\n{seed}\n}} >/dev/null 2>&1\ncd /"
    script = f"{PRELUDE}{UNIT}\n{made}\n{tool or 'otpauth-admin'} doctor --json"
    done = subprocess.run(
        ("unshare", "--mount", "--propagation", "private", "/bin/bash", "-ec", script),
        env={
            "user": person.name,
            "PATH": stage_module.SYSTEM_PATH,
        },
        input=enrolment.uri("hotp", enrolment.new_secret()) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert done.returncode == any(each["state"] == "fail" for each in found)
    return found


UNIT = """unit() {
  mkdir -p /etc/systemd/system/$1.service.d
  printf '[Service]\\n%s\\n' "$2" >/etc/systemd/system/$1.service.d/x.conf
}"""


def test_a_healthy_host(healthy: Person) -> None:
    """A host as it should be gives nothing but ok, from every check."""
    found = doctor(healthy, f"{chronyc('-0.000012')}\ndove")
    assert [each for each in found if each["state"] != "ok"] == []
    assert {each["id"] for each in found} == {each.id for each in table.CHECKS}
    assert {tuple(each) for each in found} == {("id", "state", "title", "evidence", "mend")}


def test_a_cache_that_is_not_used(healthy: Person) -> None:
    """A cache of Dovecot's into which nothing of PAM's goes is no fault."""
    found = doctor(healthy, "dove 'auth_cache_size = 1 M'; uncached")
    assert [each["state"] for each in found if each["id"] == "dovecot-cache"] == ["ok"]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.id}-{seed.words.split()[0]}")
def test_a_seeded_fault(healthy: Person, seed: Seed) -> None:
    """The check whose business it is names the fault, with evidence and what mends it."""
    found = doctor(healthy, seed.script, seed.tool)
    mine = [each for each in found if each["id"] == seed.id]
    assert {each["state"] for each in mine} == {seed.state}, mine
    evidence = [each for each in mine if seed.words in each["evidence"] + each["mend"]]
    assert evidence, mine
    assert all(each["mend"] and each["evidence"] for each in mine)


@pytest.mark.parametrize(
    ("service", "stack", "settings", "expected"),
    [
        ("sshd", "sshd-key", "sshd_config-key", set()),
        ("sshd", "sshd-key-nullok", "sshd_config-key", {"pam-nullok"}),
        ("sshd", "sshd-password", "sshd_config-password", set()),
        ("sshd", "sshd-key", "sshd_config-password", {"sshd-factor"}),
        ("sshd", "sshd-one-box", "sshd_config-one-box", set()),
        ("sshd", "sshd-exec", "sshd_config-key", set()),
        ("sudo", "sudo", "sshd_config-key", set()),
        ("su", "su", "sshd_config-key", set()),
        ("dovecot", "dovecot", "sshd_config-key", set()),
        ("sudo", "arguments", "sshd_config-key", set()),
    ],
)
def test_stacks_of_the_manual(
    healthy: Person, tmp_path: Path, service: str, stack: str, settings: str, expected: set[str]
) -> None:
    """The stacks that pam_otpauth(8) gives have no fault but those that are their point."""
    for name, example in (("stack", stack), ("settings", settings)):
        (tmp_path / name).write_text(pages.examples("pam_otpauth.8")[example])
    found = doctor(
        healthy, f"cp {tmp_path}/stack /etc/pam.d/{service}; cp {tmp_path}/settings $drop"
    )
    assert {each["id"] for each in found if each["state"] != "ok"} == expected


GROUP = """groupadd crew; usermod -aG crew $user
not='auth [success=1 default=ignore] pam_succeed_if.so quiet user notingroup crew'
in='auth [success=1 default=ignore] pam_succeed_if.so quiet user ingroup crew'
stack "$in" 'auth substack common-auth' "$not" "$ours"
{ echo 'Match Group crew'; sed -n '/Kbd/p; /Pass/p; /Methods/p' $drop; } >drop; mv drop $drop
"""


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", set()),
        ("sed -i /Methods/d $drop", {"sshd-methods"}),
        ("sed -i s/crew/nobodies/ $drop", {"sshd-asks", "sshd-methods", "sshd-password"}),
        ("gpasswd -d $user crew", set()),
    ],
)
def test_a_group_that_is_asked(healthy: Person, script: str, expected: set[str]) -> None:
    """Where a group alone is asked, what sshd does to its members counts, and to nobody else."""
    found = doctor(healthy, GROUP + script)
    assert {each["id"] for each in found if each["state"] != "ok"} == expected


def test_every_check_is_seeded() -> None:
    """Each check of the table has a seed here."""
    assert {each.id for each in table.CHECKS} == {each.id for each in SEEDS}


def test_a_missing_key_is_one_fault(healthy: Person) -> None:
    """Without the record key nothing is said of accounts: not that they are well, nor each not."""
    found = doctor(healthy, "rm /etc/otpauth/record.key")
    assert {each["id"] for each in found if each["state"] == "fail"} == {"keys"}
    assert not {each["id"] for each in found} & {each.id for each in hindrances.CHECKS}


def test_it_changes_nothing(healthy: Person) -> None:
    """Whatever the doctor finds, every file of the host and of the homes is as it was."""
    with accounts.make() as other:
        enrolment.fob(other)
        with (healthy.home / ".otpauth").open("a") as file:
            file.write("garbage\n")
        before = _everything()
        for words in (("doctor",), ("doctor", "--json")):
            assert enrolment.admin(*words).returncode == 0
        assert _everything() == before
        assert healthy.run(enrolment.OTPAUTH, "list", "--prune").returncode == 0


def _everything() -> dict[str, tuple[object, ...]]:
    """Return mode, owner, time and content of all that the doctor looks at."""
    found: dict[str, tuple[object, ...]] = {}
    for folder in COPIED:
        for path in [Path(folder), *Path(folder).rglob("*")]:
            status = path.lstat()
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            stamp = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
            found[str(path)] = (*stamp, data)
    return found


def test_it_is_for_root(healthy: Person) -> None:
    """A user is refused, and has a doctor of his own."""
    done = healthy.run(enrolment.ADMIN, "doctor")
    assert (done.returncode, done.stdout) == (1, "")
    assert "only root may do this" in done.stderr
    assert healthy.run(enrolment.OTPAUTH, "doctor").returncode == 0


def test_what_people_read(healthy: Person) -> None:
    """A fault is a line with its evidence, and one with what mends it; the last line counts."""
    conf = Path("/etc/otpauth/otpauth.conf")
    conf.write_text("[login]\nwindw = 3\n")
    done = enrolment.admin("doctor")
    conf.unlink()
    assert healthy.home.is_dir()
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    (place,) = [number for number, text in enumerate(lines) if text.startswith("fail")]
    assert "policy" in lines[place]
    assert "otpauth.conf:2: unknown key 'windw'" in lines[place]
    assert "mend: window ?" in lines[place + 1]
    assert lines[-1].endswith("ok, 0 warn, 1 fail")
