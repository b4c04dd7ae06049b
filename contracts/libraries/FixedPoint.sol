// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "./Float32.sol";

/// @title Words of the tensor machine from decimal fixed-point numbers
/// @notice A number is value · 10^-decimals, exactly. Decimals may be negative.
library FixedPoint {
    /// @notice Rounded to binary32 it would be infinite. Nobody means infinity who writes a number.
    error NumberTooLarge(int128 value, int128 decimals);
    /// @notice The input takes integers, and this is none.
    error NotAnInteger(int128 value, int128 decimals);
    /// @notice The input takes integers from `low` to `high`.
    error IntegerOutOfRange(int128 value, int128 decimals, int256 low, int256 high);

    /// @dev The rounding of `Float32` takes (S, e) for S · 2^(e - 150).
    uint256 private constant UNIT = 150;
    /// @dev 10^39 is above 2^128, where binary32 ends.
    int256 private constant MAX_ZEROS = 38;
    /// @dev 2^127 · 10^-84 is below 2^-150, half of the least binary32.
    int256 private constant ALWAYS_ZERO = 84;
    /// @dev More than twice the 24 bits of a significand, so that a last bit can stand for the rest of an inexact quotient.
    uint256 private constant KEPT_BITS = 62;
    /// @dev An int128 below 10^39 is divisible by no higher power of ten.
    int256 private constant MAX_DIVISIBLE = 38;

    /// @notice The nearest binary32, to even in the middle; subnormals are kept, and a negative number that is too small for them is -0.
    function toFloat32(int128 value, int128 decimals) internal pure returns (uint256 word) {
        if (value == 0) return 0;
        uint256 magnitude = value < 0 ? uint256(-int256(value)) : uint256(int256(value));
        if (decimals > 0) word = _quotient(magnitude, decimals);
        else word = _product(magnitude, -int256(decimals));
        if (word >= Float32.INFINITY) revert NumberTooLarge(value, decimals);
        if (value < 0) word |= Float32.SIGN;
    }

    /// @notice The number itself in two's complement of 32 bits. Bounds outside of int32 and uint32 make no sense.
    function toInteger(int128 value, int128 decimals, int256 low, int256 high) internal pure returns (uint256 word) {
        int256 number = value;
        if (decimals > 0 && number != 0) {
            if (decimals > MAX_DIVISIBLE) revert NotAnInteger(value, decimals);
            int256 divisor = int256(10 ** uint256(int256(decimals)));
            if (number % divisor != 0) revert NotAnInteger(value, decimals);
            number /= divisor;
        } else if (number != 0) {
            if (-int256(decimals) > MAX_ZEROS) revert IntegerOutOfRange(value, decimals, low, high);
            number *= int256(10 ** uint256(-int256(decimals)));
        }
        if (number < low || number > high) revert IntegerOutOfRange(value, decimals, low, high);
        return uint256(number) & type(uint32).max;
    }

    /// @dev magnitude · 10^zeros; infinity when that is too large.
    function _product(uint256 magnitude, int256 zeros) private pure returns (uint256) {
        if (zeros > MAX_ZEROS) return Float32.INFINITY;
        uint256 product = magnitude * 10 ** uint256(zeros); // below 2^127 · 2^127
        return product > type(uint128).max ? Float32.INFINITY : Float32.round(product, UNIT);
    }

    /// @dev magnitude / (5^decimals · 2^decimals). Dividing by the power of five alone keeps the divisor within 193 bits and the quotient above 62.
    function _quotient(uint256 magnitude, int256 decimals) private pure returns (uint256) {
        unchecked {
            if (decimals >= ALWAYS_ZERO) return 0;
            uint256 divisor = 5 ** uint256(decimals);
            uint256 up = 255 - Float32.lastBit(magnitude);
            magnitude <<= up;
            uint256 quotient = magnitude / divisor;
            uint256 down = Float32.lastBit(quotient) - KEPT_BITS;
            uint256 kept = quotient >> down;
            if ((kept << down) * divisor != magnitude) kept |= 1;
            return Float32.round(kept, UNIT + down - up - uint256(decimals));
        }
    }
}
