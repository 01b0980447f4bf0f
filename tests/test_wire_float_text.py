"""Floating point numbers as VPP prints them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vppsh.engine.wire.float_text import format_float


@pytest.mark.parametrize(
    ("value", "digits", "style", "text"),
    [
        (0.0, 2, "e", "0.00e0"),
        (0.0, 3, "f", "0.000"),
        (0.02, 3, "f", ".020"),
        (0.5, 2, "f", ".50"),
        (-0.5, 2, "f", "-.50"),
        (0.0001, 2, "f", "0.00"),
        (1.0, 2, "f", "1.00"),
        (9.999, 2, "f", "10.00"),
        (123.456, 2, "f", "123.46"),
        (86400.0, 3, "f", "86400.000"),
        (1e6, 2, "e", "1.00e6"),
        (23456.0, 2, "e", "2.34e4"),  # rounded at the second digit after the point of the number itself
        (0.00025, 2, "g", "0.00"),
        (math.inf, 2, "f", "+infinity"),
        (-math.inf, 2, "f", "-infinity"),
        (math.nan, 2, "f", "+NaN"),
    ],
)
def test_texts(value: float, digits: int, style: str, text: str) -> None:
    assert format_float(value, digits, style) == text


@given(st.floats(1e-6, 1e15), st.integers(0, 6))
def test_plain_numbers_are_right_to_their_last_digit(value: float, digits: int) -> None:
    text = format_float(value, digits)
    assert abs(float(text) - value) <= 0.51 * 10.0**-digits + abs(value) * 1e-12
    assert len(text.partition(".")[2]) == digits


@given(st.floats(1e-300, 1e300))
def test_exponents_cut_but_do_not_lie(value: float) -> None:
    read = float(format_float(value, 3, "e"))
    assert abs(read - value) <= 0.00101 * max(value, 1.0)
