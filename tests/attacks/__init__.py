"""What was tried on the design, each line a test that carries the line's number.

test_local_users   A1-A5: who may run su, sudo or any other set-uid caller
test_home_writers  B1-B10: who may write the home
test_strangers     C1-C6: who may only knock
victim             an enrolled person, and what the host knows of it
malware            programs of an attacker: proposals of any content, signals, a dead server
"""
