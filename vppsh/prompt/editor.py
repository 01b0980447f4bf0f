"""The prompt of a terminal: a line is typed, with completion, colours, history and a toolbar."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import DynamicCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import DynamicLexer
from prompt_toolkit.shortcuts import PromptSession

from vppsh.prompt.completion import LineCompleter
from vppsh.prompt.highlight import STYLE, LineLexer
from vppsh.prompt.history import open_history
from vppsh.prompt.keys import make_keys
from vppsh.prompt.toolbar import Toolbar
from vppsh.prompt.typed import Kind, Typed

if TYPE_CHECKING:
    from vppsh.prompt.background import Background
    from vppsh.shell import Shell
    from vppsh.terminal import Terminal

# Rows kept free for completions, and what else has to fit on a small terminal: the line, the toolbar, a search.
MENU_ROWS = 5
OTHER_ROWS = 4
LOADING = " making the dataplane ..."


class Editor:
    """Reads lines from a terminal that can move its cursor.

    prompt  gives the text before the line
    beside  what goes on while the user types: the dataplane is made, then runs; called with what draws the screen anew, and with
            what besides completes anew because more is known
    ready   called when the dataplane is needed at once; attaches it
    """

    def __init__(
        self,
        prompt: Callable[[], str],
        terminal: Terminal,
        beside: Callable[[Callable[[], None], Callable[[], None]], Coroutine[None, None, None]],
        ready: Callable[[], object],
    ) -> None:
        self._terminal = terminal
        self._beside = beside
        self._completer: LineCompleter | None = None
        self._lexer: LineLexer | None = None
        self._toolbar: Toolbar | None = None
        self._prompt: PromptSession[str | Typed] = PromptSession(
            lambda: [("class:prompt", prompt())],
            multiline=True,
            prompt_continuation=_continuation,
            completer=DynamicCompleter(lambda: self._completer),
            complete_while_typing=True,
            lexer=DynamicLexer(lambda: self._lexer),
            history=open_history(terminal),
            auto_suggest=AutoSuggestFromHistory(),
            key_bindings=make_keys(ready),
            bottom_toolbar=lambda: self._toolbar() if self._toolbar else LOADING,
            style=STYLE,
            include_default_pygments_style=False,
            enable_suspend=True,
        )
        # A terminal that does not tell where its cursor is gets no toolbar; that is no reason to warn.
        self._prompt.app.renderer.cpr_not_supported_callback = None

    def attach(self, shell: Shell, background: Background) -> None:
        """Know whose lines are typed: what they complete to, how they are coloured."""
        self._completer = LineCompleter(shell)
        self._lexer = LineLexer(shell)
        self._toolbar = Toolbar(shell, background)

    def read(self, draft: Typed) -> Typed:
        """Let the user go on with a draft; the dataplane runs meanwhile."""
        result = self._prompt.prompt(
            default=Document(draft.text, draft.cursor),
            reserve_space_for_menu=max(min(MENU_ROWS, self._terminal.height - OTHER_ROWS), 0),
            pre_run=self._start_beside,
        )
        return result if isinstance(result, Typed) else Typed(Kind.LINE, result)

    def _start_beside(self) -> None:
        app = self._prompt.app

        async def run() -> None:
            try:
                await self._beside(app.invalidate, self._complete_anew)
            except Exception as error:  # noqa: BLE001 - goes on where the prompt was called
                app.exit(exception=error)

        app.create_background_task(run())

    def _complete_anew(self) -> None:
        """Show what completes the line now: when it was typed, less was known."""
        buffer = self._prompt.default_buffer
        if buffer.text and buffer.complete_state is None:
            buffer.start_completion()
        self._prompt.app.invalidate()


def _continuation(width: int, line: int, wrapped: int) -> StyleAndTextTuples:
    """What stands before further lines, as wide as the prompt."""
    return [("class:continuation", " " * width if wrapped else "..> ".rjust(width))]
