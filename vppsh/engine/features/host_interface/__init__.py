"""Host interfaces: links of the host that are read and written through packet sockets (VPP's plugins/af_packet).

`hosts` is the state, `input` and `output` are the nodes, `offload` completes what the kernel has left for the hardware to do.
"""
