"""Packet traces as values: read, filtered, grouped, compared, converted.

A trace is a list of packets, a packet a list of steps, a step what one node said of the packet (model.py).
Nothing here needs numpy to read text; front ends are vppsh/trace.py and `%trace`.
"""
