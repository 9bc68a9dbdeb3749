"""A change to a file, shown."""

from __future__ import annotations

from otpauth.enable.edit import Edit, diff


def test_a_diff_shows_old_new_and_absent_files() -> None:
    """Each changed file is shown as diff -u does, unchanged ones are not."""
    made = Edit("/etc/new", None, b"one\n")
    changed = Edit("/etc/pam.d/sshd", b"a\nb\n", b"a\nc")
    same = Edit("/etc/same", b"x\n", b"x\n")
    assert diff((made, changed, same)) == (
        "--- /dev/null\n+++ /etc/new\n@@ -0,0 +1 @@\n+one\n"
        "--- /etc/pam.d/sshd\n+++ /etc/pam.d/sshd\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
        "\\ No newline at end of file\n"
    )
