"""One archive with what there is to know about VPP on the nodes of a cluster."""
