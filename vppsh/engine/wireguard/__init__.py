"""WireGuard: keys, the Noise handshake, sessions, cookies, peers and their timers."""
