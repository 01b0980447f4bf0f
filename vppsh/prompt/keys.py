"""The keys of the prompt that are not prompt_toolkit's own."""

from __future__ import annotations

import os
from collections.abc import Callable

from prompt_toolkit.buffer import Buffer, CompletionState
from prompt_toolkit.completion import CompleteEvent, Completion, get_common_complete_suffix
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, completion_is_selected, has_completions, has_focus, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from vppsh.grammar.scripts import open_braces
from vppsh.prompt.typed import Kind, Typed, line_at_end

INDENT = "  "


def make_keys(ready: Callable[[], object]) -> KeyBindings:
    """The bindings; each function is one key. `ready` is called when completions are wanted at once."""
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER) & ~is_searching
    unselected = has_completions & ~completion_is_selected

    @Condition
    def asks_for_help() -> bool:
        """Not behind a bar: there a `?` may be part of a pattern."""
        from prompt_toolkit.application import get_app

        text = get_app().current_buffer.document.text_before_cursor
        return " | " not in text[line_at_end(text) :]

    @keys.add("?", filter=typing & asks_for_help)
    def show_help(event: KeyPressEvent) -> None:
        """Leave the prompt for a moment; the line comes back."""
        buffer = event.current_buffer
        event.app.exit(result=Typed(Kind.HELP, buffer.text, buffer.cursor_position))

    @keys.add("enter", filter=typing & completion_is_selected)
    def take_completion(event: KeyPressEvent) -> None:
        """Take the completion that was chosen; another Enter executes the line."""
        event.current_buffer.complete_state = None
        event.current_buffer.insert_text(" ")

    @keys.add("enter", filter=typing & ~completion_is_selected)
    def end_line(event: KeyPressEvent) -> None:
        """Execute, or go on with the next line while braces are open."""
        buffer = event.current_buffer
        depth = open_braces(buffer.text[line_at_end(buffer.text) :])
        if depth > 0:
            before = open_braces(buffer.document.text_before_cursor[line_at_end(buffer.document.text_before_cursor) :])
            buffer.insert_text("\n" + INDENT * max(before, 0))
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter", filter=typing)
    def execute_as_it_is(event: KeyPressEvent) -> None:
        """Execute, braces open or not."""
        event.current_buffer.validate_and_handle()

    @keys.add("}", filter=typing)
    def close_brace(event: KeyPressEvent) -> None:
        """A closing brace that begins a line stands one step further left."""
        buffer = event.current_buffer
        line = buffer.document.current_line_before_cursor
        if line and not line.strip() and line.endswith(INDENT):
            buffer.delete_before_cursor(len(INDENT))
        buffer.insert_text("}")

    @keys.add("tab", filter=typing & ~completion_is_selected)
    def complete(event: KeyPressEvent) -> None:
        """Type what is certain; where there is a choice, go through it."""
        ready()
        buffer = event.current_buffer
        found = _completions(buffer)
        if len(found) == 1:
            _insert(buffer, found[0].text, found[0].start_position)
            if not found[0].text.endswith(os.sep):
                buffer.insert_text(" ")
        elif len(found) > 1:
            common = get_common_complete_suffix(buffer.document, found)
            if common:
                buffer.insert_text(common)
            else:
                buffer.complete_state = CompletionState(buffer.document, found)
                buffer.complete_next()

    @keys.add("up", filter=typing & unselected)
    def earlier_line(event: KeyPressEvent) -> None:
        """The history comes before a menu that nobody asked for."""
        event.current_buffer.cancel_completion()
        event.current_buffer.auto_up(event.arg)

    @keys.add("escape", filter=typing & has_completions)
    def close_menu(event: KeyPressEvent) -> None:
        event.current_buffer.cancel_completion()

    @keys.add("c-c", filter=typing)
    @keys.add("<sigint>")
    def cancel(event: KeyPressEvent) -> None:
        """Forget the line."""
        event.app.exit(result=Typed(Kind.CANCELLED, event.current_buffer.text), style="class:aborting")

    @keys.add("c-d", filter=typing & Condition(lambda: not _text()))
    def leave(event: KeyPressEvent) -> None:
        """On an empty line: the end."""
        event.app.exit(result=Typed(Kind.END), style="class:exiting")

    return keys


def _text() -> str:
    from prompt_toolkit.application import get_app

    return get_app().current_buffer.text


def _completions(buffer: Buffer) -> list[Completion]:
    if buffer.completer is None:
        return []
    return list(buffer.completer.get_completions(buffer.document, CompleteEvent(completion_requested=True)))


def _insert(buffer: Buffer, text: str, start: int) -> None:
    """Put a completion in the place of what was typed of it."""
    if start:
        buffer.delete_before_cursor(-start)
    buffer.insert_text(text, fire_event=False)
