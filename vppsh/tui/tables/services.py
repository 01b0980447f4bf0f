"""Services: addresses that are translated to those of backends, as Calico's cnat does for Kubernetes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from vppsh.answers.cnat import Backend, Translation, read_translations
from vppsh.tui.grid import Column, Row, Tone
from vppsh.tui.questions import Question
from vppsh.tui.report import Report
from vppsh.tui.store import Store

# The command is mp-safe.
TRANSLATIONS = Question("show cnat translation", read_translations, every=5.0)


def endpoint(address: str, port: int) -> str:
    """An address and a port as they are written."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _lost(backend: Backend) -> bool:
    return backend.via.startswith(("dpo-drop", "ip4-null", "ip6-null"))


class ServicesTable(Report):
    """A translation each."""

    name, title, position = "services", "Services", 80
    questions = (TRANSLATIONS,)
    empty = "no services"
    help = (
        "Each service address with the backends that its packets are sent to. Red: there is no backend, or the route to one drops.\n"
        "`/' takes words, and addresses: 10.96.0.10 finds the service, 11.0.0.2 those with this backend. Enter lists the backends."
    )
    columns = (
        Column("Service", "service", 26),
        Column("Proto", "protocol", 5),
        Column("backends", "count", 8, number=True),
        Column("To", "backends", 0),
        Column("Balance", "balance", 8),
        Column("id", "index", 6, number=True),
    )

    def rows(self, store: Store, everything: bool = False) -> Sequence[Row]:
        """A service each."""
        known = store.value(TRANSLATIONS)
        return [self._row(each) for each in known.translations] if known else []

    def _row(self, each: Translation) -> Row:
        to = ", ".join(endpoint(backend.address, backend.port) for backend in each.backends) or "nothing: packets are dropped"
        values = (endpoint(each.address, each.port), each.protocol, len(each.backends), to, each.balance, each.index)
        bad = not each.backends or any(_lost(backend) for backend in each.backends)
        return Row((each.address, each.port, each.protocol), values, Tone.BAD if bad else Tone.PLAIN)

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """The backends and how each is reached."""
        known = store.value(TRANSLATIONS)
        found = [each for each in known.translations if (each.address, each.port, each.protocol) == key] if known else []
        if not found:
            return [f"{key} is gone"]
        (each, *_) = found
        lines = [
            f"{endpoint(each.address, each.port)} {each.protocol}, translation {each.index}, {each.balance}, flow hash {each.flow_hash}",
            "",
        ]
        for backend in each.backends:
            source = "" if backend.source in ("0.0.0.0", "::") else f" from {endpoint(backend.source, backend.source_port)}"
            lines.append(f"{endpoint(backend.address, backend.port):<28}{source} by {backend.via or 'what is not known'}")
        return lines if each.backends else [*lines, "no backend"]

    def lines(self, key: Hashable | None) -> list[str]:
        """For a row, also the sessions that are about it."""
        return [TRANSLATIONS.line] if not isinstance(key, tuple) else [TRANSLATIONS.line, f"show cnat session ip {key[0]} port {key[1]}"]
