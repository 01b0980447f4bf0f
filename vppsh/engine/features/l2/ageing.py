"""l2fib-mac-age-scanner-process: forgets addresses that were flushed, or not heard of for long (l2fib_scan in vnet/l2/l2_fib.c)."""

from __future__ import annotations

from collections.abc import Generator
from math import inf
from time import perf_counter

import numpy as np

from vppsh.engine.context import Context
from vppsh.engine.features.l2.bridge_domains import SCANNER, BridgeDomains
from vppsh.engine.features.l2.l2fib import BYTE, FLAGS_SHIFT, HALF, NO_INTERFACE, SEQUENCE_SHIFT, TIMESTAMP_SHIFT, EntryFlag, L2Fib
from vppsh.engine.features.l2.learn import SECONDS_PER_MINUTE, TIMESTAMPS
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.registry import process

SCAN_INTERVAL = 60.0
# VPP's walk over its table sleeps after every 20 microseconds: on an idle machine it takes about as long as this.
# What was flushed is listed until then; packets find it out of date at once.
SCAN_SECONDS = 1.0


@process(SCANNER)
def l2fib_mac_age_scanner(ctx: Context) -> Generator[float, str | None, None]:
    """Scan when told, and every minute while a domain forgets addresses."""
    asked, regular = inf, inf
    while True:
        event = yield max(0.0, min(asked, regular) - ctx.now)
        fib, now = ctx.get(L2Fib), ctx.now
        if event == "stop":
            fib.scan_seconds, regular = 0.0, inf
        elif event is not None:
            asked = min(asked, now + SCAN_SECONDS)
        elif now >= min(asked, regular):
            begin = perf_counter()
            scan(ctx)
            fib.scan_seconds = perf_counter() - begin
            asked, regular = inf, now + SCAN_INTERVAL if ctx.get(BridgeDomains).ageing else inf


def scan(ctx: Context) -> None:
    """Forget what was learned before a flush, or is as old as its domain allows; count anew what is left."""
    fib, domains, interfaces = ctx.get(L2Fib), ctx.get(BridgeDomains), ctx.get(L2Interfaces)
    keys, entries = fib.items()
    learned = entries >> np.uint64(FLAGS_SHIFT) & np.uint64(BYTE & EntryFlag.AGE_NOT) == 0
    keys, entries = keys[learned], entries[learned]
    every = [domains[index] for index in range(len(domains))]
    bd_index = (keys & np.uint64(HALF)).astype(np.intp)
    own = interfaces.sequence[(entries & np.uint64(NO_INTERFACE)).astype(np.intp)]
    sequences = np.array([domain.sequence for domain in every])[bd_index] << 8 | own
    limits = np.array([domain.mac_age for domain in every])[bd_index]
    minute = int(ctx.now // SECONDS_PER_MINUTE)
    ages = (minute - (entries >> np.uint64(TIMESTAMP_SHIFT) & np.uint64(BYTE)).astype(np.int64)) % TIMESTAMPS
    gone = (entries >> np.uint64(SEQUENCE_SHIFT) != sequences) | (limits > 0) & (ages >= limits)
    if gone.any():
        fib.remove(keys[gone].tolist())
    counts = np.bincount(bd_index[~gone], minlength=len(every)).tolist()
    for domain, count in zip(every, counts, strict=True):
        domain.learn_count = count
    domains.learn_count = sum(counts)
