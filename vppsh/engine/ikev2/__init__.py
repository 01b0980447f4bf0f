"""Internet key exchange, version 2: messages, keys, associations and the tunnels that they bring up (VPP's plugins/ikev2)."""
