"""The benchmarks, one subject a file."""
