"""Real parts for tests: accounts, a phone, sshd and its client, PAM services, su, sudo, a clock.

Each part is a context manager or a value; whatever it starts it ends by pid. All of them need the
stage (tests/stage.py) and say so. What a test needs is found by name:

    accounts   throw-away people, with keys, groups and odd homes
    phone      oathtool as the authenticator app
    pam        service files, pamtester, our own PAM application (pamdrive.c), storms
    sshd       a real sshd on 127.0.0.1        client   the real ssh, sftp and scp before it
    privilege  a person's commands, su, sudo   terminal the keyboard: prompts, answers, messages
    faketime   another clock                   log      what went to /dev/log
    secrets    everything that must not leak   waiting  wait_until
    paper      a printed list in a wallet, ours or of otpw-gen
"""
