"""Fuzzing by bytes; `make fuzz` runs it."""
