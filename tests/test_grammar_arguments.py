"""The vocabulary of arguments: what each word reads, refuses, leaves, offers and says of itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shells import Loops

from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Argument,
    Candidate,
    Follow,
    Reader,
    Resolver,
    block,
    choice,
    flag,
    floating,
    hex_string,
    hexadecimal,
    interface,
    ip4_prefix,
    ip_address,
    keyed,
    keyword,
    level,
    line_input,
    mac,
    on_off,
    one_of,
    optional,
    options,
    pattern,
    raw,
    rest_of_line,
    sequence,
    signed,
    string,
    unsigned,
)
from vppsh.grammar.base import NoInput


class Surroundings:
    """A context that knows the interfaces loop0 and loop1."""

    def __init__(self) -> None:
        self.input = Reader("")

    def resolver(self, kind: str) -> Resolver:
        assert kind == "interface"
        return Loops(None)


def parse(argument: Argument, text: str) -> tuple[dict[str, Any] | None, str]:
    """The values read and what is left."""
    reader, values = Reader(text), argument.defaults()
    done = argument.parse(reader, Surroundings(), values)
    return values if done else None, reader.rest()


def offers(argument: Argument, text: str) -> list[str]:
    """What may follow a text; hints in angle brackets."""
    out: list[Candidate] = []
    argument.follow(Reader(text), Surroundings(), out)
    return [candidate.text or candidate.help for candidate in out]


STATE = sequence(
    interface().or_error("unknown interface `%U'"), choice("flags", {"up": 1, "down": 0, "punt": 2}).or_error("unknown flags `%U'")
)
ROUTE = line_input(
    options(
        flag("add", "is_add", default=True),
        flag("del", "is_add", value=False, default=True),
        keyed("table", unsigned("table", 0)),
        ip4_prefix("prefix"),
        keyed("via", one_of(sequence(ip_address("next_hop"), optional(interface("via"))), interface("via"))),
    )
)


def test_a_sequence_takes_its_parts_and_leaves_the_rest() -> None:
    assert parse(STATE, "loop1 upwards now") == ({"interface": 2, "flags": 1}, "wards now")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unknown interface `'"),
        ("nosuch0 up\n", "unknown interface `nosuch0 up'"),
        ("loop0", "unknown flags `'"),
        ("loop0 sideways", "unknown flags `sideways'"),
    ],
)
def test_required_parts_have_their_own_error(text: str, message: str) -> None:
    with pytest.raises(CommandError, match=f"^{re.escape(message)}$"):
        parse(STATE, text)


def test_a_sequence_is_all_or_nothing() -> None:
    limit = sequence(keyword("max"), unsigned("count"))
    assert parse(limit, "max many") == (None, "max many")
    assert parse(limit, "max 5 more") == ({"count": 5}, "more")


def test_options_come_in_any_order_until_the_input_ends() -> None:
    values, rest = parse(ROUTE, "via 10.0.0.2 loop1 10.1.0.0/16 table 7 del")
    assert rest == ""
    assert values is not None
    assert (values["is_add"], values["table"], values["via"], values["prefix"].length) == (False, 7, 2, 16)
    assert parse(ROUTE, "10.1.0.0/16 via loop0")[0] == {
        "is_add": True,
        "table": 0,
        "prefix": values["prefix"],
        "next_hop": None,
        "via": 1,
    }


def test_options_quote_what_they_do_not_know() -> None:
    with pytest.raises(CommandError, match=r"^unknown input `via nowhere at all'$"):
        parse(ROUTE, "add 10.1.0.0/16 via nowhere at all\n")


def test_options_without_an_error_leave_the_rest() -> None:
    assert parse(options(level("verbose"), error=None), "verbose 3 echo x") == ({"verbose": 3}, "echo x")
    assert parse(options(level("verbose"), error=None), "verbose") == ({"verbose": 1}, "")


def test_options_that_read_nothing_end_the_loop() -> None:
    with pytest.raises(CommandError, match="unknown input `x'"):
        parse(options(optional(keyword("y"))), "x")


def test_without_a_line_there_is_nothing_to_read() -> None:
    with pytest.raises(NoInput):
        parse(ROUTE, "")
    with pytest.raises(CommandError, match=r"^expected required argument\(s\)$"):
        parse(line_input(options(), empty_error="expected required argument(s)"), "")
    assert parse(line_input(options(flag("on")), call_when_empty=True), "\n") == ({"on": False}, "")


def test_a_line_is_taken_whole() -> None:
    assert parse(line_input(keyword("a")), "a b\nc") == ({}, "c")


def test_blocks_read_what_is_in_braces() -> None:
    grammar = block(options(keyed("name", string("name")), keyed("limit", unsigned("limit"))))
    assert parse(grammar, "{ limit 3 name { x y } } z") == ({"name": " x y ", "limit": 3}, "z")
    assert parse(grammar, "limit 3") == (None, "limit 3")


@pytest.mark.parametrize(
    ("argument", "text", "value"),
    [
        (signed("v"), "-5", -5),
        (hexadecimal("v"), "ff", 255),
        (floating("v"), "1e3", 1000.0),
        (hex_string("v"), "00ff", b"\x00\xff"),
        (rest_of_line("v"), "a  b \n", "a  b "),
        (mac("v"), "1:2:3:4:5:6", bytes([1, 2, 3, 4, 5, 6])),
        (on_off("v"), "disable", False),
        (pattern("v", r"(\d+)-(\d+)", lambda found: range(int(found[1]), int(found[2]))), "3-9", range(3, 9)),
        (unsigned("v", bits=8), "255", 255),
        (string("v", many=True), "one", ("one",)),
    ],
)
def test_values(argument: Argument, text: str, value: object) -> None:
    assert parse(argument, text)[0] == {"v": value}


def test_repeated_values_become_a_tuple() -> None:
    assert parse(options(interface("which", many=True)), "loop1 loop0") == ({"which": (2, 1)}, "")
    assert parse(options(interface("which", many=True)), "") == ({"which": ()}, "")


def test_a_small_number_does_not_take_a_large_one() -> None:
    assert parse(unsigned("v", bits=8), "256") == (None, "256")


@pytest.mark.parametrize(
    ("argument", "text", "expected"),
    [
        (STATE, "", ["loop0", "loop1"]),
        (STATE, "loop1 ", ["up", "down", "punt"]),
        (STATE, "loop1 up ", []),
        (STATE, "nosuch0 ", []),
        (ROUTE, "", ["add", "del", "table", "<prefix>", "via"]),
        (ROUTE, "add table ", ["<table>"]),
        (ROUTE, "add table 3 ", ["del", "table", "<prefix>", "via"]),
        (ROUTE, "via ", ["<next-hop>", "loop0", "loop1"]),
        (ROUTE, "via 10.0.0.1 ", ["loop0", "loop1", "add", "del", "table", "<prefix>", "via"]),
        (ROUTE, "nonsense ", []),
        (block(keyed("name", string("name"))), "", ["{"]),
        (block(keyed("name", string("name"))), "{ ", ["name"]),
        (block(keyed("name", string("name"))), "{ name ", ["<name>"]),
        (block(keyed("name", string("name"))), "{ name x ", ["}"]),
        (block(keyed("name", string("name"))), "{ name x } ", []),
        (raw("[max <n>]"), "", ["[max <n>]"]),
    ],
)
def test_what_may_follow(argument: Argument, text: str, expected: list[str]) -> None:
    assert offers(argument, text) == expected


def test_arguments_describe_themselves() -> None:
    assert STATE.describe() == "<interface> up|down|punt"
    assert ROUTE.describe() == "[add] [del] [table <table>] [<prefix>] [via <next-hop> [<interface>]|<interface>]"
    assert block(optional(keyed("limit", unsigned("limit")))).describe() == "{ [limit <limit>] }"


@given(st.text(alphabet="adelotbviupn0123./ {}\n\\", max_size=40))
def test_parsing_and_completing_agree_on_what_is_wrong(text: str) -> None:
    """Whatever is typed, parsing ends with values or an error, and completion never fails."""
    for argument in (STATE, ROUTE):
        try:
            parse(argument, text)
        except (CommandError, NoInput):
            pass
        out: list[Candidate] = []
        assert argument.follow(Reader(text), Surroundings(), out) in Follow
