"""Tests of otpauth.cli."""
