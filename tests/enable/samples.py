"""Files of real systems: /etc/pam.d and sshd_config of Debian and others, as they are shipped."""

from __future__ import annotations

COMMON_AUTH = """#
# /etc/pam.d/common-auth - authentication settings common to all services
#
auth\t[success=1 default=ignore]\tpam_unix.so nullok
# here's the fallback if no module succeeds
auth\trequisite\t\t\tpam_deny.so
auth\trequired\t\t\tpam_permit.so
# and here are more per-package modules (the "Additional" block)
auth\toptional\t\t\tpam_cap.so
"""
UBUNTU_SSSD = """auth\t[success=2 default=ignore]\tpam_unix.so nullok
auth\t[success=1 default=ignore]\tpam_sss.so use_first_pass
auth\trequisite\t\t\tpam_deny.so
auth\trequired\t\t\tpam_permit.so
auth\toptional\t\t\tpam_cap.so
"""
ARCH_SYSTEM_AUTH = """#%PAM-1.0

auth       required                    pam_faillock.so      preauth
-auth      [success=2 default=ignore]  pam_systemd_home.so
auth       [success=1 default=bad]     pam_unix.so          try_first_pass nullok
auth       [default=die]               pam_faillock.so      authfail
auth       optional                    pam_permit.so
auth       required                    pam_env.so
auth       required                    pam_faillock.so      authsucc
account    required                    pam_unix.so
"""
FEDORA_PASSWORD_AUTH = """auth        required      pam_env.so
auth        required      pam_faildelay.so delay=2000000
auth        sufficient    pam_unix.so nullok
auth        required      pam_deny.so
account     required      pam_unix.so
"""
SSHD = """# PAM configuration for the Secure Shell service

# Standard Un*x authentication.
@include common-auth

# Disallow non-root logins when /etc/nologin exists.
account    required     pam_nologin.so

# Standard Un*x authorization.
@include common-account

# Print the status of the user's mailbox upon successful login.
session    optional     pam_mail.so standard noenv # [1]

# Standard Un*x password updating.
@include common-password
"""
SUDO = """#%PAM-1.0

# Set up user limits from /etc/security/limits.conf.
session    required   pam_limits.so

@include common-auth
@include common-account
@include common-session-noninteractive
"""
SU = """#
# The PAM configuration file for the Shadow `su' service
#

# This allows root to su without passwords (normal operation)
auth       sufficient pam_rootok.so

# Uncomment this if you want wheel members to be able to
# su without a password.
# auth       sufficient pam_wheel.so trust
session       required   pam_env.so readenv=1
@include common-auth
@include common-account
@include common-session
"""
SU_L = """#%PAM-1.0
auth\t\tinclude\t\tsu
account\t\tinclude\t\tsu
session\t\tinclude\t\tsu
"""
LOGIN = """# Enforce a minimal delay in case of failure (in microseconds).
auth       optional   pam_faildelay.so  delay=3000000
auth       requisite  pam_nologin.so
session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_selinux.so close
@include common-auth
# This allows certain extra groups to be granted to a user
auth       optional   pam_group.so
@include common-account
@include common-session
@include common-password
"""
FEDORA_SSHD = """#%PAM-1.0
auth       substack     password-auth
auth       include      postlogin
account    required     pam_sepermit.so
account    include      password-auth
session    include      password-auth
"""
ARCH_SSHD = """#%PAM-1.0

auth      include   system-remote-login
account   include   system-remote-login
session   include   system-remote-login
"""
ARCH_SYSTEM_REMOTE_LOGIN = """auth      include   system-login
account   include   system-login
"""
ARCH_SYSTEM_LOGIN = """auth       required   pam_shells.so
auth       requisite  pam_nologin.so
auth       include    system-auth
account    include    system-auth
"""
FILES = {
    "common-auth": COMMON_AUTH,
    "common-account": "account required pam_unix.so\n",
    "common-password": "password required pam_unix.so\n",
    "common-session": "session required pam_unix.so\n",
    "common-session-noninteractive": "session required pam_unix.so\n",
    "system-auth": ARCH_SYSTEM_AUTH,
    "system-login": ARCH_SYSTEM_LOGIN,
    "system-remote-login": ARCH_SYSTEM_REMOTE_LOGIN,
    "password-auth": FEDORA_PASSWORD_AUTH,
    "postlogin": "auth optional pam_echo.so\n",
    "sshd": SSHD,
    "sudo": SUDO,
    "su": SU,
    "su-l": SU_L,
    "login": LOGIN,
}
SSHD_CONFIG = """# This is the sshd server system-wide configuration file.  See
# sshd_config(5) for more information.

Include /etc/ssh/sshd_config.d/*.conf

#Port 22
#PasswordAuthentication yes
# some PAM modules and threads)
KbdInteractiveAuthentication no

# If you just want the PAM account and session checks to run without
# and KbdInteractiveAuthentication to 'no'.
UsePAM yes

X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem\tsftp\t/usr/lib/openssh/sftp-server
# Example of overriding settings on a per-user basis
#Match User anoncvs
#\tX11Forwarding no
"""
