"""The prompt: what a person at a terminal types into and reads from, one concept of prompt_toolkit or pygments a file.

    editor      the line being typed, on a terminal that can move its cursor; plain: on one that cannot
    keys completion highlight toolbar history     what the editor is made of
    screen      where answers go; answers: their colours; pager: the long ones
    dataplane   the engine runs beside the input; loading: it is made beside the first line; interrupt: Ctrl-C while a line is executed

`vppsh/repl.py` puts them together. Everything runs in one thread: the dataplane gets the moments in which
nobody types, so a line that is executed has the engine to itself.
"""
