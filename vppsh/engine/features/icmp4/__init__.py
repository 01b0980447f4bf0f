"""ICMP for IPv4: messages to us, echo, and the errors we send (RFC 792, 1812; VPP's vnet/ip/icmp4.c and the ping plugin)."""
