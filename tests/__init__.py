"""Tests of otpauth: real sshd, ssh, PAM, sudo, oathtool and zbarimg in a private stage."""
