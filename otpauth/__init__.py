"""File-based two-factor login: one-time codes checked against `~/.otpauth`, no server."""

__version__ = "1.0.0"
