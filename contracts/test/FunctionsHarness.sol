// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Functions} from "../libraries/Functions.sol";

/// @notice Runs one function over packed operands, so that 10^5 cases take a few calls.
contract FunctionsHarness {
    /// @param a,b,c 4-byte words, packed; operands beyond the arity may be empty.
    function many(uint256 fn, bytes calldata a, bytes calldata b, bytes calldata c) external pure returns (bytes memory out) {
        uint256 n = a.length / 4;
        out = new bytes(n * 4);
        for (uint256 i = 0; i < n; ++i) {
            uint256 word = Functions.apply_(fn, _word(a, i), _word(b, i), _word(c, i));
            assembly ("memory-safe") {
                let cursor := add(add(out, 0x20), mul(i, 4))
                let rest := and(mload(cursor), sub(shl(224, 1), 1))
                mstore(cursor, or(shl(224, word), rest))
            }
        }
    }

    function arity(uint256 fn) external pure returns (uint256) {
        return Functions.arity(fn);
    }

    function _word(bytes calldata data, uint256 i) private pure returns (uint256 word) {
        if (data.length == 0) return 0;
        assembly ("memory-safe") {
            word := shr(224, calldataload(add(data.offset, mul(i, 4))))
        }
    }
}
