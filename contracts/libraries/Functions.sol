// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "./Float32.sol";

/// @title The scalar functions of the tensor machine by their codes
/// @notice Normative text: docs/functions.md. What IEEE-754 does not determine is a fixed sequence of what it does,
/// step by step the same as in opg/tensor/functions.py. Operands must be clean words, see `Float32`.
library Functions {
    using Float32 for uint256;

    uint256 internal constant WHERE = 0x40;
    uint256 internal constant CLAMP = 0x41;

    uint256 private constant MASK = 0xffffffff;
    uint256 private constant WORD_BITS = 32;

    uint256 private constant HALF = 0x3f000000;
    uint256 private constant ONE = Float32.ONE;
    uint256 private constant TWO = 0x40000000;
    uint256 private constant FOUR = 0x40800000;
    uint256 private constant SIGN = Float32.SIGN;
    uint256 private constant MAGNITUDE = Float32.MAGNITUDE;
    uint256 private constant INFINITY = Float32.INFINITY;
    uint256 private constant NAN = Float32.NAN;

    /* BY CODE */

    /// @notice How many operands a function takes; 0 for a code without meaning.
    function arity(uint256 fn) internal pure returns (uint256) {
        if (fn == 0) return 0;
        if (fn < 0x0c) return 2;
        if (fn < 0x10) return 0;
        if (fn < 0x1e) return 1;
        if (fn < 0x20) return 0;
        if (fn < 0x30) return 2;
        if (fn < 0x32) return 1;
        return fn == WHERE || fn == CLAMP ? 3 : 0;
    }

    /// @notice The function on words. The code must have a meaning; operands beyond its arity are ignored.
    /// @dev `apply` is a reserved word of the language.
    function apply_(uint256 fn, uint256 a, uint256 b, uint256 c) internal pure returns (uint256) {
        if (fn < 0x10) return _binary(fn, a, b);
        if (fn < 0x20) return _unary(fn, a);
        if (fn < 0x30) return _integer(fn, a, b);
        if (fn == 0x30) return a.fromInt();
        if (fn == 0x31) return a.toInt();
        if (fn == WHERE) return a != 0 ? b : c;
        return a.max(b).min(c);
    }

    function _binary(uint256 fn, uint256 a, uint256 b) private pure returns (uint256) {
        if (fn < 0x05) {
            if (fn == 0x01) return a.add(b);
            if (fn == 0x02) return a.sub(b);
            return fn == 0x03 ? a.mul(b) : a.div(b);
        }
        if (fn == 0x05) return a.min(b);
        if (fn == 0x06) return a.max(b);
        if (fn == 0x07) return _truth(a.lt(b));
        if (fn == 0x08) return _truth(a.le(b));
        if (fn == 0x09) return _truth(a.eq(b));
        return fn == 0x0a ? pow(a, b) : a.fmod(b);
    }

    function _unary(uint256 fn, uint256 a) private pure returns (uint256) {
        unchecked {
            if (fn < 0x13) {
                if (fn == 0x10) return a.sqrt();
                return fn == 0x11 ? a.neg() : a.abs();
            }
            if (fn < 0x17) return a.toIntegral(Float32.Rounding(fn - 0x13));
            if (fn == 0x17) return exp(a);
            if (fn == 0x18) return log(a);
            if (fn == 0x19) return tanh(a);
            if (fn == 0x1a) return erf(a);
            return fn == 0x1b ? sigmoid(a) : circular(a, fn - 0x1c);
        }
    }

    function _integer(uint256 fn, uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            if (fn == 0x20) return (a + b) & MASK;
            if (fn == 0x21) return (a - b) & MASK;
            if (fn == 0x22) return (a * b) & MASK;
            if (fn == 0x2a) return a & b;
            if (fn == 0x2b) return a | b;
            if (fn == 0x2c) return a ^ b;
            if (fn == 0x2d) return (a << b) & MASK;
            if (fn == 0x2e) return a >> b;
            int256 x = _signed(a);
            int256 y = _signed(b);
            if (fn == 0x23) return y == 0 ? 0 : uint256(x / y) & MASK;
            if (fn == 0x24) return y == 0 ? 0 : uint256(x % y) & MASK;
            if (fn == 0x25) return x < y ? a : b;
            if (fn == 0x26) return x < y ? b : a;
            if (fn == 0x27) return _truth(x < y);
            if (fn == 0x28) return _truth(x <= y);
            if (fn == 0x29) return _truth(a == b);
            return uint256(x >> b) & MASK;
        }
    }

    function _truth(bool yes) private pure returns (uint256) {
        return yes ? 1 : 0;
    }

    function _signed(uint256 a) private pure returns (int256) {
        return int32(uint32(a));
    }

    /* EXPONENTIALS */

    uint256 private constant LOG2_E = 0x3fb8aa3b;
    uint256 private constant LN2 = 0x3f317218;
    /// ln(2) in two parts; the first has so few bits that its product with an exponent is exact.
    uint256 private constant LN2_HIGH = 0x3f318000;
    uint256 private constant LN2_LOW = 0xb95e8083;
    /// -105 and 89: beyond them the result is zero or infinite.
    uint256 private constant EXP_MIN = 0xc2d20000;
    uint256 private constant EXP_MAX = 0x42b20000;

    /// Polynomials: one word a coefficient, that of the highest power first. (40 digits would read as an address.)
    uint256 private constant EXP_POLYNOMIAL = 0x003ab526d43c091f2d3d2aac5c3e2aaa463efffffe;
    uint256 private constant LOG_POLYNOMIAL = 0x3e98f4723eccaf533f2aaabd;
    uint256 private constant TANH_POLYNOMIAL = 0x00bbba86713ca8fc67bd5c1ad23e08837bbeaaaa99;
    uint256 private constant ERF_NEAR_POLYNOMIAL = 0xba1e41873ba3e6b6bcdb518a3de70dfcbec093773e0375d3;
    uint256 private constant ERF_FAR_POLYNOMIAL = 0x3961cc93bb536c1c3cbbcdd7bdd7b036bf22bbbcbf90738e;
    /// 0.625 and 0.875
    uint256 private constant TANH_SMALL = 0x3f200000;
    uint256 private constant ERF_SMALL = 0x3f600000;

    function exp(uint256 x) internal pure returns (uint256) {
        x = x.max(EXP_MIN).min(EXP_MAX);
        if (x == NAN) return NAN;
        uint256 n = x.mul(LOG2_E).toIntegral(Float32.Rounding.Even);
        x = x.sub(n.mul(LN2_HIGH)).sub(n.mul(LN2_LOW));
        return _scale(_expNearZero(x), n);
    }

    /// @dev e^r for |r| <= 0.35: 1 + r, then what its rounding lost together with the higher powers.
    function _expNearZero(uint256 r) private pure returns (uint256) {
        uint256 s = ONE.add(r);
        return s.add(r.sub(s.sub(ONE)).add(_polynomial(r, EXP_POLYNOMIAL, 5).mul(r).mul(r)));
    }

    /// @dev x·2^n for x near 1, in two multiplications of which only the second can round.
    function _scale(uint256 x, uint256 n) private pure returns (uint256) {
        unchecked {
            int256 k = _signed(n.toInt());
            int256 half = k >> 1;
            return x.mul(uint256(half + 127) << 23).mul(uint256(k - half + 127) << 23);
        }
    }

    function log(uint256 x) internal pure returns (uint256) {
        if (x & MAGNITUDE == 0) return SIGN | INFINITY;
        if (x >= INFINITY) return x == INFINITY ? INFINITY : NAN;
        (uint256 k, uint256 f) = _decompose(x);
        uint256 s = f.div(f.add(TWO));
        uint256 z = s.mul(s);
        uint256 h = f.mul(f).mul(HALF);
        uint256 t = s.mul(h.add(_polynomial(z, LOG_POLYNOMIAL, 3).mul(z))).add(k.mul(LN2_LOW));
        return k.mul(LN2_HIGH).sub(h.sub(t).sub(f));
    }

    /// @dev (k, f) with x = 2^k·(1 + f), 1 + f from √½ to √2, for positive finite x; both are floats.
    function _decompose(uint256 x) private pure returns (uint256 k, uint256 f) {
        unchecked {
            if (x < 0x00800000) {
                x = x.mul(0x4b000000); // 2^23
                k = 23;
            }
            x -= 0x3f3504f3; // √½
            k = (uint256(int256(x) >> 23) - k) & MASK;
            return (k.fromInt(), ((x & 0x7fffff) + 0x3f3504f3).sub(ONE));
        }
    }

    function tanh(uint256 x) internal pure returns (uint256) {
        uint256 a = x & MAGNITUDE;
        if (a < TANH_SMALL) {
            uint256 z = a.mul(a);
            return (x & SIGN) | _polynomial(z, TANH_POLYNOMIAL, 5).mul(z).mul(a).add(a);
        }
        a = exp(a.add(a));
        return a == NAN ? NAN : (x & SIGN) | ONE.sub(TWO.div(a.add(ONE)));
    }

    function erf(uint256 x) internal pure returns (uint256) {
        uint256 a = x & MAGNITUDE;
        if (a < ERF_SMALL) return _polynomial(x.mul(x), ERF_NEAR_POLYNOMIAL, 6).mul(x).add(x);
        a = a.min(FOUR);
        a = exp(_polynomial(a, ERF_FAR_POLYNOMIAL, 6).mul(a));
        return a == NAN ? NAN : (x & SIGN) | ONE.sub(a);
    }

    function sigmoid(uint256 x) internal pure returns (uint256) {
        uint256 e = exp(x | SIGN);
        uint256 d = e.add(ONE);
        if (x < SIGN) return ONE.div(d);
        return e.sub(e.mul(e.div(d)));
    }

    /// @dev (((c₀·x + c₁)·x + c₂)·x + …), every operation rounded.
    function _polynomial(uint256 x, uint256 coefficients, uint256 count) private pure returns (uint256 r) {
        unchecked {
            uint256 place = (count - 1) * WORD_BITS;
            r = coefficients >> place;
            while (place != 0) {
                place -= WORD_BITS;
                r = r.mul(x).add((coefficients >> place) & MASK);
            }
        }
    }

    /* SINE AND COSINE */

    uint256 private constant SIN_POLYNOMIAL = 0xb94caa003c0883bcbe2aaaa3;
    uint256 private constant COS_POLYNOMIAL = 0x37ccf406bab606143d2aaaa5;
    uint256 private constant QUARTER_PI = 0x3f490fdb;
    /// ⌊2^200/2π⌋ and 2π·2^29
    uint256 private constant TURNS = 0x28be60db9391054a7f09d5f47d4d377036d8a5664f10e4107f;
    uint256 private constant TWO_PI = 0xc90fdaa2;

    /// @notice sin(x + quadrant·π/2): the sine for 0, the cosine for 1.
    function circular(uint256 x, uint256 quadrant) internal pure returns (uint256 r) {
        unchecked {
            r = x & MAGNITUDE;
            if (r >= INFINITY) return NAN;
            // the sine is odd, the cosine even
            uint256 sign = quadrant == 0 ? x & SIGN : 0;
            if (r >= QUARTER_PI) {
                uint256 q;
                (r, q) = _reduce(r);
                quadrant += q;
            }
            uint256 z = r.mul(r);
            if (quadrant & 1 == 0) {
                r = _polynomial(z, SIN_POLYNOMIAL, 3).mul(z).mul(r).add(r);
            } else {
                r = ONE.sub(z.mul(HALF).sub(_polynomial(z, COS_POLYNOMIAL, 3).mul(z).mul(z)));
            }
            return r ^ sign ^ ((quadrant & 2) << 30);
        }
    }

    /// @dev (r, q) with x = r + q·π/2 modulo 2π and |r| <= π/4, for finite x from π/4. In integers: x as a fraction of a
    /// turn needs only those 96 bits of 1/2π that its exponent selects; then one rounding.
    function _reduce(uint256 x) private pure returns (uint256 r, uint256 q) {
        unchecked {
            uint256 window = (TURNS >> (254 - (x >> 23))) & type(uint96).max;
            uint256 turn = ((((x & 0x7fffff) | 0x800000) * window) >> 32) & type(uint64).max;
            q = (turn + (1 << 61)) >> 62;
            uint256 nearest = q << 62;
            uint256 distance = turn < nearest ? nearest - turn : turn - nearest;
            // the first 32 bits; no float is so near to a multiple of π/2 that there are fewer than 33
            uint256 shift = distance.lastBit() - 31;
            r = Float32.round((distance >> shift) * TWO_PI, 150 - 93 + shift);
            if (turn < nearest) r |= SIGN;
        }
    }

    /* POWER */

    // A pair of floats stands for the sum of both: the second holds what the rounding of the first lost.

    /// log2((1 + s)/(1 - s)) = s·(C + s²·(C/3 + s²·polynomial(s²))) with C = 2/ln(2)
    uint256 private constant POW_POLYNOMIAL = 0x3ead08ba3ed2dd3a3f13bb88;
    uint256 private constant C_HIGH = 0x4038aa3b;
    uint256 private constant C_LOW = 0x33257060;
    uint256 private constant C_THIRD_HIGH = 0x3f76384f;
    uint256 private constant C_THIRD_LOW = 0xb1f17f01;
    /// 2^32: with a greater exponent every power is 0, 1 or infinite.
    uint256 private constant POW_Y_MAX = 0x4f800000;
    /// 160: beyond it powers of two are zero or infinite.
    uint256 private constant POW_Z_MAX = 0x43200000;

    function pow(uint256 x, uint256 y) internal pure returns (uint256) {
        if (x == ONE || y & MAGNITUDE == 0) return ONE;
        if (x.isNan() || y.isNan()) return NAN;
        uint256 sign = x & SIGN;
        x ^= sign;
        if (sign != 0 && !_isIntegral(y)) {
            if (x != 0 && x != INFINITY) return NAN;
            sign = 0;
        } else if (_isIntegral(y.mul(HALF))) {
            sign = 0;
        }
        if (x == ONE) return sign | ONE;
        if (x == 0 || x == INFINITY) return (x == 0) == (y < SIGN) ? sign : sign | INFINITY;

        (uint256 high, uint256 low) = _log2(x);
        (high, low) = _product(y.min(POW_Y_MAX).max(SIGN | POW_Y_MAX), 0, high, low);
        if (high & MAGNITUDE > POW_Z_MAX) return high < SIGN ? sign | INFINITY : sign;
        uint256 n = high.toIntegral(Float32.Rounding.Even);
        return sign | _scale(_expNearZero(high.sub(n).add(low).mul(LN2)), n);
    }

    function _isIntegral(uint256 y) private pure returns (bool) {
        return y.toIntegral(Float32.Rounding.Truncate) == y;
    }

    function _log2(uint256 x) private pure returns (uint256, uint256) {
        (uint256 k, uint256 f) = _decompose(x);
        // s = f/(2 + f)
        (uint256 d, uint256 dLow) = _quickSum(TWO, f);
        uint256 s = f.div(d);
        (uint256 p, uint256 lost) = _exactProduct(s, d);
        uint256 sLow = f.sub(p).sub(lost).sub(s.mul(dLow)).div(d);
        (uint256 z, uint256 zLow) = _product(s, sLow, s, sLow);
        (uint256 w, uint256 wLow) = _quickSum(C_THIRD_HIGH, _polynomial(z, POW_POLYNOMIAL, 3).mul(z).add(C_THIRD_LOW));
        (w, wLow) = _product(z, zLow, w, wLow);
        (z, zLow) = _quickSum(C_HIGH, w);
        (z, zLow) = _quickSum(z, zLow.add(wLow.add(C_LOW)));
        (z, zLow) = _product(s, sLow, z, zLow);
        (s, sLow) = _quickSum(k, z);
        return _quickSum(s, sLow.add(zLow));
    }

    /// @dev a + b and what its rounding lost, for |a| >= |b| or a = 0.
    function _quickSum(uint256 a, uint256 b) private pure returns (uint256 s, uint256 lost) {
        s = a.add(b);
        lost = b.sub(s.sub(a));
    }

    /// @dev a·b and what its rounding lost; the operands are cut into halves of twelve bits.
    function _exactProduct(uint256 a, uint256 b) private pure returns (uint256 p, uint256 lost) {
        p = a.mul(b);
        uint256 aHigh = a & 0xfffff000;
        uint256 bHigh = b & 0xfffff000;
        a = a.sub(aHigh);
        b = b.sub(bHigh);
        lost = aHigh.mul(bHigh).sub(p).add(aHigh.mul(b)).add(a.mul(bHigh)).add(a.mul(b));
    }

    function _product(uint256 a, uint256 aLow, uint256 b, uint256 bLow) private pure returns (uint256, uint256) {
        (uint256 p, uint256 lost) = _exactProduct(a, b);
        return _quickSum(p, lost.add(a.mul(bLow).add(aLow.mul(b))));
    }
}
