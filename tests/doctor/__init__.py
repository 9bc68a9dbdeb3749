"""Tests of the doctor: a healthy host, and each fault seeded in one."""
