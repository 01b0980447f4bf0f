"""The prompt: lines are typed, answers are shown."""

from __future__ import annotations

import sys

from vppsh.errors import ExitStatus
from vppsh.session import Session

PROMPT = "vpp# "


def main(session: Session) -> int:
    """Read lines until the session is closed or the input ends."""
    session.terminal.interactive = session.terminal.history = True
    while not session.closed:
        try:
            line = input(PROMPT)
        except EOFError:
            sys.stdout.write("\n")
            break
        answer = session.execute(line)
        sys.stdout.write(answer.text + answer.aside)
        session.engine.run_until_idle()
    return ExitStatus.OK
