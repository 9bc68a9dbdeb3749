"""Enrolled people: through the user's own command, as a hardware token is enrolled.

The secret goes to `otpauth setup --uri -` on stdin; oathtool gives its codes from then on.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from tests.parts import secrets
from tests.parts.phone import Fob, Phone

if TYPE_CHECKING:
    from tests.parts.accounts import Person

STACK = "auth required pam_python.so pam_otpauth.py"
OTPAUTH = "/usr/local/bin/otpauth"
ADMIN = "/usr/local/sbin/otpauth-admin"


def new_secret(size: int = 20) -> str:
    """Return a random secret in base32, remembered as one."""
    return secrets.remember(base64.b32encode(os.urandom(size)).decode().rstrip("="))


def uri(kind: str, secret: str, **params: object) -> str:
    """Return the provisioning URI of a secret."""
    every = {"counter": 0, **params} if kind == "hotp" else params
    more = "".join(f"&{key}={value}" for key, value in every.items())
    return f"otpauth://{kind}/stage:somebody?secret={secret}&issuer=stage{more}"


def fob(person: Person, *, counter: int = 0) -> Fob:
    """Enrol a hardware token; it is adopted at the first login."""
    secret = new_secret()
    propose(person, uri("hotp", secret, counter=counter), "setup")
    return Fob(secret, counter=counter)


def phone(person: Person, **options: Any) -> Phone:
    """Enrol a phone; the options are the Phone's."""
    secret = new_secret()
    shown = {key: options[key] for key in ("digits", "period", "algorithm") if key in options}
    propose(person, uri("totp", secret, **shown), "setup")
    return Phone(secret, **options)


def app_password(person: Person, name: str, *groups: str) -> str:
    """Have root make an app password that is good for these services and groups."""
    done = admin("add", person.name, "password", name, "--for", ",".join(groups), "--json")
    assert done.returncode == 0, done.stderr
    return secrets.remember(json.loads(done.stdout)["password"])


def propose(person: Person, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a verb of the user's command with a URI (and perhaps a code below it) on stdin."""
    done = person.run(OTPAUTH, *words, "--uri", "-", text=f"{text}\n")
    assert done.returncode == 0, done.stderr
    return done


def admin(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the administrator's command as root."""
    return subprocess.run((ADMIN, *words), input=text, capture_output=True, text=True, check=False)
