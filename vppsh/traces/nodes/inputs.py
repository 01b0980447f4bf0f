"""Nodes that bring packets in: the packet generator and devices (dpdk, af-packet, virtio, tap, memif, rdma, avf, vmxnet3, af_xdp)."""

from __future__ import annotations

from vppsh.traces.fields import NodeFormat

VNET_HEADER = (
    "vnet-hdr:",
    "flags {vnet_flags:hex} gso_type {gso_type:hex} hdr_len {header_length:int}",
    "gso_size {gso_size:int} csum_start {checksum_start:int} csum_offset {checksum_offset:int}",
)

PG = NodeFormat(
    ("pg-input",),
    (
        "stream {stream:text}, {bytes:int} bytes, sw_if_index {sw_if_index:int}, next_node {next}",
        "stream {stream:text}, {bytes:int} bytes, {sw_if_index:int} sw_if_index",
    ),
)

# What DPDK says of a packet, in its input node and where it transmits.
MBUF = (
    "PKT MBUF: port {port:int}, nb_segs {segments:int}, pkt_len {bytes:int}",
    "buf_len {buffer_length:int}, data_len {data_length:int}, ol_flags {offload_flags:hex}, {:text}",
    "packet_type {packet_type:hex}{:text}",
    "rss {rss:hex}{:text}",
)
DPDK = NodeFormat(("dpdk-input",), ("{interface} rx queue {queue:int}", *MBUF))

# A slot of a packet socket's ring.
TPACKET = (
    "block {block:int}:",
    "address {:word} version {:int} seq_num {:int} pkt_num {:int}",
    "tpacket3_hdr:",
    "tpacket2_hdr:",
    "status {status:hex} len {bytes:int} snaplen {captured:int} mac {mac_offset:int} net {net_offset:int}",
    "sec {seconds:hex} nsec {nanoseconds:hex} vlan {vlan:text}",
    *VNET_HEADER,
)
AF_PACKET = NodeFormat(
    ("af-packet-input",),
    (
        "af_packet: hw_if_index {hw_if_index:int} rx-queue {queue:int} next-index {next:int}",
        "af_packet: hw_if_index {hw_if_index:int} next-index {next:int}",
        *TPACKET,
    ),
)

VIRTIO = NodeFormat(
    ("virtio-input", "virtio-pre-input", "tap-input"),
    (
        "virtio: hw_if_index {hw_if_index:int} next-index {next:int} vring {queue:int} len {bytes:int}",
        (
            "hdr: flags {vnet_flags:hex} gso_type {gso_type:hex} hdr_len {header_length:int} gso_size {gso_size:int} "
            "csum_start {checksum_start:int} csum_offset {checksum_offset:int} num_buffers {buffers:int}"
        ),
    ),
)

VHOST = NodeFormat(("vhost-user-input",), ("vhost-user: hw_if_index {hw_if_index:int} next-index {next:int}{:text}",))

MEMIF = NodeFormat(("memif-input",), ("memif: hw_if_index {hw_if_index:int} next-index {next:int}", "slot: ring {queue:int}"))

NAMED = NodeFormat(
    ("rdma-input", "avf-input", "vmxnet3-input", "af-xdp-input", "af_xdp-input"),
    (
        "rdma: {interface} ({hw_if_index:int}) next-node {next}{flags:text}",
        "avf: {interface} ({hw_if_index:int}) qid {queue:int} next-node {next}{flags:text}",
        "avf: {interface} ({hw_if_index:int}) next-node {next}{flags:text}",
        "vmxnet3: {interface} ({hw_if_index:int}) next-node {next}",
        "af_xdp: {interface} ({hw_if_index:int}) next-node {next}{flags:text}",
    ),
)
