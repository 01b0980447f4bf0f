"""Reader: VPP's unformat, rule by rule."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vppsh.grammar.addresses import IpAddress, IpPrefix, read_ip4, read_ip6, read_ip_address, read_ip_prefix, read_mac
from vppsh.grammar.reader import END, Reader

LINES = st.text(alphabet="abz019.:/+-eE \t\n{}\\%#\u00e9\udc80", max_size=60)


def test_a_literal_matches_as_a_prefix_and_leaves_the_rest() -> None:
    reader = Reader("  upwards now")
    assert reader.word("up")
    assert reader.rest() == "wards now"


def test_a_blank_in_a_literal_stands_for_any_number_of_blanks() -> None:
    assert Reader("next \t hop x").word("next hop")
    assert Reader("nexthop x").word("next hop")
    assert not Reader("next x").word("next hop")


def test_what_does_not_match_is_left_where_it_was() -> None:
    reader = Reader("  add 5")
    assert not reader.word("del")
    assert reader.pos == 0
    assert reader.unsigned() is None
    assert reader.pos == 0


def test_reading_to_the_end_is_final() -> None:
    reader = Reader("up\n")
    assert reader.word("up")
    assert reader.pos == END
    assert reader.at_end()
    assert reader.quote() == ""
    assert reader.string() is None
    assert reader.signed() is None


@pytest.mark.parametrize(
    ("text", "signed", "unsigned", "rest"),
    [
        ("12 x", 12, 12, "x"),
        ("12x", 12, 12, "x"),
        ("0x10", 0, 0, "x10"),
        ("+7", 7, 7, ""),
        ("1.5", 1, 1, ".5"),
        ("100-200", 100, 100, "-200"),
        ("2147483647", 2147483647, 2147483647, ""),
    ],
)
def test_decimal_numbers(text: str, signed: int, unsigned: int, rest: str) -> None:
    for read, expected in ((Reader.signed, signed), (Reader.unsigned, unsigned)):
        reader = Reader(text)
        assert read(reader) == expected
        assert reader.rest() == rest


@pytest.mark.parametrize(
    ("text", "signed", "unsigned"),
    [
        ("-5", -5, None),
        ("2147483648", None, 2147483648),
        ("-2147483648", -2147483648, None),
        ("4294967296", None, None),
        ("--5", None, None),
        ("x", None, None),
        ("", None, None),
        ("9" * 5000, None, None),
    ],
)
def test_numbers_that_fit_only_one_kind_or_none(text: str, signed: int | None, unsigned: int | None) -> None:
    assert Reader(text).signed() == signed
    assert Reader(text).unsigned() == unsigned


def test_widths() -> None:
    assert Reader("65536").unsigned(16) is None
    assert Reader("18446744073709551615").unsigned(64) == 2**64 - 1
    assert Reader("fFx").hexadecimal() == 255
    assert Reader("1fffffffff").hexadecimal() is None


@pytest.mark.parametrize(
    ("text", "value", "rest"),
    [
        ("1.5", 1.5, ""),
        ("1e6 pps", 1e6, "pps"),
        (".25", 0.25, ""),
        ("2.5e-3", 2.5e-3, ""),
        ("1-2", 1.0, "-2"),
        ("5K", 5.0, "K"),
        ("-3", -3.0, ""),
    ],
)
def test_floats(text: str, value: float, rest: str) -> None:
    reader = Reader(text)
    assert reader.floating() == pytest.approx(value)
    assert reader.rest() == rest


@pytest.mark.parametrize("text", ["", "e5", ".", "1.2.3", "x", "-", "1" * 30])
def test_what_is_no_float(text: str) -> None:
    reader = Reader(text)
    assert reader.floating() is None
    assert reader.pos == 0


@pytest.mark.parametrize(
    ("text", "value", "rest"),
    [
        ("one two", "one", "two"),
        ("{ one { two } three } four", " one { two } three ", "four"),
        ("a{b c}", "a{b", "c}"),
        (r"a\ b c", "a b", "c"),
        (r"{ \} } x", " } ", "x"),
        ("{", "{", ""),
        ("{ open", " open", ""),
        ("}", "}", ""),
    ],
)
def test_strings(text: str, value: str, rest: str) -> None:
    reader = Reader(text)
    assert reader.string() == value
    assert reader.rest() == rest


def test_a_string_may_end_at_a_delimiter() -> None:
    reader = Reader("eth0/5")
    assert reader.string("/") == "eth0"
    assert reader.rest() == "/5"
    assert Reader("pg0.100 up").name_and_id() == ("pg0", 100)
    assert Reader("pg0 .5").name_and_id() is None


def test_lines_and_braces_become_readers() -> None:
    reader = Reader("one two\nthree")
    line = reader.line_input()
    assert line is not None
    assert line.text == "one two"
    assert reader.rest() == "three"
    assert Reader("\n").line_input() is None
    inside = Reader(" { a b } c").sub_input()
    assert inside is not None
    assert inside.text == " a b "
    assert Reader("x { a }").sub_input() is None


def test_errors_quote_thirty_characters() -> None:
    assert Reader("a" * 30).quote() == "a" * 30
    assert Reader("a" * 31).quote() == "a" * 30 + "..."
    assert Reader("x\ty  \n").quote() == "x\\ty"
    assert Reader(" frobnicate ").error_text("unknown input `%U'") == "unknown input ` frobnicate'"


@given(LINES, st.integers(0, 60))
def test_no_reading_fails_or_goes_back(text: str, start: int) -> None:
    readings = (
        Reader.signed,
        Reader.unsigned,
        Reader.hexadecimal,
        Reader.floating,
        Reader.string,
        Reader.name_and_id,
        Reader.hex_string,
        Reader.line,
        Reader.sub_input,
        read_ip4,
        read_ip6,
        read_mac,
        read_ip_prefix,
    )
    for read in readings:
        reader = Reader(text, min(start, len(text)))
        before = reader.pos
        value = read(reader)
        assert reader.pos > before or value is None
        if value is None and read is not Reader.line:
            assert reader.pos == before


@given(st.ip_addresses(v=4))
@example(ipaddress.IPv4Address("0.0.0.0"))
def test_ip4_addresses_are_read_as_written(address: ipaddress.IPv4Address) -> None:
    assert read_ip4(Reader(f"{address} up")) == int(address)
    assert read_ip_address(Reader(str(address))) == IpAddress(4, int(address))


@given(st.ip_addresses(v=6), st.integers(0, 128))
def test_ip6_prefixes_are_read_as_written(address: ipaddress.IPv6Address, length: int) -> None:
    for text in (str(address), address.exploded, str(address).upper()):
        assert read_ip6(Reader(text)) == int(address)
        prefix = read_ip_prefix(Reader(f"{text}/{length}"))
        assert prefix == IpPrefix(6, int(address), length)
        assert prefix.normalized().value == int(ipaddress.IPv6Network((int(address), length), strict=False).network_address)


@pytest.mark.parametrize("text", ["300.1.0.1", "10.1", "10.1.1", "-1.0.0.1", "1.2.3.99999999999"])
def test_what_is_no_ip4_address(text: str) -> None:
    assert read_ip4(Reader(text)) is None


@pytest.mark.parametrize("text", ["2001:db8::1::2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", ":", ""])
def test_what_is_no_ip6_address(text: str) -> None:
    assert read_ip6(Reader(text)) is None


def test_odd_addresses_that_vpp_takes() -> None:
    assert read_ip4(Reader("010 . 1.0.1")) == 10 << 24 | 1 << 16 | 1
    eighth = Reader("1:2:3:4:5:6:7:8:")
    assert read_ip6(eighth) == int(ipaddress.IPv6Address("1:2:3:4:5:6:7:8"))
    assert eighth.pos == END
    colons = Reader(":::1")
    assert read_ip6(colons) == 0
    assert colons.rest() == ":1"


def test_mac_addresses_of_both_styles() -> None:
    assert read_mac(Reader("2:fe:0:0:0:9")) == bytes.fromhex("02fe00000009")
    assert read_mac(Reader("02fe.0000.0098")) == bytes.fromhex("02fe00000098")
    for wrong in ("02-fe-00-00-00-97", "zz:fe:00:00:00:99", "1ff:0:0:0:0:0", "12345.0.0", "2:fe:0:0:0"):
        assert read_mac(Reader(wrong)) is None


def test_prefix_lengths_are_checked() -> None:
    assert read_ip_prefix(Reader("10.0.0.1/33")) is None
    assert read_ip_prefix(Reader("10.0.0.1/-1")) is None
    assert read_ip_prefix(Reader("10.0.0.1/08 x")) == IpPrefix(4, 0x0A000001, 8)
