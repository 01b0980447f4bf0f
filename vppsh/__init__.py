"""vppsh: a debug shell and trace tool for FD.io VPP, with a vector dataplane inside."""

__version__ = "0.1.0"
