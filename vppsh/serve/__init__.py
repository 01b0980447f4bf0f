"""The embedded engine behind a CLI socket: `vppsh serve`, for vppctl, socat and vppsh itself.

    server    the sockets, their clients, and the dataplane that runs between them
    listening where clients come in: a path, or a TCP port
    client    one connection: telnet options, line mode or character mode, a session of its own
    keyboard  which bytes are which key
    editing   the line being typed in character mode, drawn as VPP draws it
    pager     long answers a page at a time, as VPP shows them
    stats     counters in shared memory, for clients of VPP's stats segment; segment lays them out
    output    bytes on their way to the client

What goes over the socket is that of VPP's vlib/unix/cli.c, byte for byte as far as clients can tell.
"""
