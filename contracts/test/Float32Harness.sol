// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Float32} from "../libraries/Float32.sol";
import {Functions} from "../libraries/Functions.sol";

/// @notice What the functions' own harness does not reach: the step of a dot product, and gas.
contract Float32Harness {
    /// @param a,b,c 4-byte words, packed.
    /// @return out c + a·b of each, packed.
    function mulAdd(bytes calldata a, bytes calldata b, bytes calldata c) external pure returns (bytes memory out) {
        out = new bytes(a.length);
        for (uint256 i = 0; i < a.length; i += 4) {
            uint256 word = Float32.mulAdd(_word(a, i), _word(b, i), _word(c, i));
            for (uint256 j = 0; j < 4; ++j) {
                out[i + j] = bytes1(uint8(word >> (24 - 8 * j)));
            }
        }
    }

    /// @notice The gas of a dot product of packed words from calldata, operands read and loop included.
    function dotGas(bytes calldata a, bytes calldata b) external view returns (uint256 sum, uint256 gasUsed) {
        unchecked {
            gasUsed = gasleft();
            for (uint256 i = 0; i < a.length; i += 4) {
                sum = Float32.mulAdd(_word(a, i), _word(b, i), sum);
            }
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
