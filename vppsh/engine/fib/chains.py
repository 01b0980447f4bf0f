"""Next hops where labels are involved: what packets of a chain meet on each path, with labels imposed or the last one off.

VPP counterpart: fib_entry_src_collect_forwarding (vnet/fib/fib_entry_src.c), fib_path_ext_stack (fib_path_ext.c),
fib_path_contribute_forwarding and fib_path_stack_mpls_disp (fib_path.c). Chains of IP without labels need none of
this: their next hops are those of the path-list.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from .dpo import DROPS, Dpo, DpoType, Held
from .load_balance import NextHop
from .path import CHAIN_OF, Path
from .path_kind import Kind
from .special import LookupInput
from .types import Chain, Protocol, Source

if TYPE_CHECKING:
    from .extension import PathExtension
    from .path_list import PathList

IP_CHAINS = (Chain.IP4, Chain.IP6)
DEFAULT_TABLE = 0


def collect(path_list: PathList, extensions: Sequence[PathExtension] | None, chain: Chain, payload: Protocol) -> list[NextHop]:
    """The next hops of a chain.

    extensions  of the source whose paths they are
    payload     what packets of the chain are below their labels
    """
    extended = {extension.path: extension for extension in extensions or () if extension.path is not None}
    hops: list[NextHop] = []
    for path in path_list.best_paths():
        extension = extended.get(path)
        held: Held | None
        if extension is not None and not extension.labels:
            # A neighbour's entry: the path counts if it leaves by the interface that the cover is attached to.
            held = _unlabelled(path, chain, payload) if extension.refines_cover else None
        elif extension is not None and extension.imposes:
            held = labelled(path, extension, chain, payload)
        else:
            held = _unlabelled(path, chain, payload)
        if held is not None:
            hops.append(NextHop(held.dpo, path.weight, path.index, held.release))
    return hops


def labelled(path: Path, extension: PathExtension, chain: Chain, payload: Protocol) -> Held | None:
    """A path with its labels imposed on packets of a chain; None when it would only drop them."""
    below = _chain_below(extension, chain, payload)
    via = _contribute(path, below, payload)
    balances = path.fib.load_balances
    if via.dpo.is_drop or (via.dpo.type == DpoType.LOAD_BALANCE and balances.is_drop(via.dpo.index)):
        _let_go(via)
        return None
    if not extension.pops:
        pool = path.fib.labels
        end_of_stack = int(chain is not Chain.MPLS_NON_EOS)
        dpo = pool.create(extension.labels, end_of_stack, chain.protocol, extension.label_flags, via)
        return Held(dpo, partial(pool.destroy, dpo))
    if chain is Chain.MPLS_EOS:
        return _disposed(path, below.protocol, extension.labels[0].uniform, via)
    return via


def _chain_below(extension: PathExtension, chain: Chain, payload: Protocol) -> Chain:
    """The chain of packets once an extension's labels are on them."""
    if chain is Chain.MPLS_NON_EOS or not extension.pops:
        return Chain.MPLS_NON_EOS
    return CHAIN_OF[payload] if chain is Chain.MPLS_EOS else chain


def _unlabelled(path: Path, chain: Chain, payload: Protocol) -> Held | None:
    """A path without labels: a label that is not the last cannot just be taken off, unless something looks at the next."""
    if chain in IP_CHAINS:
        return Held(path.forwarding(chain))
    if chain is Chain.MPLS_NON_EOS:
        return _contribute(path, chain, payload) if path.kind in (Kind.EXCLUSIVE, Kind.DEAG) else None
    return _disposed(path, payload, False, _contribute(path, chain, payload))


def _disposed(path: Path, payload: Protocol, uniform: bool, via: Held) -> Held:
    """A path behind the disposition of the last label, where it is for the path to do that."""
    if path.kind not in (Kind.ATTACHED_NEXT_HOP, Kind.DEAG):
        return via
    pool = path.fib.dispositions
    dpo = pool.create(payload, path.rpf_id, uniform, via)
    return Held(dpo, partial(pool.destroy, dpo))


def _contribute(path: Path, chain: Chain, payload: Protocol) -> Held:
    """What packets of a chain meet on a path, held for whoever stacks something on it."""
    if path.chain is chain:
        return Held(path.dpo)
    kind = path.kind
    if kind is Kind.ATTACHED_NEXT_HOP:
        return _adjacency(path, payload if chain is Chain.MPLS_EOS else chain.protocol)
    if kind is Kind.RECURSIVE and path.via is not None:
        return Held(path.recursive_dpo(chain))
    if kind is Kind.EXCLUSIVE:
        return Held(path.exclusive)
    if kind is Kind.DEAG and chain is Chain.MPLS_NON_EOS:
        table = path.fib.mpls.find_or_create(DEFAULT_TABLE, Source.RECURSIVE)
        held = _lookup(path, Protocol.MPLS, table.index)
        table.unlock(Source.RECURSIVE)
        return held
    if kind is Kind.ATTACHED:
        if chain is Chain.MPLS_EOS:
            # Only a lookup in the interface's own table finds its neighbours.
            return _lookup(path, payload, path.fib.tables(payload).index_of_interface(path.interface))
        if path.fib.is_point_to_point(path.interface):
            return _adjacency(path, chain.protocol)
        return Held(DROPS[chain.protocol])
    return Held(path.dpo)


def _adjacency(path: Path, link: Protocol) -> Held:
    adjacency = path.next_hop_adjacency(link)
    return Held(adjacency.dpo, partial(path.fib.adjacencies.unlock, adjacency))


def _lookup(path: Path, protocol: Protocol, fib_index: int) -> Held:
    lookups = path.fib.lookups
    dpo: Dpo = lookups.create(protocol, fib_index, LookupInput.DESTINATION)
    return Held(dpo, partial(lookups.destroy, dpo))


def _let_go(held: Held) -> None:
    if held.release is not None:
        held.release()
