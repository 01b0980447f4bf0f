"""Where IKE messages come in, and the process that looks after what was agreed on (VPP's plugins/ikev2)."""
