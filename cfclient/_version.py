"""The version, in the one place where it is written beside `pyproject.toml`; a test compares the two."""

__version__ = "0.1.0"
