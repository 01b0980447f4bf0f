"""Small programs for namespaces: senders and receivers of TCP and UDP, as command lines."""

from __future__ import annotations

import shlex
import sys

RECEIVE_TCP = """
import hashlib, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family)
print("listening", flush=True)
connection, _ = server.accept()
digest, size = hashlib.sha256(), 0
while data := connection.recv(1 << 16):
    digest.update(data)
    size += len(data)
print(size, digest.hexdigest(), flush=True)
"""
SEND_TCP = """
import hashlib, random, socket, sys
data = random.Random(1).randbytes(int(sys.argv[3]))
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 20) as connection:
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)
print(len(data), hashlib.sha256(data).hexdigest())
"""
ECHO_UDP = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.socket(family, socket.SOCK_DGRAM)
server.bind((sys.argv[1], int(sys.argv[2])))
print("listening", flush=True)
while True:
    data, sender = server.recvfrom(1 << 16)
    server.sendto(data[::-1], sender)
"""
ASK_UDP = """
import random, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
client = socket.socket(family, socket.SOCK_DGRAM)
client.connect((sys.argv[1], int(sys.argv[2])))
client.settimeout(5)
right = 0
for size in map(int, sys.argv[3:]):
    data = random.Random(size).randbytes(size)
    client.send(data)
    right += client.recv(1 << 16) == data[::-1]
print(right)
"""
BURST_UDP = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect((sys.argv[1], int(sys.argv[2])))
for number in range(int(sys.argv[3])):
    client.send(number.to_bytes(4, "big") + bytes(100))
"""
COUNT_UDP = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE if hasattr(socket, "SO_RCVBUFFORCE") else 33, 1 << 24)
server.bind((sys.argv[1], int(sys.argv[2])))
print("listening", flush=True)
server.settimeout(5)
seen = set()
while len(seen) < int(sys.argv[3]):
    try:
        seen.add(server.recv(1 << 16)[:4])
    except TimeoutError:
        break
print(len(seen), flush=True)
"""


def python(script: str, *arguments: object) -> str:
    """The command line that runs a script."""
    return shlex.join([sys.executable, "-c", script, *map(str, arguments)])
