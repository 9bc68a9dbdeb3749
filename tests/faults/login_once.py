"""One answer through the product, without PAM around it: `login_once.py USER`, code on stdin.

Run as `/usr/bin/python3 -ISB`, so that strace sees little else. Prints verdict and reason.
"""

import sys
import time

sys.path[:0] = ["/usr/local/lib/otpauth", "/usr/local/lib/otpauth/deps"]

from otpauth import account, attempt, limits, store  # noqa: E402 (the path comes first)
from otpauth.host import Host  # noqa: E402
from otpauth.login import Request  # noqa: E402

who = account.lookup(sys.argv[1])
now = int(time.time())
place = limits.place("", 0)
policy = Host().policy()
outcome = attempt.attempt(
    who,
    Request(who.name, "faults", "", place, "", now),
    sys.stdin.readline().strip(),
    store.Terms(Host(), policy, policy.login, now),
)
print(outcome.verdict, outcome.reason, flush=True)
