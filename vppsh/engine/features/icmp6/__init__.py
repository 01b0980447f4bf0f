"""ICMPv6: messages to us, echo, and the errors we send (RFC 4443; VPP's vnet/ip/icmp6.c and the ping plugin)."""
