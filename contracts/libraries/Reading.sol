// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IReferee, Operand, Run} from "../interfaces/IReferee.sol";
import {Access, Op, Program} from "./Program.sol";
import {TensorTree} from "./TensorTree.sol";

/// @notice An operand that is open for reading.
struct Reader {
    Access access;
    uint256 number; // which operand of the op it is
    uint256 length; // words of its tensor
    uint256[] runs; // first word, the word behind the last, and where the first lies in calldata: 96, 96 and 64 bits
}

/// @title Reading operands
/// @notice docs/tensor-machine.md, "Access". All runs have been checked against the operand's root before a word is read.
/// @dev A reduction reads its operand once, in the order of its steps, into memory: row by row of its innermost axis. Along a row all
/// forms are linear, so that the steps in bounds are one interval, which is computed and then copied.
library Reading {
    uint256 private constant WORD_BYTES = 4;
    uint256 private constant LANES = 0x0000000100000001000000010000000100000001000000010000000100000001;
    uint256 private constant ONE = 0x3f800000;

    /// @dev The walk over the reduction axes. Axis 0 is the innermost; axes of one step are left out, and axes that continue each
    /// other are one. Everything that belongs to a form has its number behind it.
    struct Walk {
        uint256 axes;
        uint256[] lengths; // by axis
        uint256[] steps; // by axis: where the walk is
        int256[][] coefs; // by axis, then form
        int256[] values; // by form: at the beginning of the present row
        int256[] limits; // by form
    }

    /// @dev The run that was used last, and where the next word goes.
    struct Cursor {
        uint256 first;
        uint256 last;
        uint256 data;
        uint256 to;
    }

    /// @notice Prepares the lookup of words in the runs.
    function open(Access memory access, Operand calldata operand, uint256 number) internal pure returns (Reader memory reader) {
        reader.access = access;
        reader.number = number;
        reader.length = operand.wordCount;
        uint256 count = operand.runs.length;
        uint256[] memory runs = new uint256[](count);
        reader.runs = runs;
        for (uint256 i = 0; i < count; ++i) {
            Run calldata run = operand.runs[i];
            bytes calldata chunks = run.chunks;
            uint256 first = uint256(run.first) * TensorTree.CHUNK_WORDS;
            assembly ("memory-safe") {
                let last := add(first, div(chunks.length, 4))
                mstore(add(add(runs, 0x20), mul(i, 0x20)), or(shl(160, first), or(shl(64, last), chunks.offset)))
            }
        }
    }

    /// @notice One read, with the reduction axes at zero and `shift` added to the address.
    /// @return inside Whether it is in bounds.
    /// @return word The word there, else the fill.
    function read(Reader memory reader, Op memory op, uint256[] memory index, int256 shift)
        internal
        pure
        returns (bool inside, uint256 word)
    {
        Access memory access = reader.access;
        if (access.value == Program.NO_VALUE) return (false, access.fill);
        for (uint256 i = access.forms - 1; i > 0; --i) {
            uint256 at = Program.form(access, i, op.dims.length);
            int256 value = Program.valueAt(at, index);
            if (value < 0 || value >= int256(Program.limit(at))) return (false, access.fill);
        }
        int256 position = Program.valueAt(access.at, index) + shift;
        if (position < 0 || position >= int256(reader.length)) return (false, access.fill);
        (uint256 first,, uint256 data) = _find(reader, uint256(position));
        uint256 where = data + (uint256(position) - first) * WORD_BYTES;
        assembly ("memory-safe") {
            word := shr(224, calldataload(where))
        }
        return (true, word);
    }

    /// @notice All reads of a reduction, in order.
    /// @return buffer Where in memory the words lie, packed; 32 zero bytes follow.
    function gather(Reader memory reader, Op memory op, uint256[] memory index) internal pure returns (uint256 buffer) {
        unchecked {
            uint256 end;
            (buffer, end) = _allocate(op.steps);
            if (reader.access.value == Program.NO_VALUE) {
                _repeat(reader.access.fill, buffer, end);
            } else {
                Walk memory walk = _walk(reader, op, index);
                Cursor memory cursor;
                cursor.to = buffer;
                do {
                    _row(reader, walk, cursor);
                } while (_next(walk));
            }
            assembly ("memory-safe") {
                mstore(end, 0)
            }
        }
    }

    /// @notice So many times the float 1, as `gather` gives words.
    function ones(uint256 count) internal pure returns (uint256 buffer) {
        uint256 end;
        (buffer, end) = _allocate(count);
        _repeat(ONE, buffer, end);
    }

    /// @notice A gathered word.
    function load(uint256 at) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(224, mload(at))
        }
    }

    /// @dev Words are written 32 bytes at a time, from the first to the last, and 32 bytes may follow the last one.
    function _allocate(uint256 words) private pure returns (uint256 buffer, uint256 end) {
        assembly ("memory-safe") {
            buffer := mload(0x40)
            end := add(buffer, mul(words, 4))
            mstore(0x40, and(add(end, 95), not(31)))
        }
    }

    function _repeat(uint256 word, uint256 from, uint256 end) private pure {
        assembly ("memory-safe") {
            for { word := mul(word, LANES) } lt(from, end) { from := add(from, 32) } { mstore(from, word) }
        }
    }

    /* WALKING */

    function _walk(Reader memory reader, Op memory op, uint256[] memory index) private pure returns (Walk memory walk) {
        unchecked {
            Access memory access = reader.access;
            uint256 axes = op.dims.length;
            walk.values = new int256[](access.forms);
            walk.limits = new int256[](access.forms);
            for (uint256 i = 0; i < access.forms; ++i) {
                uint256 at = Program.form(access, i, axes);
                walk.values[i] = Program.valueAt(at, index);
                walk.limits[i] = int256(i == 0 ? reader.length : Program.limit(at));
            }
            walk.lengths = new uint256[](axes - op.r + 1);
            walk.steps = new uint256[](axes - op.r + 1);
            walk.coefs = new int256[][](axes - op.r + 1);
            walk.lengths[0] = 1;
            walk.axes = 1;
            walk.coefs[0] = new int256[](access.forms);
            for (uint256 axis = axes; axis > op.r; --axis) {
                if (op.dims[axis - 1] != 1) _join(walk, access, axes, axis - 1, op.dims[axis - 1]);
            }
        }
    }

    /// @dev Takes one axis more, around those that the walk has.
    function _join(Walk memory walk, Access memory access, uint256 axes, uint256 axis, uint256 length) private pure {
        unchecked {
            uint256 inner = walk.axes - 1;
            int256[] memory coefs = new int256[](access.forms);
            bool continues = true;
            for (uint256 i = 0; i < access.forms; ++i) {
                coefs[i] = Program.coef(Program.form(access, i, axes), axis);
                if (coefs[i] != walk.coefs[inner][i] * int256(walk.lengths[inner])) continues = false;
            }
            if (walk.lengths[inner] == 1) {
                walk.lengths[inner] = length;
                walk.coefs[inner] = coefs;
            } else if (continues) {
                walk.lengths[inner] *= length;
            } else {
                walk.lengths[walk.axes] = length;
                walk.coefs[walk.axes++] = coefs;
            }
        }
    }

    /// @dev Goes to the next row; false behind the last one.
    function _next(Walk memory walk) private pure returns (bool) {
        unchecked {
            int256[] memory values = walk.values;
            for (uint256 axis = 1; axis < walk.axes; ++axis) {
                int256[] memory coefs = walk.coefs[axis];
                uint256 length = walk.lengths[axis];
                uint256 step = walk.steps[axis] + 1;
                bool carry = step == length;
                walk.steps[axis] = carry ? 0 : step;
                // one step on, or back over all of them
                int256 times = carry ? 1 - int256(length) : int256(1);
                for (uint256 i = 0; i < values.length; ++i) {
                    values[i] += coefs[i] * times;
                }
                if (!carry) return true;
            }
            return false;
        }
    }

    /* ROWS */

    function _row(Reader memory reader, Walk memory walk, Cursor memory cursor) private pure {
        unchecked {
            (uint256 from, uint256 to) = _inside(walk);
            uint256 start = cursor.to;
            uint256 end = start + walk.lengths[0] * WORD_BYTES;
            if (from == to) {
                _repeat(reader.access.fill, start, end);
            } else {
                int256 stride = walk.coefs[0][0];
                _repeat(reader.access.fill, start, start + from * WORD_BYTES);
                cursor.to = start + from * WORD_BYTES;
                _copy(reader, cursor, uint256(walk.values[0] + stride * int256(from)), stride, to - from);
                _repeat(reader.access.fill, start + to * WORD_BYTES, end);
            }
            cursor.to = end;
        }
    }

    /// @dev The steps of the row at which every form is in bounds: from `from` up to before `to`.
    function _inside(Walk memory walk) private pure returns (uint256 from, uint256 to) {
        unchecked {
            to = walk.lengths[0];
            int256[] memory coefs = walk.coefs[0];
            for (uint256 i = 0; i < coefs.length; ++i) {
                int256 value = walk.values[i];
                int256 limit = walk.limits[i];
                int256 c = coefs[i];
                if (c < 0) {
                    // the same steps, seen in the mirror: limit - 1 - value rises
                    (value, c) = (limit - 1 - value, -c);
                }
                if (value >= limit || (c == 0 && value < 0)) return (0, 0);
                if (c == 0) continue;
                // steps that are needed to reach 0, and to reach the limit
                uint256 low = value < 0 ? uint256((c - 1 - value) / c) : 0;
                uint256 high = uint256((limit - value + c - 1) / c);
                if (low > from) from = low;
                if (high < to) to = high;
                if (from >= to) return (0, 0);
            }
        }
    }

    /// @dev Copies `count` words, beginning with word `position` of the tensor.
    function _copy(Reader memory reader, Cursor memory cursor, uint256 position, int256 stride, uint256 count) private pure {
        unchecked {
            while (count != 0) {
                if (position < cursor.first || position >= cursor.last) {
                    (cursor.first, cursor.last, cursor.data) = _find(reader, position);
                }
                // how many of them lie in this run
                uint256 many = count;
                if (stride > 0) many = (cursor.last - 1 - position) / uint256(stride) + 1;
                else if (stride < 0) many = (position - cursor.first) / uint256(-stride) + 1;
                if (many > count) many = count;
                _copyWithin(cursor.data + (position - cursor.first) * WORD_BYTES, cursor.to, stride, many);
                cursor.to += many * WORD_BYTES;
                position = uint256(int256(position) + stride * int256(many));
                count -= many;
            }
        }
    }

    function _copyWithin(uint256 from, uint256 to, int256 stride, uint256 count) private pure {
        assembly ("memory-safe") {
            switch stride
            case 1 { calldatacopy(to, from, mul(count, 4)) }
            default {
                stride := mul(stride, 4)
                for { let end := add(to, mul(count, 4)) } lt(to, end) { to := add(to, 4) } {
                    // the 28 bytes behind the word are overwritten by the next ones
                    mstore(to, calldataload(from))
                    from := add(from, stride)
                }
            }
        }
    }

    /// @dev The run that holds a word: the last one that does not begin behind it, for runs ascend.
    function _find(Reader memory reader, uint256 position) private pure returns (uint256 first, uint256 last, uint256 data) {
        uint256[] memory runs = reader.runs;
        assembly ("memory-safe") {
            let low := add(runs, 0x20)
            let high := add(low, mul(mload(runs), 0x20))
            for {} gt(sub(high, low), 0x20) {} {
                let middle := add(low, and(shr(1, sub(high, low)), not(0x1f)))
                switch gt(shr(160, mload(middle)), position)
                case 0 { low := middle }
                default { high := middle }
            }
            if gt(high, low) {
                let run := mload(low)
                first := shr(160, run)
                last := and(shr(64, run), 0xffffffffffffffffffffffff)
                data := and(run, 0xffffffffffffffff)
            }
        }
        if (position < first || position >= last) {
            revert IReferee.ChunkNotOpened(reader.number, position / TensorTree.CHUNK_WORDS);
        }
    }
}
