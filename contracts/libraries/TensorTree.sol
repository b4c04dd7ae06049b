// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Commitments to tensors and lists
/// @notice docs/tensor-machine.md, "Commitments". Depths follow from counts, so a node can never stand for a leaf.
library TensorTree {
    uint256 internal constant CHUNK_WORDS = 64;
    uint256 internal constant CHUNK_BYTES = 256;

    /// @notice Depth of the tree over `count` leaves.
    function depthOf(uint256 count) internal pure returns (uint256 depth) {
        unchecked {
            while ((uint256(1) << depth) < count) ++depth;
        }
    }

    /// @notice Number of 64-word chunks of a tensor.
    function chunkCount(uint256 wordCount) internal pure returns (uint256) {
        return (wordCount + CHUNK_WORDS - 1) / CHUNK_WORDS;
    }

    /// @notice keccak256(left ‖ right).
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32 parent) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            parent := keccak256(0x00, 0x40)
        }
    }

    /// @notice keccak256(abi.encode(wordCount, merkleRoot)).
    function tensorRoot(uint256 wordCount, bytes32 merkleRoot) internal pure returns (bytes32) {
        return node(bytes32(wordCount), merkleRoot);
    }

    /// @notice The root that a leaf and its path (bottom-up) lead to.
    function climb(bytes32 leaf, uint256 index, bytes32[] calldata path) internal pure returns (bytes32 root) {
        root = leaf;
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, path.length) { i := add(i, 1) } {
                // the node goes to the left half or the right one, its sibling to the other
                let side := shl(5, and(shr(i, index), 1))
                mstore(side, root)
                mstore(xor(side, 0x20), calldataload(add(path.offset, shl(5, i))))
                root := keccak256(0x00, 0x40)
            }
        }
    }

    /// @notice The node above a power of two of children.
    function fold(bytes32[] calldata children) internal pure returns (bytes32) {
        bytes32[] memory layer = children;
        return foldInPlace(layer, children.length);
    }

    /// @dev Overwrites the beginning of `layer`.
    function foldInPlace(bytes32[] memory layer, uint256 width) internal pure returns (bytes32) {
        for (; width > 1; width >>= 1) {
            for (uint256 i = 0; i < width; i += 2) {
                layer[i >> 1] = node(layer[i], layer[i + 1]);
            }
        }
        return layer[0];
    }

    /// @notice Tensor root of packed big-endian words, 4 bytes each.
    function rootOf(bytes calldata words) internal pure returns (bytes32) {
        uint256 chunks = (words.length + CHUNK_BYTES - 1) / CHUNK_BYTES;
        uint256 width = uint256(1) << depthOf(chunks);
        bytes32[] memory layer = new bytes32[](width);
        for (uint256 c = 0; c < chunks; ++c) {
            bytes32 leaf;
            assembly ("memory-safe") {
                // the scratch chunk lies behind the free pointer; what is behind the words reads as zero
                let cursor := mul(c, 256)
                let left := sub(words.length, cursor)
                let size := left
                if gt(size, 256) { size := 256 }
                let buffer := mload(0x40)
                calldatacopy(buffer, add(words.offset, cursor), size)
                calldatacopy(add(buffer, size), calldatasize(), sub(256, size))
                leaf := keccak256(buffer, 256)
            }
            layer[c] = leaf;
        }
        return tensorRoot(words.length / 4, foldInPlace(layer, width));
    }

    /// @notice The Merkle root that a run of neighbouring chunks and its siblings lead to.
    /// @return root Zero when the run has the wrong form.
    function runRoot(uint256 first, bytes calldata chunks, bytes32[] calldata siblings, uint256 count)
        internal
        pure
        returns (bytes32 root)
    {
        uint256 width = chunks.length / CHUNK_BYTES;
        if (width == 0 || chunks.length % CHUNK_BYTES != 0 || first + width > count) return 0;
        return _climbRun(_leaves(chunks, width), width, first, siblings, depthOf(count));
    }

    function _leaves(bytes calldata chunks, uint256 width) private pure returns (bytes32[] memory layer) {
        layer = new bytes32[](width);
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            for { let i := 0 } lt(i, width) { i := add(i, 1) } {
                calldatacopy(buffer, add(chunks.offset, mul(i, 256)), 256)
                mstore(add(add(layer, 0x20), mul(i, 32)), keccak256(buffer, 256))
            }
        }
    }

    /// @dev At each level a sibling joins on the left when the run begins at an odd position, on the right when it ends at an even one.
    /// Where siblings run out, what is read in their place is of no interest: their count is compared at the end.
    function _climbRun(
        bytes32[] memory layer,
        uint256 width,
        uint256 first,
        bytes32[] calldata siblings,
        uint256 depth
    ) private pure returns (bytes32) {
        uint256 used;
        assembly ("memory-safe") {
            layer := add(layer, 0x20)
            for {} depth { depth := sub(depth, 1) } {
                let from := layer
                let to := layer
                let end := add(layer, shl(5, width))
                if and(first, 1) {
                    mstore(0x00, calldataload(add(siblings.offset, shl(5, used))))
                    mstore(0x20, mload(from))
                    mstore(to, keccak256(0x00, 0x40))
                    used := add(used, 1)
                    from := add(from, 0x20)
                    to := add(to, 0x20)
                }
                for { let last := sub(end, 0x20) } lt(from, last) { from := add(from, 0x40) } {
                    mstore(to, keccak256(from, 0x40))
                    to := add(to, 0x20)
                }
                if lt(from, end) {
                    mstore(0x00, mload(from))
                    mstore(0x20, calldataload(add(siblings.offset, shl(5, used))))
                    mstore(to, keccak256(0x00, 0x40))
                    used := add(used, 1)
                    to := add(to, 0x20)
                }
                width := shr(5, sub(to, layer))
                first := shr(1, first)
            }
            layer := sub(layer, 0x20)
        }
        return used == siblings.length ? layer[0] : bytes32(0);
    }
}
