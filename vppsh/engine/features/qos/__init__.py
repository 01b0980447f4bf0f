"""Quality of service: the priority that packets come with, and the one that they leave with (vnet/qos)."""
