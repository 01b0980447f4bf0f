"""memif: packets are handed between processes in shared memory (VPP's plugins/memif; the protocol is its memif.h, version 2.0).

`model` says what an interface is, `messages` and `exchange` are the control protocol, `rings` the shared memory, `memifs` the state and
the connections, `nodes` and `output` what moves packets.
"""
