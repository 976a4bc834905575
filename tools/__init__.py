"""Programs for those who work on cfclient."""
