"""Headers that a stream's packet data may stack, one a file.

Each file says how the header is typed (VPP's `unformat_pg_*_header`), what it leaves to be computed, and in
HEADERS behind which nodes, ethertypes and protocols it comes. Adding a file is the registration.
"""
