"""The commands: what people and scripts run, one module a screen or verb."""
