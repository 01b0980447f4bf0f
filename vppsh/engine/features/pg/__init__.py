"""The packet generator in the graph: pgN interfaces, streams, the node that sends and the one that receives.

Counterpart of vnet/pg. The packets themselves are made in vppsh.engine.pg.
"""
