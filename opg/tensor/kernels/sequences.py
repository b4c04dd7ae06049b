"""The scalar functions on sixteen words at once: the sequences of docs/functions.md, step by step as in functions.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from opg.tensor import functions as plain
from opg.tensor.functions import Fn
from opg.tensor.kernels.lanes import Lanes

SIGN, MAGNITUDE, INFINITY, NAN = 0x80000000, 0x7FFFFFFF, 0x7F800000, 0x7FC00000
ONE, TWO, HALF = np.float32(1), np.float32(2), np.float32(0.5)
Pair = tuple[Lanes, Lanes]


def _horner(x: Lanes, coefficients: Sequence[np.float32]) -> Lanes:
    r = coefficients[0] * x + coefficients[1]
    for c in coefficients[2:]:
        r = r * x + c
    return r


def _absolute(x: Lanes) -> Lanes:
    return (x.words() & MAGNITUDE).floats()


def _power_of_two(n: Lanes) -> Lanes:
    return ((n + 127) << 23).floats()


def _scale(x: Lanes, n: Lanes) -> Lanes:
    k = n.to_word()
    half = k >> 1
    return (x * _power_of_two(half)) * _power_of_two(k - half)


# ---- minimum, maximum, remainder


def ordered(x: Lanes) -> Lanes:
    """Grows with the float, signed; -0 comes just before +0. Twice gives the word again."""
    return x ^ (x >> 31).logical_right(1)


def _extreme(a: Lanes, b: Lanes, take_a: Lanes) -> Lanes:
    nan = Lanes(a.build, a.build.fcmp_unordered("uno", a.floats().value, b.floats().value))
    return nan.where(NAN, take_a.where(a, b))


def _min(a: Lanes, b: Lanes) -> Lanes:
    return _extreme(a, b, ordered(a) < ordered(b))


def _max(a: Lanes, b: Lanes) -> Lanes:
    return _extreme(a, b, ordered(a) >= ordered(b))


def _split(x: Lanes) -> tuple[Lanes, Lanes]:
    """(S, e), S of 64 bits and e a word, of finite magnitudes: x = S·2^(e - 150)."""
    e, fraction = x.logical_right(23), x & 0x7FFFFF
    subnormal = e.equals(0)
    return subnormal.where(fraction, fraction | 0x800000).widen(), subnormal.where(1, e)


def _least(a: Lanes, limit: int) -> Lanes:
    return (a < limit).where(a, limit)


def _fmod(a: Lanes, b: Lanes) -> Lanes:
    sign, a, b = a & SIGN, a & MAGNITUDE, b & MAGNITUDE
    nan = ~a.below(INFINITY) | b.above(INFINITY) | b.equals(0)
    small = a.below(b)
    (rest, ea), (divisor, eb) = _split(a), _split(b)
    divisor = nan.where(1, divisor)
    places = (nan | small).where(0, ea - eb)
    rest = rest.unsigned_rest(divisor)
    for _ in range(7):  # the exponents differ by at most 253
        step = _least(places, 40)
        rest = (rest << step.widen()).unsigned_rest(divisor)
        places = places - step
    power = _least(eb, 254) - 150
    half = power >> 1
    r = (rest.unsigned_to_float() * _power_of_two(half)) * _power_of_two(power - half)
    return nan.where(NAN, sign | small.where(a, r.words()))


# ---- exponential family


def _exp_near_zero(r: Lanes) -> Lanes:
    s = ONE + r
    return s + ((r - (s - ONE)) + (_horner(r, plain._EXP) * r) * r)


def _exp(x: Lanes) -> Lanes:
    x = (x > plain._EXP_MAX).where(plain._EXP_MAX, (x < plain._EXP_MIN).where(plain._EXP_MIN, x))
    n = (x * plain._LOG2_E).call("rint")
    r = (x - n * plain._LN2_HIGH) - n * plain._LN2_LOW
    n = n.is_nan().where(np.float32(0), n)
    return _scale(_exp_near_zero(r), n)


def _decompose(x: Lanes) -> Pair:
    subnormal = x.below(0x800000)
    x = subnormal.where((x.floats() * np.float32(2**23)).words(), x)
    x = x - 0x3F3504F3
    k = x >> 23
    m = (x & 0x7FFFFF) + 0x3F3504F3
    return (k - subnormal.flag() * 23).to_float(), m.floats()


def _log(x: Lanes) -> Lanes:
    k, m = _decompose(x)
    f = m - ONE
    s = f / (f + TWO)
    z = s * s
    h = (f * f) * HALF
    t = s * (h + _horner(z, plain._LOG) * z) + k * plain._LN2_LOW
    r = (k * plain._LN2_HIGH - ((h - t) - f)).words()
    r = x.equals(INFINITY).where(INFINITY, x.above(INFINITY).where(NAN, r))
    return (x & MAGNITUDE).equals(0).where(SIGN | INFINITY, r)


def _with_sign_of(x: Lanes, r: Lanes) -> Lanes:
    return (r.words() | (x.words() & SIGN)).floats()


def _tanh(x: Lanes) -> Lanes:
    a = _absolute(x)
    z = a * a
    small = (_horner(z, plain._TANH) * z) * a + a
    large = ONE - TWO / (_exp(a + a) + ONE)
    return _with_sign_of(x, (a < plain._TANH_SMALL).where(small, large))


def _sigmoid(x: Lanes) -> Lanes:
    e = _exp(-_absolute(x))
    d = e + ONE
    return (x < np.float32(0)).where(e - e * (e / d), ONE / d)


def _erf(x: Lanes) -> Lanes:
    a = _absolute(x)
    near = _horner(x * x, plain._ERF_NEAR) * x + x
    b = (a > plain._ERF_MAX).where(plain._ERF_MAX, a)
    far = ONE - _exp(_horner(b, plain._ERF_FAR) * b)
    return (a < plain._ERF_SMALL).where(near, _with_sign_of(x, far))


# ---- sine, cosine


def _reduce(a: Lanes) -> Pair:
    s, e = _split(a)
    low, middle, high = (e.look_up(part.tolist(), f"window{i}") for i, part in enumerate(plain._WINDOWS))
    turn = (s * low).logical_right(32) + s * middle + ((s * high) << 32)
    q = (turn + (1 << 61)).logical_right(62)
    rest = turn - (q << 62)
    back = rest < 0
    g = back.where(0 - rest, rest)
    shift = (g ^ g).narrow()
    for bits in (16, 8, 4, 2, 1):
        shift = shift + g.logical_right((shift + (31 + bits)).widen()).differs(0).flag() * bits
    product = g.logical_right(shift.widen()) * int(plain._TWO_PI)
    r = product.unsigned_to_float() * _power_of_two(shift - 93)
    return back.where(-r, r), q.narrow()


def _circular(x: Lanes, quadrant: int) -> Lanes:
    a = x & MAGNITUDE
    small, beyond = a.below(int(plain._QUARTER_PI)), ~a.below(INFINITY)
    reduced, q = _reduce((small | beyond).where(0x3F800000, a))
    r = small.where(a.floats(), reduced)
    q = small.where(0, q) + quadrant
    z = r * r
    sine = (_horner(z, plain._SIN) * z) * r + r
    cosine = ONE - (z * HALF - (_horner(z, plain._COS) * z) * z)
    word = (q & 1).differs(0).where(cosine, sine).words()
    word = word ^ (q & 2).differs(0).where(SIGN, q ^ q)
    if quadrant == 0:
        word = word ^ (x & SIGN)
    return beyond.where(NAN, word)


# ---- power


def _quick_sum(a: Lanes, b: Lanes) -> Pair:
    s = a + b
    return s, b - (s - a)


def _exact_product(a: Lanes, b: Lanes) -> Pair:
    p = a * b
    ah, bh = (a.words() & 0xFFFFF000).floats(), (b.words() & 0xFFFFF000).floats()
    al, bl = a - ah, b - bh
    return p, (((ah * bh - p) + ah * bl) + al * bh) + al * bl


def _product(a: Pair, b: Pair) -> Pair:
    p, error = _exact_product(a[0], b[0])
    return _quick_sum(p, error + (a[0] * b[1] + a[1] * b[0]))


def _log2(x: Lanes) -> Pair:
    k, m = _decompose(x)
    f = m - ONE
    like = lambda c: Lanes(f.build, f.constant(c))  # noqa: E731
    d = _quick_sum(like(TWO), f)
    s = f / d[0]
    p, error = _exact_product(s, d[0])
    ss = (s, (((f - p) - error) - s * d[1]) / d[0])
    z = _product(ss, ss)
    w = _quick_sum(like(plain._C_THIRD[0]), _horner(z[0], plain._POW_TAIL) * z[0] + plain._C_THIRD[1])
    v = _product(z, w)
    u = _quick_sum(like(plain._C[0]), v[0])
    u = _quick_sum(u[0], u[1] + (v[1] + plain._C[1]))
    t = _product(ss, u)
    r = _quick_sum(k, t[0])
    return _quick_sum(r[0], r[1] + t[1])


def _pow(x: Lanes, y: Lanes) -> Lanes:
    infinite, zero = np.float32(np.inf), np.float32(0)
    a = _absolute(x)
    word = a.words()
    regular = word.differs(0) & word.below(INFINITY)
    high, low = _log2(regular.where(word, 0x3F800000))
    top = plain._POW_Y_MAX
    bounded = (y < -top).where(-top, (y > top).where(top, y))
    z, rest = _product((bounded, Lanes(x.build, x.constant(0))), (high, low))
    z = regular.where(z, word.equals(0).where(-bounded, bounded) * infinite)
    n = z.call("rint")
    inside = _absolute(z) <= plain._POW_Z_MAX
    f = inside.where((z - n) + rest, zero)
    r = _scale(_exp_near_zero(f * plain._LN2), inside.where(n, zero))
    r = inside.where(r, (z > zero).where(infinite, Lanes(x.build, x.constant(0))))
    integral = y.call("trunc").equals(y)
    half = y * HALF
    odd = integral & ~half.call("trunc").equals(half)
    r = (a.equals(ONE) & ~y.is_nan()).where(ONE, r)
    negative = (x.words() & SIGN).differs(0) & ~x.is_nan()
    r = (negative & odd).where(-r, r)
    r = ((x < zero) & (a < infinite) & ~integral).where(np.float32(np.nan), r)
    r = (x.is_nan() | y.is_nan()).where(np.float32(np.nan), r)
    return (x.equals(ONE) | y.equals(zero)).where(ONE, r)


# ---- integers


def _divide(a: Lanes, b: Lanes, quotient: bool) -> Lanes:
    zero = b.equals(0)
    wide, divisor = a.widen_signed(), zero.where(1, b).widen_signed()
    r = wide.truncated_quotient(divisor) if quotient else wide.truncated_rest(divisor)
    return zero.where(0, r.narrow())


def _f2i(x: Lanes) -> Lanes:
    top = np.float32(2.0**31)
    inside = (x >= -top) & (x < top)
    r = inside.where(x, np.float32(0)).to_word()
    return inside.where(r, (x >= top).where(MAGNITUDE, (x < -top).where(SIGN, r)))


def _shift(a: Lanes, b: Lanes, left: bool) -> Lanes:
    by = b & 31
    return b.below(32).where(a << by if left else a.logical_right(by), 0)


def _floats(f: Callable[..., Lanes]) -> Callable[..., Lanes]:
    return lambda *operands: f(*(x.floats() for x in operands)).canonical()


def _flags(f: Callable[..., Lanes]) -> Callable[..., Lanes]:
    return lambda *operands: f(*operands).flag()


def _compare(f: Callable[..., Lanes]) -> Callable[..., Lanes]:
    return lambda a, b: f(a.floats(), b.floats()).flag()


TABLE: dict[int, Callable[..., Lanes]] = {
    Fn.ADD: _floats(lambda a, b: a + b),
    Fn.SUB: _floats(lambda a, b: a - b),
    Fn.MUL: _floats(lambda a, b: a * b),
    Fn.DIV: _floats(lambda a, b: a / b),
    Fn.MIN: _min,
    Fn.MAX: _max,
    Fn.LT: _compare(lambda a, b: a < b),
    Fn.LE: _compare(lambda a, b: a <= b),
    Fn.EQ: _compare(lambda a, b: a.equals(b)),
    Fn.POW: _floats(_pow),
    Fn.FMOD: _fmod,
    Fn.SQRT: _floats(lambda x: x.call("sqrt")),
    Fn.NEG: _floats(lambda x: -x),
    Fn.ABS: _floats(_absolute),
    Fn.FLOOR: _floats(lambda x: x.call("floor")),
    Fn.CEIL: _floats(lambda x: x.call("ceil")),
    Fn.ROUND: _floats(lambda x: x.call("rint")),
    Fn.TRUNC: _floats(lambda x: x.call("trunc")),
    Fn.EXP: _floats(_exp),
    Fn.LOG: _log,
    Fn.TANH: _floats(_tanh),
    Fn.ERF: _floats(_erf),
    Fn.SIGMOID: _floats(_sigmoid),
    Fn.SIN: lambda x: _circular(x, 0),
    Fn.COS: lambda x: _circular(x, 1),
    Fn.IADD: lambda a, b: a + b,
    Fn.ISUB: lambda a, b: a - b,
    Fn.IMUL: lambda a, b: a * b,
    Fn.IDIV: lambda a, b: _divide(a, b, True),
    Fn.IMOD: lambda a, b: _divide(a, b, False),
    Fn.IMIN: lambda a, b: (a < b).where(a, b),
    Fn.IMAX: lambda a, b: (a > b).where(a, b),
    Fn.ILT: _flags(lambda a, b: a < b),
    Fn.ILE: _flags(lambda a, b: a <= b),
    Fn.IEQ: _flags(lambda a, b: a.equals(b)),
    Fn.AND: lambda a, b: a & b,
    Fn.OR: lambda a, b: a | b,
    Fn.XOR: lambda a, b: a ^ b,
    Fn.SHL: lambda a, b: _shift(a, b, True),
    Fn.SHR: lambda a, b: _shift(a, b, False),
    Fn.SAR: lambda a, b: a >> b.above(31).where(31, b),
    Fn.I2F: lambda x: x.to_float().words(),
    Fn.F2I: lambda x: _f2i(x.floats()),
    Fn.WHERE: lambda a, b, c: a.differs(0).where(b, c),
    Fn.CLAMP: lambda a, b, c: _min(_max(a, b), c),
}
