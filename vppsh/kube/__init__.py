"""Nodes of a Calico/VPP cluster: found by the API server, reached by exec into their pods.

The `kubernetes` package is used in api.py alone.
"""
