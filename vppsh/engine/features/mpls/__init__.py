"""MPLS: so far what happens to labelled packets on interfaces where MPLS is not enabled."""
