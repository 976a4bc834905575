"""cfclient."""
