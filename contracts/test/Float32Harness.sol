// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DotProduct} from "../libraries/DotProduct.sol";
import {Float32} from "../libraries/Float32.sol";
import {Functions} from "../libraries/Functions.sol";

/// @notice What the functions' own harness does not reach: dot products, and gas.
contract Float32Harness {
    /// @notice Dot products of rows of equal length.
    /// @param a,b The rows, one after the other, as packed 4-byte words.
    /// @param acc What each dot product begins with, packed.
    /// @param count Words in a row.
    /// @return out The results, packed.
    function dots(bytes calldata acc, bytes calldata a, bytes calldata b, uint256 count)
        external
        pure
        returns (bytes memory out)
    {
        out = new bytes(acc.length);
        // rows of words and the 32 zero bytes behind them, used again for each
        uint256 size = count * 4 + 32;
        bytes memory rows = new bytes(2 * size);
        for (uint256 i = 0; i < acc.length; i += 4) {
            uint256 left;
            uint256 from = i * count;
            assembly ("memory-safe") {
                left := add(rows, 0x20)
                calldatacopy(left, add(a.offset, from), mul(count, 4))
                calldatacopy(add(left, size), add(b.offset, from), mul(count, 4))
            }
            uint256 word = DotProduct.dot(_word(acc, i), left, left + size, count);
            for (uint256 j = 0; j < 4; ++j) {
                out[i + j] = bytes1(uint8(word >> (24 - 8 * j)));
            }
        }
    }

    /// @notice The gas of one dot product that begins with 0, without that of bringing the operands to memory.
    function dotGas(bytes calldata a, bytes calldata b) external view returns (uint256 sum, uint256 gasUsed) {
        bytes memory left = bytes.concat(a, new bytes(32));
        bytes memory right = bytes.concat(b, new bytes(32));
        uint256 x;
        uint256 y;
        assembly ("memory-safe") {
            x := add(left, 0x20)
            y := add(right, 0x20)
        }
        unchecked {
            gasUsed = gasleft();
            sum = DotProduct.dot(0, x, y, a.length / 4);
            gasUsed -= gasleft();
        }
    }

    /// @notice The gas of one basic operation; anything that is not one goes through the dispatch by code.
    function gasOf(uint256 fn, uint256 a, uint256 b) external view returns (uint256 word, uint256 gasUsed) {
        unchecked {
            if (fn == 0x01) {
                gasUsed = gasleft();
                word = Float32.add(a, b);
            } else if (fn == 0x03) {
                gasUsed = gasleft();
                word = Float32.mul(a, b);
            } else {
                gasUsed = gasleft();
                word = Functions.apply_(fn, a, b, 0);
            }
            gasUsed -= gasleft();
        }
    }

    function _word(bytes calldata data, uint256 i) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(224, calldataload(add(data.offset, i)))
        }
    }
}
