// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What a program root commits to, see docs/tensor-machine.md.
struct Header {
    uint32[] inputWords; // word count of each input tensor
    uint32 constantCount;
    uint32 opCount;
    bytes32 constantsRoot; // list tree of the constants' tensor roots
    bytes32 opsRoot; // list tree of keccak256(op)
    uint32[] outputs; // op indices whose results are the outputs
}

/// @notice Which operation is meant, and the proof that the program contains it.
struct OpProof {
    Header header;
    bytes op;
    bytes32[] path; // list-tree path of keccak256(op) at the op's index, bottom-up
}

/// @notice A range of neighbouring chunks of one tensor.
struct Run {
    uint32 first; // index of the first chunk
    bytes chunks; // whole chunks, 256 bytes each
    bytes32[] siblings; // bottom-up; left before right within a level
}

/// @notice One operand of an operation: the tensor and those chunks of it that the element reads.
struct Operand {
    uint32 wordCount;
    bytes32 merkleRoot;
    bytes32[] path; // an input: all roots of the bundle; a constant or an op: its list-tree path, bottom-up
    Run[] runs; // in ascending order
}

/// @notice Word `element` of operation `opIndex` of a program, on one input, reading earlier results from one trace.
struct Claim {
    bytes32 programRoot;
    bytes32 input; // bundle of the input tensors
    bytes32 traceRoot; // list tree of the tensor roots of all operations
    uint32 opIndex;
    uint32 element;
}

/// @title The arithmetic judge of the tensor machine
/// @notice Holds nothing and decides nothing but one number: pure functions that equal the canonical executor bit for bit.
interface IReferee {
    /// @notice The header does not hash to the program root.
    error WrongProgram(bytes32 programRoot);
    /// @notice The program has fewer operations.
    error NoSuchOp(uint256 opIndex, uint256 opCount);
    /// @notice The op or its path does not lead to the program's `opsRoot`.
    error WrongOp(uint256 opIndex);
    /// @notice The element lies behind the end of the operation's result.
    error NoSuchElement(uint256 element, uint256 wordCount);
    /// @notice Not one entry for each operand of the operation.
    error WrongOperandCount(uint256 given, uint256 needed);
    /// @notice The operand's tensor root is not where the operation says that it is.
    error WrongOperand(uint256 operand);
    /// @notice A run does not recompute the operand's Merkle root.
    error WrongRun(uint256 operand, uint256 run);
    /// @notice The element reads a chunk that no run opens, or runs do not ascend.
    error ChunkNotOpened(uint256 operand, uint256 chunk);

    /// @notice Length of the result of an operation, in words. 1 for an operation that is not well-formed.
    function wordCount(bytes32 programRoot, uint32 opIndex, OpProof calldata opProof) external pure returns (uint32 words);

    /// @notice Recomputes one element.
    /// @dev An operation that is not well-formed is the tensor `[0]` and needs no operands. An operand that reads no tensor
    /// (value 0xffffffff) has an empty entry.
    /// @return word The 32 bits that the element must have.
    function element(Claim calldata claim, OpProof calldata opProof, Operand[] calldata operands)
        external
        pure
        returns (uint32 word);
}
