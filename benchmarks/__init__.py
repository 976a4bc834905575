"""The benchmarks of cfclient: each prints ratios of paired runs, and asserts nothing."""
