"""The prompt of a terminal: a line is typed, with completion, colours, history and a toolbar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.shortcuts import PromptSession

from vppsh.prompt.completion import LineCompleter
from vppsh.prompt.highlight import STYLE, LineLexer
from vppsh.prompt.history import open_history
from vppsh.prompt.keys import make_keys
from vppsh.prompt.toolbar import Toolbar
from vppsh.prompt.typed import Kind, Typed

if TYPE_CHECKING:
    from vppsh.prompt.dataplane import Dataplane
    from vppsh.session import Session

# Rows kept free for completions, and what else has to fit on a small terminal: the line, the toolbar, a search.
MENU_ROWS = 5
OTHER_ROWS = 4


class Editor:
    """Reads lines from a terminal that can move its cursor."""

    def __init__(self, prompt: str, session: Session, dataplane: Dataplane) -> None:
        self._terminal = session.terminal
        self._dataplane = dataplane
        self._prompt: PromptSession[str | Typed] = PromptSession(
            [("class:prompt", prompt)],
            multiline=True,
            prompt_continuation=_continuation,
            completer=LineCompleter(session),
            complete_while_typing=True,
            lexer=LineLexer(session),
            history=open_history(session.terminal),
            auto_suggest=AutoSuggestFromHistory(),
            key_bindings=make_keys(),
            bottom_toolbar=Toolbar(session, dataplane),
            style=STYLE,
            include_default_pygments_style=False,
            enable_suspend=True,
        )
        # A terminal that does not tell where its cursor is gets no toolbar; that is no reason to warn.
        self._prompt.app.renderer.cpr_not_supported_callback = None

    def read(self, draft: Typed) -> Typed:
        """Let the user go on with a draft; the dataplane runs meanwhile."""
        result = self._prompt.prompt(
            default=Document(draft.text, draft.cursor),
            reserve_space_for_menu=max(min(MENU_ROWS, self._terminal.height - OTHER_ROWS), 0),
            pre_run=self._start_dataplane,
        )
        return result if isinstance(result, Typed) else Typed(Kind.LINE, result)

    def _start_dataplane(self) -> None:
        app = self._prompt.app
        app.create_background_task(self._dataplane.beside(app.invalidate))


def _continuation(width: int, line: int, wrapped: int) -> StyleAndTextTuples:
    """What stands before further lines, as wide as the prompt."""
    return [("class:continuation", " " * width if wrapped else "..> ".rjust(width))]
