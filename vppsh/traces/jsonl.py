"""Traces as JSON lines: a packet a line, with everything that is known of it; what was written is read back the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from vppsh.errors import InputFileError
from vppsh.traces.fields import Fields
from vppsh.traces.flows import first_flow
from vppsh.traces.model import Packet, Step, Thread
from vppsh.traces.verdict import verdict

FORMAT = 1


def packet_value(packet: Packet) -> dict[str, Any]:
    """A packet as plain lists, dicts, numbers and texts. Keys that say nothing are left out."""
    found = verdict(packet)
    flow = first_flow(packet)
    value: dict[str, Any] = {
        "vppsh-trace": FORMAT,
        "number": packet.number,
        "thread": packet.thread.index if packet.thread else None,
        "thread name": packet.thread.name if packet.thread else None,
        "source": packet.source or None,
        "origin": packet.origin,
        "length": packet.length,
        "flow": str(flow) if flow else None,
        "verdict": {
            "outcome": found.outcome.value,
            "node": found.ending.node,
            "reason": found.ending.reason,
            "counter": found.ending.counter,
            "interface": found.ending.interface,
        },
        "steps": [_step_value(step) for step in packet.steps],
    }
    return {key: each for key, each in value.items() if each is not None}


def _step_value(step: Step) -> dict[str, Any]:
    value: dict[str, Any] = {"node": step.node, "stamp": step.stamp, "time": step.time, "text": step.text}
    fields = _fields_value(step.fields)
    if fields:
        value["fields"] = fields
    if step.data:
        value["data"] = step.data.hex()
    return value


def _fields_value(fields: Fields) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if fields.values:
        value["values"] = {name: _plain(each) for name, each in fields.values.items()}
    if fields.headers:
        value["headers"] = [
            {
                "name": header.name,
                "source": header.source,
                "destination": header.destination,
                **{k: _plain(v) for k, v in header.values.items()},
            }
            for header in fields.headers
        ]
    if fields.data:
        value["bytes"] = fields.data.hex()
    if fields.other:
        value["other"] = list(fields.other)
    return value


def _plain(value: str | int | bytes) -> str | int:
    return value.hex() if isinstance(value, bytes) else value


def write_line(packet: Packet) -> str:
    """A packet as one line, its line break included."""
    return json.dumps(packet_value(packet), ensure_ascii=False) + "\n"


def read_lines(lines: Iterable[str], source: str) -> Iterator[Packet]:
    """The packets of JSON lines. Raises InputFileError, with the line, for what is none."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield packet_of(json.loads(line), source)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputFileError(f"{source}:{number}: no packet of a trace: {error}") from error


def packet_of(value: dict[str, Any], source: str = "") -> Packet:
    """The packet of a plain value. Raises ValueError, KeyError, TypeError or AttributeError for what is none."""
    if value["vppsh-trace"] != FORMAT:
        raise ValueError(f"format {value['vppsh-trace']!r} is not known")
    steps = [
        Step(str(step.get("stamp", "")), str(step["node"]), str(step.get("text", "")), bytes.fromhex(step.get("data", "")))
        for step in value["steps"]
    ]
    number, index, length = value.get("number"), value.get("thread"), value.get("length")
    thread = Thread(int(index), str(value.get("thread name", ""))) if index is not None else None
    head = f"Packet {number}\n" if number is not None else ""
    return Packet(
        steps,
        None if number is None else int(number),
        thread,
        head,
        "\n\n",
        source=str(value.get("source") or source),
        origin=str(value.get("origin", "json")),
        length=None if length is None else int(length),
    )
