"""The Linux host: its network namespaces, its links and addresses (rtnetlink), and the descriptors of its devices.

Standard library only; nothing here knows of buffers or nodes.
"""
