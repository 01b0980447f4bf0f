"""LACP: the members of a bond find out, together with the other end, which of them carry traffic (VPP's plugins/lacp; IEEE 802.1AX).

`ports` is the state and what keeps time, `machines` the protocol, `nodes` what receives.
"""
