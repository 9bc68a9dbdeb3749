"""The same answers to Debian's pam_google_authenticator.so and to ours."""
