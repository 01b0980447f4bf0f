"""What VPP's counters mean: data files, an area each; every *.toml here is read (see vppsh/traces/meaning.py for the form)."""
