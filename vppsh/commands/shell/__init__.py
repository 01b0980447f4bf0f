"""The shell's own commands that need no engine: those that a prompt on somebody else's VPP has as well."""
