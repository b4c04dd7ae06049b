// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "./Float32.sol";

/// @title Sums of products of binary32 words, in order, rounded after every product and every sum
/// @notice The result is that of `acc = Float32.add(acc, Float32.mul(a[i], b[i]))` for each i, at a quarter of the gas.
/// @dev Nearly all gas of disputes is spent here, hence the second way. A sum is kept as a fixed-point integer with the unit
/// 2^-149, the least binary32: so no operand is ever aligned, and a sum is one addition and one rounding, in two's complement. There are
/// three gaits, and each takes what the one before it does not.
///
/// *Quick*: operands come eight to an EVM word, and what can be done for eight at once is: taking exponents and significands apart, and
/// looking for operands of the other gaits. Where the leading bit of the sum stays, the rounding of the last step serves again.
/// Zeros are no exception: a product 0 adds 0, and to a sum that is not -0 either sign of 0 is the same.
/// *Careful*: in fixed point too, for subnormal operands and products below 2^-126.
/// *Plain*: by `Float32`, for infinities, NaN, products from 2^103, sums from 2^104, and the sum -0.
///
/// The lanes of a word are 32 bits wide. In each, 0x80000000 is the sign, 0x7f800000 the exponent field, 0x007fffff the fraction.
library DotProduct {
    uint256 private constant WORD_BYTES = 4;
    /// How many steps of another gait are made before the quick one is tried again.
    uint256 private constant SLOW_STEPS = 8;
    /// 2^104, from which on sums are not kept in fixed point.
    uint256 private constant SUM_LIMIT = 0x73800000;
    /// The e of `Float32.round` for integers in units of 2^-149.
    uint256 private constant FIXED_POINT = 1;

    /// @param acc The word to begin with.
    /// @param a,b Where the operands lie in memory: packed words. Behind the last one of a, 32 bytes are zero.
    /// @param count How many there are of each.
    function dot(uint256 acc, uint256 a, uint256 b, uint256 count) internal pure returns (uint256) {
        unchecked {
            uint256 end = a + count * WORD_BYTES;
            uint256 toB = b - a;
            while (a < end) {
                if (acc & Float32.MAGNITUDE < SUM_LIMIT && acc != Float32.SIGN) (acc, a) = _fixedPoint(acc, a, toB, end);
                for (uint256 i = 0; i < SLOW_STEPS && a < end; ++i) {
                    acc = Float32.add(acc, Float32.mul(_word(a), _word(a + toB)));
                    a += WORD_BYTES;
                }
            }
            return acc;
        }
    }

    /// @dev The quick gait and the careful one in turns, until the end or a step that neither takes.
    function _fixedPoint(uint256 acc, uint256 a, uint256 toB, uint256 end) private pure returns (uint256, uint256) {
        unchecked {
            uint256 sum = _toFixed(acc);
            bool taken = true;
            while (taken && a < end) {
                (sum, a) = _quick(sum, a, toB, end);
                for (uint256 i = 0; i < SLOW_STEPS && a < end; ++i) {
                    (taken, sum) = _careful(sum, _word(a), _word(a + toB));
                    if (!taken) break;
                    a += WORD_BYTES;
                }
            }
            return (_fromFixed(sum), a);
        }
    }

    /// @dev One step, unless an operand is not finite or the product or the sum might be too great.
    function _careful(uint256 sum, uint256 x, uint256 y) private pure returns (bool taken, uint256 next) {
        assembly ("memory-safe") {
            // how many bits more than 24 a number has
            function excess(v) -> n {
                if gt(v, 0xffffff) {
                    v := shr(24, v)
                    n := shl(7, gt(v, 0xffffffffffffffffffffffffffffffff))
                    n := or(n, shl(6, gt(shr(n, v), 0xffffffffffffffff)))
                    n := or(n, shl(5, gt(shr(n, v), 0xffffffff)))
                    n := or(n, shl(4, gt(shr(n, v), 0xffff)))
                    n := or(n, shl(3, gt(shr(n, v), 0xff)))
                    v := shr(n, v)
                    let high := shl(2, gt(v, 0xf))
                    n := add(add(or(n, high), byte(shr(high, v), 0x0000010102020202030303030303030300000000000000000000000000000000)), 1)
                }
            }
            // without its last bits, rounded to nearest, halves to even
            function rounded(v, cut) -> r {
                r := v
                if cut { r := shr(cut, add(add(v, sub(shl(sub(cut, 1), 1), 1)), and(shr(cut, v), 1))) }
            }
            next := sum
            let ex := and(shr(23, x), 0xff)
            let e := and(shr(23, y), 0xff)
            let p := mul(
                or(and(x, 0x7fffff), shl(23, iszero(iszero(ex)))),
                or(and(y, 0x7fffff), shl(23, iszero(iszero(e))))
            )
            taken := and(lt(ex, 255), lt(e, 255))
            // subnormals have the exponent of field 1; with 357 the product might be 2^104
            e := add(add(ex, iszero(ex)), add(e, iszero(e)))
            taken := and(taken, lt(e, 357))
            if mul(taken, p) {
                // to 24 bits, or to the unit where that is more; the last bit of p has the weight of the unit when e is 151
                let cut := excess(p)
                if lt(add(e, cut), 151) { cut := sub(151, e) }
                p := shl(sub(add(e, cut), 151), rounded(p, cut))
                if and(xor(x, y), 0x80000000) { p := sub(0, p) }
                p := add(sum, p)
                let negative := slt(p, 0)
                if negative { p := sub(0, p) }
                taken := iszero(shr(253, p))
                if taken {
                    cut := excess(p)
                    next := shl(cut, rounded(p, cut))
                    if negative { next := sub(0, next) }
                }
            }
        }
    }

    /// @dev Goes on until the end, or stops before a step that it does not take.
    /// @param start The sum so far, in two's complement.
    /// @return sum The sum then.
    /// @return at Where the first operand lies that was not taken.
    function _quick(uint256 start, uint256 a, uint256 toB, uint256 end) private pure returns (uint256 sum, uint256 at) {
        assembly ("memory-safe") {
            sum := start
            // the rounding of the last step: how many bits are cut, and what is added before; 1 and 0 suit no sum yet
            let cut := 1
            let half := 0
            for { at := a } lt(at, end) {} {
                // per lane: the shift of the product in bits 0 to 8; bit 31 is set when it is positive
                let lanes
                {
                    let w := mload(at)
                    let v := and(w, 0x7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff)
                    // in each lane bit 31 is set where the operand is normal or greater (`normal`), subnormal, or not finite (`rare`)
                    let normal := and(add(v, 0x7f8000007f8000007f8000007f8000007f8000007f8000007f8000007f800000), 0x8000000080000000800000008000000080000000800000008000000080000000)
                    let rare := or(
                        xor(normal, and(add(v, 0x7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff), 0x8000000080000000800000008000000080000000800000008000000080000000)),
                        add(v, 0x0080000000800000008000000080000000800000008000000080000000800000)
                    )
                    // significands, with the implicit bit
                    mstore(0x00, or(and(w, 0x007fffff007fffff007fffff007fffff007fffff007fffff007fffff007fffff), shr(8, normal)))
                    lanes := and(shr(23, v), 0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff)

                    let u := mload(add(at, toB))
                    v := and(u, 0x7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff)
                    let second := and(add(v, 0x7f8000007f8000007f8000007f8000007f8000007f8000007f8000007f800000), 0x8000000080000000800000008000000080000000800000008000000080000000)
                    rare := or(
                        or(rare, add(v, 0x0080000000800000008000000080000000800000008000000080000000800000)),
                        xor(second, and(add(v, 0x7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff7fffffff), 0x8000000080000000800000008000000080000000800000008000000080000000))
                    )
                    mstore(0x20, or(and(u, 0x007fffff007fffff007fffff007fffff007fffff007fffff007fffff007fffff), shr(8, second)))
                    lanes := add(lanes, and(shr(23, v), 0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff))

                    // a product has the weight 2^(lanes - 300) in its last bit. 128 keeps zeros from looking too small; then
                    // 128 is taken away and bit 31 is set where the rest is not negative
                    normal := and(normal, second)
                    lanes := add(
                        add(lanes, shr(24, xor(normal, 0x8000000080000000800000008000000080000000800000008000000080000000))),
                        0x7fffff807fffff807fffff807fffff807fffff807fffff807fffff807fffff80
                    )
                    // and bit 31 of the next is set where the shift is 229 or more
                    rare := or(or(rare, not(lanes)), sub(lanes, 0x000000e5000000e5000000e5000000e5000000e5000000e5000000e5000000e5))
                    if and(rare, 0x8000000080000000800000008000000080000000800000008000000080000000) { break }
                    lanes := xor(lanes, and(xor(w, u), 0x8000000080000000800000008000000080000000800000008000000080000000))
                }
                for { let lane := 256 } lane {} {
                    lane := sub(lane, 32)
                    // the product has 47 or 48 bits (or is zero): brought to 48, then rounded to 24
                    let p := mul(and(shr(lane, mload(0x00)), 0xffffff), and(shr(lane, mload(0x20)), 0xffffff))
                    let long := shr(47, p)
                    p := shl(iszero(long), p)
                    p := shr(24, add(add(p, 0x7fffff), and(shr(24, p), 1)))
                    // the exact sum
                    let shift := shr(lane, lanes)
                    p := add(
                        sum,
                        shl(add(and(shift, 0x1ff), long), mul(p, sub(and(shr(30, shift), 2), 1)))
                    )
                    let kept := sar(cut, p)
                    if xor(shr(23, xor(kept, sar(255, kept))), 1) {
                        // the leading bit is elsewhere. Of a negative sum, the bits that differ from the sign have it too
                        let bits := xor(p, sar(255, p))
                        // up to 24 bits are exact
                        if lt(bits, 0x1000000) {
                            sum := p
                            continue
                        }
                        if shr(253, bits) {
                            end := 0
                            at := add(at, shr(3, sub(224, lane)))
                            break
                        }
                        bits := shr(24, bits)
                        cut := shl(7, gt(bits, 0xffffffffffffffffffffffffffffffff))
                        cut := or(cut, shl(6, gt(shr(cut, bits), 0xffffffffffffffff)))
                        cut := or(cut, shl(5, gt(shr(cut, bits), 0xffffffff)))
                        cut := or(cut, shl(4, gt(shr(cut, bits), 0xffff)))
                        cut := or(cut, shl(3, gt(shr(cut, bits), 0xff)))
                        bits := shr(cut, bits)
                        let high := shl(2, gt(bits, 0xf))
                        cut := add(add(or(cut, high), byte(shr(high, bits), 0x0000010102020202030303030303030300000000000000000000000000000000)), 1)
                        half := sub(shl(sub(cut, 1), 1), 1)
                        kept := sar(cut, p)
                    }
                    // to nearest, halves to even: right for negative integers too, because the shift is a floor
                    sum := shl(cut, sar(cut, add(p, add(half, and(kept, 1)))))
                }
                if end { at := add(at, 32) }
            }
        }
    }

    function _toFixed(uint256 word) private pure returns (uint256 sum) {
        unchecked {
            (uint256 s, uint256 e) = Float32.split(word & Float32.MAGNITUDE);
            sum = s << (e - 1);
            if (word & Float32.SIGN != 0) sum = 0 - sum;
        }
    }

    /// @dev Exact: every sum is a binary32.
    function _fromFixed(uint256 sum) private pure returns (uint256) {
        unchecked {
            if (sum == 0) return 0;
            return int256(sum) < 0 ? Float32.SIGN | Float32.round(0 - sum, FIXED_POINT) : Float32.round(sum, FIXED_POINT);
        }
    }

    function _word(uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(224, mload(at))
        }
    }
}
