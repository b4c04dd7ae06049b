// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title binary32 arithmetic on words
/// @notice A word is a uint256 below 2^32 holding an IEEE-754 binary32. Every result is rounded once, to nearest even;
/// subnormals are kept; a NaN result is always `NAN`. Operands must be clean words: no bit above the 32nd may be set.
/// @dev Inside, a finite number is (S, e): the exact integer S with the weight 2^(e - 150). When S has 24 bits, e is the
/// exponent field. 256-bit integers hold every sum and product exactly, so that rounding is one step at the end.
///
/// The paths for normal numbers are assembly, because every function is made of them. Rounding away s bits is
/// `(S + half - 1 + lowest kept bit) >> s`; its carry runs from the significand into the exponent field, as it should,
/// and from the largest finite number into infinity. There, 0x7fffff are the bits of the fraction, 0x800000 is the
/// implicit bit above them, 0xff the exponent field once it is shifted down.
library Float32 {
    uint256 internal constant NAN = 0x7fc00000;
    uint256 internal constant INFINITY = 0x7f800000;
    uint256 internal constant ONE = 0x3f800000;
    uint256 internal constant SIGN = 0x80000000;
    uint256 internal constant MAGNITUDE = 0x7fffffff;

    uint256 private constant FRACTION = 0x007fffff;
    uint256 private constant IMPLICIT_BIT = 0x00800000;
    uint256 private constant FRACTION_BITS = 23;
    /// The e of an integer's last bit.
    uint256 private constant UNIT = 150;

    /* ADD, SUBTRACT, MULTIPLY, DIVIDE, SQUARE ROOT */

    function add(uint256 a, uint256 b) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            // a becomes the operand of greater magnitude
            if lt(and(a, 0x7fffffff), and(b, 0x7fffffff)) {
                let t := a
                a := b
                b := t
            }
            let e := and(shr(23, a), 0xff)
            let d := sub(e, and(shr(23, b), 0xff))
            // rare: b is zero or subnormal (d = e), a is within a factor 2 of an end of the normal numbers or beyond, or b
            // begins more than 25 places below a
            r := not(0)
            if iszero(or(or(eq(d, e), gt(sub(e, 2), 251)), gt(d, 25))) {
                // the exact sum, with 25 places below the last one of a; b is subtracted when the signs differ
                r := add(
                    shl(25, or(and(a, 0x7fffff), 0x800000)),
                    mul(
                        sub(1, and(shr(30, xor(a, b)), 2)),
                        shl(sub(25, d), or(and(b, 0x7fffff), 0x800000))
                    )
                )
                switch lt(r, 0x800000000000)
                case 0 {
                    // 48 to 50 bits are brought to 50, then rounded to 24
                    d := add(lt(r, 0x1000000000000), lt(r, 0x2000000000000))
                    r := shl(d, r)
                    r := shr(26, add(add(r, 0x1ffffff), and(shr(26, r), 1)))
                    r := or(add(r, shl(23, sub(e, d))), and(a, 0x80000000))
                }
                default {
                    // cancellation: the difference is exact and has at most 23 bits, which are shifted up
                    r := shr(24, r)
                    if r {
                        for { e := sub(e, 1) } lt(r, 0x80000) { e := sub(e, 5) } { r := shl(5, r) }
                        // byte i of the table: leading zeros of the five-bit i
                        d := byte(shr(19, r), 0x0004030302020202010101010101010100000000000000000000000000000000)
                        r := shl(d, r)
                        e := sub(e, d)
                        switch sgt(e, 0)
                        case 1 { r := add(r, shl(23, sub(e, 1))) }
                        default { r := shr(sub(1, e), r) }
                        r := or(r, and(a, 0x80000000))
                    }
                }
            }
        }
        if (r > type(uint32).max) r = _addRare(a, b);
    }

    /// @dev Any operands; a is the one of greater magnitude.
    function _addRare(uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            uint256 x = a & MAGNITUDE;
            uint256 y = b & MAGNITUDE;
            bool differ = (a ^ b) & SIGN != 0;
            if (x >= INFINITY) return x > INFINITY || (x == y && differ) ? NAN : a;
            if (y == 0) return x == 0 && differ ? 0 : a;
            uint256 ex;
            uint256 ey;
            (x, ex) = split(x);
            (y, ey) = split(y);
            if (ex - ey > 25) return a;
            x <<= ex - ey;
            x = differ ? x - y : x + y;
            return x == 0 ? 0 : (a & SIGN) | round(x, ey);
        }
    }

    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        return add(a, b ^ SIGN);
    }

    function mul(uint256 a, uint256 b) internal pure returns (uint256 r) {
        uint256 rare;
        assembly ("memory-safe") {
            let ea := and(shr(23, a), 0xff)
            let eb := and(shr(23, b), 0xff)
            // 47 or 48 bits, brought to 48
            r := mul(or(and(a, 0x7fffff), 0x800000), or(and(b, 0x7fffff), 0x800000))
            let short := lt(r, 0x800000000000)
            r := shl(short, r)
            r := shr(24, add(add(r, 0x7fffff), and(shr(24, r), 1)))
            let e := sub(sub(add(ea, eb), short), 126)
            // one comparison each: fields 1 to 254 are normal, results below 1 and above 254 are rounded elsewhere
            rare := or(or(gt(sub(ea, 1), 253), gt(sub(eb, 1), 253)), gt(sub(e, 1), 253))
            r := or(add(r, shl(23, sub(e, 1))), and(xor(a, b), 0x80000000))
        }
        if (rare != 0) r = _mulRare(a, b);
    }

    function _mulRare(uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            uint256 sign = (a ^ b) & SIGN;
            a &= MAGNITUDE;
            b &= MAGNITUDE;
            if (a >= INFINITY || b >= INFINITY) {
                return a > INFINITY || b > INFINITY || a == 0 || b == 0 ? NAN : sign | INFINITY;
            }
            if (a == 0 || b == 0) return sign;
            (uint256 sa, uint256 ea) = split(a);
            (uint256 sb, uint256 eb) = split(b);
            return sign | round(sa * sb, ea + eb - UNIT);
        }
    }

    function div(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            uint256 sign = (a ^ b) & SIGN;
            a &= MAGNITUDE;
            b &= MAGNITUDE;
            if (a > INFINITY || b > INFINITY || (a == b && (a == 0 || a == INFINITY))) return NAN;
            if (a == INFINITY || b == 0) return sign | INFINITY;
            if (a == 0 || b == INFINITY) return sign;
            (uint256 sa, uint256 ea) = split(a);
            (uint256 sb, uint256 eb) = split(b);
            // 50 bits more than the longest divisor, and one that says that the rest is not zero
            sa <<= 74;
            uint256 q = sa / sb;
            return sign | round((q << 1) | (q * sb == sa ? 0 : 1), ea - eb + UNIT - 75);
        }
    }

    function sqrt(uint256 a) internal pure returns (uint256) {
        unchecked {
            if (a & MAGNITUDE == 0 || a == INFINITY) return a;
            if (a > INFINITY) return NAN;
            (uint256 s, uint256 e) = split(a);
            // 51 or 52 bits with an even exponent; the root then has 26
            uint256 shift = 50 - lastBit(s);
            shift += (e ^ shift) & 1;
            s <<= shift;
            // Newton's method from above: five steps from an error below 100 % leave less than 2^-49
            uint256 root = 1 << 26;
            for (uint256 i; i < 5; ++i) root = (root + s / root) >> 1;
            if (root * root > s) --root;
            e = (e + UNIT - shift) >> 1;
            return round((root << 1) | (root * root == s ? 0 : 1), e - 1);
        }
    }

    /// @notice The C function fmod: a - n·b, exact, with the sign of a and n the truncated quotient.
    function fmod(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            uint256 sign = a & SIGN;
            b &= MAGNITUDE;
            a ^= sign;
            if (a >= INFINITY || b > INFINITY || b == 0) return NAN;
            if (a < b) return sign | a;
            (uint256 sa, uint256 ea) = split(a);
            (uint256 sb, uint256 eb) = split(b);
            a = mulmod(sa, 1 << (ea - eb), sb);
            return a == 0 ? sign : sign | round(a, eb);
        }
    }

    /* SIGN, COMPARE */

    function neg(uint256 a) internal pure returns (uint256) {
        return isNan(a) ? NAN : a ^ SIGN;
    }

    function abs(uint256 a) internal pure returns (uint256) {
        return isNan(a) ? NAN : a & MAGNITUDE;
    }

    function isNan(uint256 a) internal pure returns (bool) {
        return a & MAGNITUDE > INFINITY;
    }

    function lt(uint256 a, uint256 b) internal pure returns (bool) {
        return !_unordered(a, b) && _order(a) < _order(b) && (a | b) & MAGNITUDE != 0;
    }

    function eq(uint256 a, uint256 b) internal pure returns (bool) {
        return !_unordered(a, b) && (a == b || (a | b) & MAGNITUDE == 0);
    }

    function le(uint256 a, uint256 b) internal pure returns (bool) {
        return lt(a, b) || eq(a, b);
    }

    /// @notice NaN when either is NaN; -0 is less than +0.
    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        if (_unordered(a, b)) return NAN;
        return _order(a) < _order(b) ? a : b;
    }

    /// @notice NaN when either is NaN; -0 is less than +0.
    function max(uint256 a, uint256 b) internal pure returns (uint256) {
        if (_unordered(a, b)) return NAN;
        return _order(a) < _order(b) ? b : a;
    }

    function _unordered(uint256 a, uint256 b) private pure returns (bool) {
        return isNan(a) || isNan(b);
    }

    /// @dev Grows with the number; -0 comes just before +0.
    function _order(uint256 a) private pure returns (uint256) {
        return a < SIGN ? a | SIGN : ~a & 0xffffffff;
    }

    /* INTEGERS */

    /// The four ways to an integral number.
    enum Rounding {
        Floor,
        Ceil,
        Even,
        Truncate
    }

    /// @notice The integral number next to a, as a float, with the sign of a.
    function toIntegral(uint256 a, Rounding rounding) internal pure returns (uint256) {
        unchecked {
            uint256 sign = a & SIGN;
            a ^= sign;
            if (a > INFINITY) return NAN;
            uint256 e = a >> FRACTION_BITS;
            if (e >= UNIT) return sign | a;
            bool away = rounding == (sign == 0 ? Rounding.Ceil : Rounding.Floor);
            if (e < 127) {
                // below 1; a half goes to zero, which is even
                bool one = rounding == Rounding.Even ? a > 0x3f000000 : away && a != 0;
                return one ? sign | ONE : sign;
            }
            uint256 s = UNIT - e;
            uint256 mask = (1 << s) - 1;
            if (away) a += mask;
            // at s = 23 the lowest kept bit is the implicit one, and that of the exponent field 127 is also 1
            if (rounding == Rounding.Even) a += (mask >> 1) + ((a >> s) & 1);
            return sign | (a & ~mask);
        }
    }

    /// @notice The float nearest to the two's complement int32 a.
    function fromInt(uint256 a) internal pure returns (uint256) {
        unchecked {
            if (a == 0) return 0;
            return a < SIGN ? round(a, UNIT) : SIGN | round((1 << 32) - a, UNIT);
        }
    }

    /// @notice a truncated to an int32; out of range gives the nearest int32, NaN gives 0.
    function toInt(uint256 a) internal pure returns (uint256) {
        unchecked {
            uint256 sign = a & SIGN;
            a ^= sign;
            if (a > INFINITY || a < ONE) return 0;
            if (a >= 0x4f000000) return sign == 0 ? 0x7fffffff : 0x80000000; // 2^31
            (uint256 s, uint256 e) = split(a);
            s = (s << 8) >> (158 - e);
            return sign == 0 ? s : (1 << 32) - s;
        }
    }

    /* PARTS */

    /// @notice (S, e) of a finite magnitude.
    function split(uint256 x) internal pure returns (uint256 s, uint256 e) {
        unchecked {
            e = x >> FRACTION_BITS;
            if (e == 0) return (x, 1);
            s = (x & FRACTION) | IMPLICIT_BIT;
        }
    }

    /// @notice The magnitude word nearest to s·2^(e - 150), for s from 1 to 2^200; e may be negative (two's complement).
    /// @dev Results of inexact integer steps come with a last bit that says "and a little more".
    function round(uint256 s, uint256 e) internal pure returns (uint256 x) {
        unchecked {
            uint256 shift = lastBit(s) - FRACTION_BITS;
            // a number below the normal ones has its last bit where that of field 1 is
            if (int256(e + shift) < 1) shift = 1 - e;
            x = int256(shift) > 0
                ? (s + (1 << (shift - 1)) - 1 + ((s >> shift) & 1)) >> shift
                : s << (0 - shift);
            x += (e + shift - 1) << FRACTION_BITS;
            if (x > INFINITY) x = INFINITY;
        }
    }

    /// @notice The position of the highest set bit of s > 0.
    function lastBit(uint256 s) internal pure returns (uint256 n) {
        assembly ("memory-safe") {
            n := shl(7, gt(s, 0xffffffffffffffffffffffffffffffff))
            n := or(n, shl(6, gt(shr(n, s), 0xffffffffffffffff)))
            n := or(n, shl(5, gt(shr(n, s), 0xffffffff)))
            n := or(n, shl(4, gt(shr(n, s), 0xffff)))
            n := or(n, shl(3, gt(shr(n, s), 0xff)))
            // byte i of the table: highest set bit of the upper or lower four bits of a byte
            s := shr(n, s)
            let high := shl(2, gt(s, 0xf))
            n := add(or(n, high), byte(shr(high, s), 0x0000010102020202030303030303030300000000000000000000000000000000))
        }
    }
}
