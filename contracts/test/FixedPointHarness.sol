// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Number} from "../interfaces/IOpenGradient.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";

/// @dev The library's functions for tests, many numbers a call.
contract FixedPointHarness {
    function toFloat32(Number[] calldata numbers) external pure returns (uint256[] memory words) {
        words = new uint256[](numbers.length);
        for (uint256 i = 0; i < numbers.length; ++i) {
            words[i] = FixedPoint.toFloat32(numbers[i].value, numbers[i].decimals);
        }
    }

    function toInteger(Number calldata number, int256 low, int256 high) external pure returns (uint256 word) {
        return FixedPoint.toInteger(number.value, number.decimals, low, high);
    }
}
