"""Taps and tuns: interfaces whose other end is a link of the host (VPP's plugins/tap).

`taps` is the state, `input` and `output` are the nodes.
"""
