"""The tests of cfclient."""
