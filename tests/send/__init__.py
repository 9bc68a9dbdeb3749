"""Tests of otpauth.send."""
