"""The dataplane runs beside the input: in slices of a few milliseconds, while the prompt waits for a key.

One thread does both, so that a line that is executed never meets a half-done round, and no lock is needed.
"""

from __future__ import annotations

import asyncio
import select
import traceback
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from vppsh import __version__
from vppsh.engine.features.pg.streams import Stream, Streams
from vppsh.prompt.rates import RateMeter, short_rate
from vppsh.registry import NodeKind

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.frame import Frame
    from vppsh.engine.graph import Node

SLICE = 0.004
# How long an input node that may get work at any time is left alone when it had none.
POLL = 0.005
# How long to wait when nothing is known to come; keys end the wait at once.
IDLE = 1.0
# After a line, what ends this soon is let end, so that pasted lines see the packets that they sent.
SETTLE = 0.05
REFRESH = 0.5
MOST_NAMES = 3


class Dataplane:
    """An engine, run piecemeal.

    broken   a round met a fault of vppsh's own: the dataplane stands still until the next line
    tell     writes what is to be said of a fault
    """

    def __init__(self, engine: Engine, tell: Callable[[str], None]) -> None:
        self._engine = engine
        self._tell = tell
        self._untold = ""
        self._inputs = [node for node in engine.graph if node.kind in (NodeKind.INPUT, NodeKind.PRE_INPUT)]
        self.broken: Exception | None = None
        self._rate = RateMeter(self.packets)
        engine.on_fault = self._note_fault

    @property
    def packets(self) -> int:
        """Packets that input nodes have counted; `clear runtime` starts anew."""
        return sum(node.vectors for node in self._inputs)

    @property
    def descriptor(self) -> int | None:
        """What becomes readable when a device has something; None while there is no such device, or after a fault."""
        return None if self.broken is not None else self._engine.descriptors.fileno()

    def running(self) -> list[Stream]:
        """The streams that are enabled."""
        return [stream for stream in self._engine.get(Streams) if stream.enabled]

    def stop_streams(self) -> list[Stream]:
        """Disable all streams; gives those that ran."""
        stopped = self.running()
        for stream in stopped:
            self._engine.get(Streams).enable(stream, False)
        return stopped

    def status(self) -> list[tuple[str, str]]:
        """How the engine is doing, for the toolbar."""
        interfaces = [interface for interface in self._engine.interfaces if interface.name != "local0"]
        up = sum(interface.admin_up for interface in interfaces)
        fragments = [
            ("class:status.name", " embedded dataplane "),
            ("", f"vppsh {__version__} | {f'{up} of {len(interfaces)} interfaces up' if interfaces else 'no interfaces'}"),
        ]
        rate = self._rate.update(self.packets)
        running = self.running()
        if self.broken is not None:
            fragments.append(("class:status.broken", " | stopped by a fault"))
        elif running:
            names = ", ".join(stream.name for stream in running[:MOST_NAMES]) + (", ..." if len(running) > MOST_NAMES else "")
            fragments += [("", f" | {names} "), ("class:status.rate", f"{short_rate(rate)}pps")]
        return fragments

    def stop(self) -> str:
        """Disable all streams; says which ones ran."""
        stopped = self.stop_streams()
        return f"stopped: {', '.join(f'{stream.name} (sent {stream.sent})' for stream in stopped)}\n" if stopped else ""

    def mend(self) -> None:
        """Try again after a fault: a new line may have taken its cause away."""
        self.broken = None

    def settle(self) -> None:
        """Let end what a line began, if that is soon."""
        self._guarded(lambda: self._engine.run_until_idle(at_most=SETTLE))
        self._tell_fault()

    def run_slice(self) -> float:
        """Let it run for some milliseconds; the seconds until there may be more to do."""
        pause = self._guarded(self._rounds)
        return IDLE if pause is None else pause

    def _rounds(self) -> float:
        end = perf_counter() + SLICE
        while self._engine.step() and self.broken is None:
            if perf_counter() >= end:
                return 0.0
        wake = self._engine.dispatcher.next_wake
        pause = POLL if any(node.polling for node in self._inputs) else IDLE
        return pause if wake is None else min(pause, max(wake - self._engine.clock.now(), 0.0))

    def _guarded(self, run: Callable[[], float | None]) -> float | None:
        if self.broken is not None:
            return None
        try:
            return run()
        except Exception as fault:  # noqa: BLE001 - whatever it is, it must not take the shell with it; it is told
            self._note("the dataplane", fault)
            return None

    def _note_fault(self, node: Node, frame: Frame, fault: Exception) -> None:
        self._note(f"node {node.name}, whose {frame.n} packets are lost", fault)

    def _note(self, where: str, fault: Exception) -> None:
        """Stand still; faults that follow from this one are not told."""
        if self.broken is None:
            self.broken = fault
            self._untold = f"internal error in {where}; please report it. The dataplane waits for the next line.\n"
            self._untold += "".join(traceback.format_exception(fault)[-3:])

    def _tell_fault(self) -> None:
        text, self._untold = self._untold, ""
        if text:
            self._tell(text)

    async def beside(self, refresh: Callable[[], None]) -> None:
        """Run for as long as the task lives, and refresh the screen now and then while packets come in."""
        from prompt_toolkit.application import run_in_terminal

        seen, last = self.packets, perf_counter()
        moving = False
        while True:
            pause = self.run_slice()
            if self._untold:
                await run_in_terminal(self._tell_fault)
            now = perf_counter()
            if now - last >= REFRESH:
                was_moving, moving = moving, self.packets != seen
                seen, last = self.packets, now
                if moving or was_moving:
                    refresh()
            await self._pause(min(pause, REFRESH) if moving else pause)

    async def _pause(self, seconds: float) -> None:
        """Wait, at most until a device has something to read."""
        descriptor = self.descriptor
        if descriptor is None or seconds <= 0:
            await asyncio.sleep(seconds)
            return
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, readable.set)
        try:
            async with asyncio.timeout(seconds):
                await readable.wait()
        except TimeoutError:
            return
        finally:
            loop.remove_reader(descriptor)

    def wait_for(self, descriptor: int) -> None:
        """Run until there is something to read."""
        pause = 0.0
        while True:
            devices = self.descriptor
            waited_for = [descriptor] if devices is None else [descriptor, devices]
            if descriptor in select.select(waited_for, [], [], pause)[0]:
                return
            pause = self.run_slice()
            self._tell_fault()
