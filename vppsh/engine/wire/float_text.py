"""Floating point numbers as VPP prints them (vppinfra/format.c).

VPP makes the digits itself and stops where a double holds no more: no zero before the point (`.5`), no
zeros after the last digit unless a precision asks for them, an exponent without sign and padding (`2.34e4`).
"""

from __future__ import annotations

import math

SIGNIFICANT_BITS = 53
DEFAULT_DIGITS = 6


def format_float(value: float, digits: int = DEFAULT_DIGITS, style: str = "f") -> str:
    """VPP's `%.<digits>f`, `%e` (style "e") and `%g` (style "g")."""
    if value == 0:
        return _zero(digits) + ("e0" if style == "e" else "")
    sign, value = "-" if value < 0 else "", abs(value)
    value += 0.5 * 0.1**digits
    if math.isnan(value):
        return (sign or "+") + "NaN"
    if math.isinf(value):
        return (sign or "+") + "infinity"
    value, precision, exponent = _normalize(value)
    if -exponent > digits and style in "fg":
        return _zero(digits)
    plain = style == "f" or (style == "g" and -10 < exponent < 10)
    leading_zeros = min(-(exponent + 1), digits) if plain and exponent < 0 else 0
    text = sign + ("." + "0" * leading_zeros if plain and exponent < 0 else "")
    point = -leading_zeros if plain and exponent < 0 else exponent + 1 if plain else 1
    done = leading_zeros
    pointed = plain and exponent < 0
    while value >= precision:
        digit = int(value)
        value -= digit
        if value + precision >= 1:
            digit, value = digit + 1, value - 1
        text += chr(ord("0") + digit)
        point -= 1
        done += point < 0
        if point <= 0 and done >= digits:
            break
        if point == 0 and value != 0:
            text, pointed = text + ".", True
        value *= 10
        precision *= 10
    text += "0" * max(point, 0)
    if done < digits:
        text += ("" if pointed else ".") + "0" * (digits - done)
    return text if plain else f"{text}e{exponent}"


def _zero(digits: int) -> str:
    return "0." + "0" * digits if digits else "0"


def _normalize(value: float) -> tuple[float, float, int]:
    """The value between 1 and 10, how exact it is, and the power of ten taken away."""
    exponent2 = math.frexp(value)[1] - 1
    exponent = int(0.5 + exponent2 * math.log10(2))
    precision = _times_power_of_ten(math.ldexp(1.0, exponent2 - SIGNIFICANT_BITS), -exponent)
    value = _times_power_of_ten(value, -exponent)
    while value < 1:
        value, precision, exponent = value * 10, precision * 10, exponent - 1
    while value > 10:
        value, precision, exponent = value * 0.1, precision * 0.1, exponent + 1
    if value + precision >= 10:
        value, exponent = 1.0, exponent + 1
    return value, precision, exponent


def _times_power_of_ten(value: float, power: int) -> float:
    """In steps of eight, as VPP does: the last bits of the product depend on it."""
    step, base = (8, 10.0) if power >= 0 else (-8, 0.1)
    while abs(power) >= 8:
        value *= 1e8 if base == 10.0 else 1e-8
        power -= step
    return value * float(f"1e{power}")
