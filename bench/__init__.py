"""Figures of vppsh: `make bench` measures, prints, and rewrites the table of docs/performance.md."""
