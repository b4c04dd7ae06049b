// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Claim, Header, IReferee, OpProof, Operand, Run} from "./interfaces/IReferee.sol";
import {DotProduct} from "./libraries/DotProduct.sol";
import {Float32} from "./libraries/Float32.sol";
import {Functions} from "./libraries/Functions.sol";
import {Op, Program} from "./libraries/Program.sol";
import {Reader, Reading} from "./libraries/Reading.sol";
import {TensorTree} from "./libraries/TensorTree.sol";

/// @title The arithmetic judge of the tensor machine
/// @dev All runs are checked against the operand's root before the first word is read, so reading is a lookup in calldata.
contract Referee is IReferee {
    using Reading for Reader;

    bytes32 private constant MACHINE = keccak256("OPG tensor machine 1");

    /* ENTRY POINTS */

    /// @inheritdoc IReferee
    function wordCount(bytes32 programRoot, uint32 opIndex, OpProof calldata opProof) external pure returns (uint32 words) {
        (bool ok, Op memory op) = _op(programRoot, opIndex, opProof);
        return ok ? uint32(op.wordCount) : 1;
    }

    /// @inheritdoc IReferee
    function element(Claim calldata claim, OpProof calldata opProof, Operand[] calldata operands)
        external
        pure
        returns (uint32 word)
    {
        (bool ok, Op memory op) = _op(claim.programRoot, claim.opIndex, opProof);
        uint256 words = ok ? op.wordCount : 1;
        if (claim.element >= words) revert NoSuchElement(claim.element, words);
        uint256 needed = ok ? op.operands.length : 0;
        if (operands.length != needed) revert WrongOperandCount(operands.length, needed);
        if (!ok) return 0;

        Reader[] memory readers = new Reader[](needed);
        for (uint256 i = 0; i < needed; ++i) {
            _check(claim, opProof.header, op.operands[i].value, operands[i], i);
            readers[i] = Reading.open(op.operands[i], operands[i], i);
        }
        uint256[] memory index = _unravel(op, claim.element);
        if (op.kind == Program.MAP) return uint32(_map(op, index, readers));
        if (op.kind == Program.CONTRACT) return uint32(_contract(op, index, readers));
        if (op.kind == Program.REDUCE) return uint32(_reduce(op, index, readers));
        if (op.kind == Program.MOVE) return uint32(_move(op, index, readers));
        return uint32(_pick(op, index, readers));
    }

    /// @dev Row-major, last axis fastest.
    function _unravel(Op memory op, uint256 position) private pure returns (uint256[] memory index) {
        index = new uint256[](op.r);
        for (uint256 i = op.r; i > 0; --i) {
            index[i - 1] = position % op.dims[i - 1];
            position /= op.dims[i - 1];
        }
    }

    /* WHAT IS COMMITTED WHERE */

    function _op(bytes32 programRoot, uint256 opIndex, OpProof calldata opProof)
        private
        pure
        returns (bool ok, Op memory op)
    {
        Header calldata header = opProof.header;
        if (keccak256(abi.encode(MACHINE, header)) != programRoot) revert WrongProgram(programRoot);
        if (opIndex >= header.opCount) revert NoSuchOp(opIndex, header.opCount);
        if (opProof.path.length != TensorTree.depthOf(header.opCount)) revert WrongOp(opIndex);
        if (TensorTree.climb(keccak256(opProof.op), opIndex, opProof.path) != header.opsRoot) revert WrongOp(opIndex);
        return Program.parse(opProof.op, header.inputWords.length + header.constantCount + opIndex);
    }

    /// @dev The operand's tensor root is where its value number says, and every run belongs to it.
    function _check(Claim calldata claim, Header calldata header, uint256 value, Operand calldata operand, uint256 number)
        private
        pure
    {
        if (value == Program.NO_VALUE) {
            if (operand.wordCount != 0 || operand.runs.length != 0) revert WrongOperand(number);
            return;
        }
        bytes32 root = TensorTree.tensorRoot(operand.wordCount, operand.merkleRoot);
        uint256 inputs = header.inputWords.length;
        bool right;
        if (value < inputs) {
            right = operand.path.length == inputs && operand.path[value] == root
                && keccak256(abi.encodePacked(operand.path)) == claim.input;
        } else if (value < inputs + header.constantCount) {
            right = operand.path.length == TensorTree.depthOf(header.constantCount)
                && TensorTree.climb(root, value - inputs, operand.path) == header.constantsRoot;
        } else {
            right = operand.path.length == TensorTree.depthOf(header.opCount)
                && TensorTree.climb(root, value - inputs - header.constantCount, operand.path) == claim.traceRoot;
        }
        if (!right) revert WrongOperand(number);

        uint256 chunks = TensorTree.chunkCount(operand.wordCount);
        for (uint256 i = 0; i < operand.runs.length; ++i) {
            Run calldata run = operand.runs[i];
            bytes32 merkleRoot = TensorTree.runRoot(run.first, run.chunks, run.siblings, chunks);
            if (merkleRoot == 0 || merkleRoot != operand.merkleRoot) revert WrongRun(number, i);
        }
    }

    /* THE FIVE KINDS */

    function _map(Op memory op, uint256[] memory index, Reader[] memory readers) private pure returns (uint256) {
        uint256[3] memory words;
        for (uint256 i = 0; i < readers.length; ++i) {
            (, words[i]) = readers[i].read(op, index, 0);
        }
        return Functions.apply_(op.fn, words[0], words[1], words[2]);
    }

    function _contract(Op memory op, uint256[] memory index, Reader[] memory readers) private pure returns (uint256 acc) {
        uint256 a = readers[0].gather(op, index);
        uint256 b = readers[1].gather(op, index);
        (, acc) = readers[2].read(op, index, 0);
        return op.fn == Program.MUL ? DotProduct.dot(acc, a, b, op.steps) : _dotOfIntegers(acc, a, b, op.steps);
    }

    function _dotOfIntegers(uint256 acc, uint256 a, uint256 b, uint256 count) private pure returns (uint256) {
        assembly ("memory-safe") {
            let toB := sub(b, a)
            for { let end := add(a, mul(count, 4)) } lt(a, end) { a := add(a, 4) } {
                // 2^32 divides 2^256, so wrapping once at the end is enough
                acc := add(acc, mul(shr(224, mload(a)), shr(224, mload(add(a, toB)))))
            }
        }
        return acc & type(uint32).max;
    }

    function _reduce(Op memory op, uint256[] memory index, Reader[] memory readers) private pure returns (uint256) {
        uint256 at = readers[0].gather(op, index);
        uint256 first = Reading.load(at);
        if (op.fn >= Program.ARGMAX) return _extreme(op.fn, at, op.steps);
        // a sum is a dot product with ones; that of a single word is the word itself, whatever NaN it may be
        if (op.fn == Program.ADD) return DotProduct.dot(first, at + 4, Reading.ones(op.steps - 1), op.steps - 1);
        return _fold(op.fn, first, at + 4, op.steps - 1);
    }

    function _fold(uint256 fn, uint256 best, uint256 at, uint256 count) private pure returns (uint256) {
        unchecked {
            for (; count != 0; --count) {
                best = Functions.apply_(fn, best, Reading.load(at), 0);
                at += 4;
            }
            return best;
        }
    }

    /// @dev The number of the first word that no other beats.
    function _extreme(uint256 fn, uint256 at, uint256 count) private pure returns (uint256 winner) {
        unchecked {
            uint256 best = Reading.load(at);
            for (uint256 i = 1; i < count; ++i) {
                uint256 word = Reading.load(at + i * 4);
                if (_beats(fn, word, best)) (best, winner) = (word, i);
            }
        }
    }

    function _beats(uint256 fn, uint256 word, uint256 best) private pure returns (bool) {
        if (fn == Program.ARGMAX) return Float32.lt(best, word);
        if (fn == Program.ARGMIN) return Float32.lt(word, best);
        int32 x = int32(uint32(word));
        int32 y = int32(uint32(best));
        return fn == Program.IARGMAX ? y < x : x < y;
    }

    function _move(Op memory op, uint256[] memory index, Reader[] memory readers) private pure returns (uint256 word) {
        for (uint256 i = 0; i < readers.length; ++i) {
            bool inside;
            (inside, word) = readers[i].read(op, index, 0);
            if (inside) return word;
        }
    }

    function _pick(Op memory op, uint256[] memory index, Reader[] memory readers) private pure returns (uint256 word) {
        (, word) = readers[1].read(op, index, 0);
        int256 picked = int32(uint32(word));
        if (picked < 0) picked = 0;
        if (picked >= int256(op.count)) picked = int256(op.count) - 1;
        (, word) = readers[0].read(op, index, op.stride * picked);
    }
}
