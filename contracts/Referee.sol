// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Claim, Header, IReferee, OpProof, Operand, Run} from "./interfaces/IReferee.sol";
import {Float32} from "./libraries/Float32.sol";
import {Functions} from "./libraries/Functions.sol";
import {Access, Guard, Op, Program} from "./libraries/Program.sol";
import {TensorTree} from "./libraries/TensorTree.sol";

/// @title The arithmetic judge of the tensor machine
/// @dev All runs are checked against the operand's root before the first word is read, so reading is a lookup in calldata.
contract Referee is IReferee {
    bytes32 private constant MACHINE = keccak256("OPG tensor machine 1");

    /// @dev An operand while its op is computed. `position` holds the address and the guards' values at the present index;
    /// `deltas[t]` what they change by when reduction axis t steps and the axes behind it start over.
    struct Reader {
        bool none;
        uint256 fill;
        uint256 length;
        int256[] limits;
        int256[] position;
        int256[][] deltas;
        uint256 first; // first word of the run that was used last
        uint256 last; // the word behind it
        uint256 data; // where its first word lies in calldata
    }

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

        uint256[] memory index = _unravel(op, claim.element);
        Reader[] memory readers = new Reader[](needed);
        for (uint256 i = 0; i < needed; ++i) {
            _check(claim, opProof.header, op.operands[i].value, operands[i], i);
            _prepare(readers[i], op, op.operands[i], index, operands[i].wordCount);
        }
        if (op.kind == Program.MAP) return uint32(_map(op, readers, operands));
        if (op.kind == Program.CONTRACT) return uint32(_contract(op, readers, operands));
        if (op.kind == Program.REDUCE) return uint32(_reduce(op, readers[0], operands[0]));
        if (op.kind == Program.MOVE) return uint32(_move(readers, operands));
        return uint32(_pick(op, readers, operands));
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

    /* READING */

    /// @dev Row-major, last axis fastest. Reduction axes start at zero.
    function _unravel(Op memory op, uint256 position) private pure returns (uint256[] memory index) {
        index = new uint256[](op.dims.length);
        for (uint256 i = op.r; i > 0; --i) {
            index[i - 1] = position % op.dims[i - 1];
            position /= op.dims[i - 1];
        }
    }

    function _prepare(Reader memory reader, Op memory op, Access memory access, uint256[] memory index, uint256 length)
        private
        pure
    {
        reader.none = access.value == Program.NO_VALUE;
        reader.fill = access.fill;
        reader.length = length;
        uint256 guards = access.guards.length;
        uint256 s = op.dims.length - op.r;
        reader.limits = new int256[](guards);
        reader.position = new int256[](1 + guards);
        reader.deltas = new int256[][](s);
        for (uint256 t = 0; t < s; ++t) {
            reader.deltas[t] = new int256[](1 + guards);
        }
        _place(reader, 0, op, index, access.base, access.coefs);
        for (uint256 g = 0; g < guards; ++g) {
            Guard memory guard = access.guards[g];
            reader.limits[g] = guard.limit;
            _place(reader, 1 + g, op, index, guard.offset, guard.coefs);
        }
    }

    /// @dev Coefficients are int32 and indices below 2^28, so int256 never overflows.
    function _place(
        Reader memory reader,
        uint256 slot,
        Op memory op,
        uint256[] memory index,
        int256 start,
        int256[] memory coefs
    ) private pure {
        unchecked {
            for (uint256 i = 0; i < op.r; ++i) {
                start += coefs[i] * int256(index[i]);
            }
            reader.position[slot] = start;
            int256 back;
            for (uint256 i = op.dims.length; i > op.r; --i) {
                reader.deltas[i - 1 - op.r][slot] = coefs[i - 1] - back;
                back += coefs[i - 1] * int256(op.dims[i - 1] - 1);
            }
        }
    }

    /// @dev Whether the read is in bounds, and the word there (else the fill).
    function _look(Reader memory reader, Operand calldata operand, uint256 number, int256 shift)
        private
        pure
        returns (bool inside, uint256 word)
    {
        if (reader.none) return (false, reader.fill);
        int256[] memory position = reader.position;
        for (uint256 g = 0; g < reader.limits.length; ++g) {
            if (position[1 + g] < 0 || position[1 + g] >= reader.limits[g]) return (false, reader.fill);
        }
        int256 cursor = position[0] + shift;
        if (cursor < 0 || cursor >= int256(reader.length)) return (false, reader.fill);
        _seek(reader, operand, number, uint256(cursor));
        return (true, _load(reader, uint256(cursor)));
    }

    function _read(Reader memory reader, Operand calldata operand, uint256 number) private pure returns (uint256 word) {
        (, word) = _look(reader, operand, number, 0);
    }

    /// @dev Makes the run that holds word `cursor` the present one.
    function _seek(Reader memory reader, Operand calldata operand, uint256 number, uint256 cursor) private pure {
        if (cursor >= reader.first && cursor < reader.last) return;
        for (uint256 i = 0; i < operand.runs.length; ++i) {
            uint256 first = uint256(operand.runs[i].first) * TensorTree.CHUNK_WORDS;
            bytes calldata chunks = operand.runs[i].chunks;
            if (cursor >= first && cursor < first + chunks.length / 4) {
                uint256 data;
                assembly ("memory-safe") {
                    data := chunks.offset
                }
                reader.first = first;
                reader.last = first + chunks.length / 4;
                reader.data = data;
                return;
            }
        }
        revert ChunkNotOpened(number, cursor / TensorTree.CHUNK_WORDS);
    }

    function _load(Reader memory reader, uint256 cursor) private pure returns (uint256 word) {
        uint256 where = reader.data + (cursor - reader.first) * 4;
        assembly ("memory-safe") {
            word := shr(224, calldataload(where))
        }
    }

    /// @dev Steps k; false when it was the last.
    function _next(Op memory op, uint256[] memory k) private pure returns (bool more, uint256 axis) {
        for (axis = k.length; axis > 0;) {
            --axis;
            if (++k[axis] < op.dims[op.r + axis]) return (true, axis);
            k[axis] = 0;
        }
        return (false, 0);
    }

    function _advance(Reader memory reader, uint256 axis) private pure {
        int256[] memory delta = reader.deltas[axis];
        int256[] memory position = reader.position;
        unchecked {
            for (uint256 i = 0; i < delta.length; ++i) {
                position[i] += delta[i];
            }
        }
    }

    /* THE FIVE KINDS */

    function _map(Op memory op, Reader[] memory readers, Operand[] calldata operands) private pure returns (uint256) {
        uint256[3] memory words;
        for (uint256 i = 0; i < readers.length; ++i) {
            words[i] = _read(readers[i], operands[i], i);
        }
        return Functions.apply_(op.fn, words[0], words[1], words[2]);
    }

    function _contract(Op memory op, Reader[] memory readers, Operand[] calldata operands)
        private
        pure
        returns (uint256 acc)
    {
        acc = _read(readers[2], operands[2], 2);
        uint256[] memory k = new uint256[](op.dims.length - op.r);
        bool floats = op.fn == Program.MUL;
        while (true) {
            uint256 axis;
            bool more;
            uint256 done = k.length != 0 && k[k.length - 1] == 0 ? _straight(op, readers, operands) : 0;
            if (done != 0) {
                acc = _dot(op, readers, acc, done);
                // to the last step of the innermost axis, whence the odometer goes on
                uint256 inner = k.length - 1;
                k[inner] = done - 1;
                unchecked {
                    readers[0].position[0] += readers[0].deltas[inner][0] * int256(done - 1);
                    readers[1].position[0] += readers[1].deltas[inner][0] * int256(done - 1);
                }
            } else {
                uint256 a = _read(readers[0], operands[0], 0);
                uint256 b = _read(readers[1], operands[1], 1);
                acc = _multiplyAdd(floats, acc, a, b);
            }
            (more, axis) = _next(op, k);
            if (!more) return acc;
            _advance(readers[0], axis);
            _advance(readers[1], axis);
        }
    }

    function _multiplyAdd(bool floats, uint256 acc, uint256 a, uint256 b) private pure returns (uint256) {
        if (floats) return Float32.add(acc, Float32.mul(a, b));
        unchecked {
            return (acc + a * b) & 0xffffffff;
        }
    }

    /// @dev The length of the innermost axis when k stands at its beginning and both operands can be walked without a check: no
    /// guards, all addresses in bounds and in one run each. Zero otherwise.
    function _straight(Op memory op, Reader[] memory readers, Operand[] calldata operands)
        private
        pure
        returns (uint256 length)
    {
        length = op.dims[op.dims.length - 1];
        for (uint256 i = 0; i < 2; ++i) {
            Reader memory reader = readers[i];
            if (reader.none || reader.limits.length != 0) return 0;
            int256 from = reader.position[0];
            int256 to = from + reader.deltas[reader.deltas.length - 1][0] * int256(length - 1);
            (int256 low, int256 high) = from < to ? (from, to) : (to, from);
            if (low < 0 || high >= int256(reader.length)) return 0;
            _seek(reader, operands[i], i, uint256(low));
            if (uint256(high) >= reader.last) return 0;
        }
    }

    function _dot(Op memory op, Reader[] memory readers, uint256 acc, uint256 length) private pure returns (uint256) {
        bool floats = op.fn == Program.MUL;
        unchecked {
            uint256 inner = readers[0].deltas.length - 1;
            uint256 a = readers[0].data + (uint256(readers[0].position[0]) - readers[0].first) * 4;
            uint256 b = readers[1].data + (uint256(readers[1].position[0]) - readers[1].first) * 4;
            uint256 stepA = uint256(readers[0].deltas[inner][0] * 4);
            uint256 stepB = uint256(readers[1].deltas[inner][0] * 4);
            for (; length != 0; --length) {
                uint256 x;
                uint256 y;
                assembly ("memory-safe") {
                    x := shr(224, calldataload(a))
                    y := shr(224, calldataload(b))
                }
                acc = floats ? Float32.add(acc, Float32.mul(x, y)) : (acc + x * y) & 0xffffffff;
                a += stepA;
                b += stepB;
            }
        }
        return acc;
    }

    function _reduce(Op memory op, Reader memory reader, Operand calldata operand) private pure returns (uint256 result) {
        uint256[] memory k = new uint256[](op.dims.length - op.r);
        uint256 best = _read(reader, operand, 0);
        uint256 cursor;
        for (uint256 number = 1; ; ++number) {
            (bool more, uint256 axis) = _next(op, k);
            if (!more) return op.fn >= Program.ARGMAX ? cursor : best;
            _advance(reader, axis);
            uint256 word = _read(reader, operand, 0);
            if (op.fn < Program.ARGMAX) best = Functions.apply_(op.fn, best, word, 0);
            else if (_beats(op.fn, word, best)) (best, cursor) = (word, number);
        }
    }

    function _beats(uint256 fn, uint256 word, uint256 best) private pure returns (bool) {
        if (fn == Program.ARGMAX) return Float32.lt(best, word);
        if (fn == Program.ARGMIN) return Float32.lt(word, best);
        int32 x = int32(uint32(word));
        int32 y = int32(uint32(best));
        return fn == Program.IARGMAX ? y < x : x < y;
    }

    function _move(Reader[] memory readers, Operand[] calldata operands) private pure returns (uint256 word) {
        for (uint256 i = 0; i < readers.length; ++i) {
            bool inside;
            (inside, word) = _look(readers[i], operands[i], i, 0);
            if (inside) return word;
        }
    }

    function _pick(Op memory op, Reader[] memory readers, Operand[] calldata operands) private pure returns (uint256 word) {
        int256 picked = int32(uint32(_read(readers[1], operands[1], 1)));
        if (picked < 0) picked = 0;
        if (picked >= int256(op.count)) picked = int256(op.count) - 1;
        (, word) = _look(readers[0], operands[0], 0, op.stride * picked);
    }
}
