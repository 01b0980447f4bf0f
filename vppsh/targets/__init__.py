"""Who answers a line, behind one protocol: the embedded engine, a VPP behind its CLI socket, a pod of a cluster.

base        `Target` and `Answer`: what every target can do, and what it gives
telnet      the few telnet commands that VPP's CLI speaks
connection  one session of VPP's CLI over any stream of bytes
streams     connected sockets as such streams: on this host, or over TCP
cli_socket  a VPP (or `vppsh serve`) behind one
verdict     whether an answer says that VPP refused the line
"""
