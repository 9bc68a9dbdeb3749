"""The helper that opens proposals: keys and sealed bytes on stdin, plain bytes on stdout.

HPKE needs key objects that do not survive a second start of Python inside one process, so a login
runs this as a program of its own: `/usr/bin/python3 -ISB unseal.py FOLDER...`, with an empty
environment. The folders are put in front of the module search path. It opens no file.
"""

from __future__ import annotations

import json
import sys


def main() -> int:
    """Open all proposals of one request; what does not open is null in the reply."""
    sys.path[:0] = sys.argv[1:]
    from otpauth import seal
    from otpauth.errors import SealError

    request = json.load(sys.stdin)
    reply: list[str | None] = []
    for key, info, sealed in request["proposals"]:
        try:
            secret = bytes.fromhex(request["keys"][key])
            plain = seal.open_proposal(secret, bytes.fromhex(info), bytes.fromhex(sealed))
            reply.append(plain.hex())
        except (SealError, KeyError):
            reply.append(None)
    json.dump(reply, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
