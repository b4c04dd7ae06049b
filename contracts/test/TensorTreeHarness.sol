// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TensorTree} from "../libraries/TensorTree.sol";

/// @notice The library's functions, callable.
contract TensorTreeHarness {
    function depthOf(uint256 count) external pure returns (uint256) {
        return TensorTree.depthOf(count);
    }

    function chunkCount(uint256 wordCount) external pure returns (uint256) {
        return TensorTree.chunkCount(wordCount);
    }

    function tensorRoot(uint256 wordCount, bytes32 merkleRoot) external pure returns (bytes32) {
        return TensorTree.tensorRoot(wordCount, merkleRoot);
    }

    function climb(bytes32 leaf, uint256 index, bytes32[] calldata path) external pure returns (bytes32) {
        return TensorTree.climb(leaf, index, path);
    }

    function fold(bytes32[] calldata children) external pure returns (bytes32) {
        return TensorTree.fold(children);
    }

    function rootOf(bytes calldata words) external pure returns (bytes32) {
        return TensorTree.rootOf(words);
    }

    function runRoot(uint256 first, bytes calldata chunks, bytes32[] calldata siblings, uint256 count)
        external
        pure
        returns (bytes32)
    {
        return TensorTree.runRoot(first, chunks, siblings, count);
    }
}
