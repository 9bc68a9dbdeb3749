"""Tests of otpauth/enable."""
