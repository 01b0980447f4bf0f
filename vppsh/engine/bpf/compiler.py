"""From an expression to a program."""

from __future__ import annotations

from vppsh.engine.bpf import instructions as op
from vppsh.engine.bpf.errors import BpfError
from vppsh.engine.bpf.generate import LinkType, generate
from vppsh.engine.bpf.optimize import optimize
from vppsh.engine.bpf.program import Program, assemble


def compile_filter(text: str, link: LinkType = LinkType.ETHERNET, *, optimized: bool = True) -> Program:
    """The program of a filter expression (BpfError when there is none)."""
    root = generate(text, link)
    if optimized:
        root = optimize(root)
        if root.test.code == op.RET | op.K and root.test.k == 0:
            raise BpfError("expression rejects all packets")
    return assemble(root)
