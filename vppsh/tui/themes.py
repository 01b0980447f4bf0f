"""Dark, light and monochrome."""

from __future__ import annotations

from textual.theme import Theme

THEMES = (
    Theme(
        name="vppsh-dark", dark=True, primary="#5fafff", secondary="#87afd7", accent="#ffaf5f", foreground="#d0d0d0",
        background="#121212", surface="#1c1c1c", panel="#262626", success="#87d787", warning="#ffd75f", error="#ff6f6f",
    ),
    Theme(
        name="vppsh-light", dark=False, primary="#005faf", secondary="#5f5f87", accent="#af5f00", foreground="#1c1c1c",
        background="#fafafa", surface="#f0f0f0", panel="#e0e0e0", success="#006f00", warning="#875f00", error="#af0000",
    ),
    Theme(
        name="vppsh-mono", dark=True, primary="#e0e0e0", secondary="#c0c0c0", accent="#ffffff", foreground="#d0d0d0",
        background="#000000", surface="#000000", panel="#303030", success="#d0d0d0", warning="#ffffff", error="#ffffff",
    ),
)  # fmt: skip
