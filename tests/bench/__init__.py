"""The benchmark: how long logins and commands take beside others; information, not a test.

timing    cases measured in turn, and tables of them
logins    one PAM login as a whole process, under pamtester
sessions  one ssh login, public key and code
commands  otpauth's own commands
"""
