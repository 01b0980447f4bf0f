"""VPP's numbering of nodes, and what vppsh makes of it."""

from __future__ import annotations

from tests.graphs import full_engine
from vppsh.engine.vpp_nodes import vpp_nodes


def test_the_list_is_whole_and_in_order() -> None:
    indices = [node.index for node in vpp_nodes().values()]
    assert indices == sorted(set(indices))
    assert vpp_nodes()["null-node"].index == 0
    assert vpp_nodes()["drop"].index == 761


def test_every_node_has_its_index_in_vpp_and_others_keep_out_of_the_way() -> None:
    engine = full_engine()
    for node in engine.graph:
        known = vpp_nodes().get(node.name)
        assert node.index == known.index if known else node.index >= 764
