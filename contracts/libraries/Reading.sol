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
    uint256[] runs; // first word, number of words, and where the first lies in calldata: 96, 96 and 64 bits
}

/// @title Reading operands
/// @notice docs/tensor-machine.md, "Access". All runs have been checked against the operand's root before a word is read.
/// @dev A reduction reads its operand once, in the order of its steps, into memory: row by row of its innermost axis. Along a row all
/// forms are linear, so that the steps in bounds are one interval, which is computed and then copied.
library Reading {
    uint256 private constant WORD_BYTES = 4;
    uint256 private constant LANES = 0x0000000100000001000000010000000100000001000000010000000100000001;
    uint256 private constant ONE = 0x3f800000;

    /// Rows shorter than this are read word by word.
    uint256 private constant SHORT_ROW = 8;

    /// @dev The walk over the reduction axes, innermost first; axes of one step are left out, and axes that continue each other are one.
    /// `values`, `limits` and one record for each axis from `first` up to before `end` lie one after the other in memory, each `stride`
    /// bytes long. In all of them every form has a word; an axis has two more behind these, its length and the step where the walk is.
    struct Walk {
        uint256 values; // at the present word or row
        uint256 limits;
        uint256 first;
        uint256 end;
        uint256 forms; // 32 times their number
        uint256 stride;
    }

    /// @dev The run that was used last: its first word, how many it has, and where the first lies in calldata.
    struct Place {
        uint256 first;
        uint256 words;
        uint256 data;
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
                mstore(add(add(runs, 0x20), shl(5, i)), or(shl(160, first), or(shl(64, shr(2, chunks.length)), chunks.offset)))
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
        Place memory place;
        _find(reader, place, uint256(position));
        assembly ("memory-safe") {
            word := shr(224, calldataload(add(mload(add(place, 0x40)), shl(2, sub(position, mload(place))))))
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
                if (_length(walk, walk.first) < SHORT_ROW) _words(reader, walk, buffer, end);
                else _rows(reader, walk, buffer);
            }
            assembly ("memory-safe") {
                mstore(end, 0)
            }
        }
    }

    /// @notice So many times the float 1, packed. What follows them is no concern of `DotProduct`.
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
            uint256 stride = (access.forms + 2) * 32;
            // a new array is zero: every axis begins at its step 0
            uint256[] memory table = new uint256[]((access.forms + 2) * (3 + axes - op.r));
            uint256 values;
            assembly ("memory-safe") {
                values := add(table, 0x20)
            }
            (walk.values, walk.limits, walk.first) = (values, values + stride, values + 2 * stride);
            (walk.end, walk.forms, walk.stride) = (walk.first + stride, access.forms * 32, stride);
            for (uint256 i = 0; i < access.forms; ++i) {
                uint256 at = Program.form(access, i, axes);
                _set(values + i * 32, uint256(Program.valueAt(at, index)));
                _set(walk.limits + i * 32, i == 0 ? reader.length : Program.limit(at));
            }
            _set(walk.first + walk.forms, 1);
            for (uint256 axis = axes; axis > op.r; --axis) {
                if (op.dims[axis - 1] != 1) _join(walk, access, axes, axis - 1, op.dims[axis - 1]);
            }
        }
    }

    /// @dev Takes one axis more, around those that the walk has.
    function _join(Walk memory walk, Access memory access, uint256 axes, uint256 axis, uint256 length) private pure {
        unchecked {
            uint256 record = walk.end - walk.stride;
            uint256 inner = _length(walk, record);
            bool continues = true;
            for (uint256 i = 0; i < access.forms; ++i) {
                int256 coef = Program.coef(Program.form(access, i, axes), axis);
                continues = continues && coef == int256(_get(record + i * 32) * inner);
            }
            if (inner != 1) {
                if (continues) {
                    _set(record + walk.forms, inner * length);
                    return;
                }
                record = walk.end;
                walk.end += walk.stride;
            }
            for (uint256 i = 0; i < access.forms; ++i) {
                _set(record + i * 32, uint256(Program.coef(Program.form(access, i, axes), axis)));
            }
            _set(record + walk.forms, length);
        }
    }

    /// @dev From here on the axes from `first` have no coefficients but what a step changes when all axes inside it begin again.
    function _toDifferences(Walk memory walk, uint256 first) private pure {
        assembly ("memory-safe") {
            let size := mload(add(walk, 0x80))
            let stride := mload(add(walk, 0xa0))
            let end := mload(add(walk, 0x60))
            for { let i := 0 } lt(i, size) { i := add(i, 0x20) } {
                let back := 0
                for { let axis := first } lt(axis, end) { axis := add(axis, stride) } {
                    let coef := mload(add(axis, i))
                    mstore(add(axis, i), sub(coef, back))
                    back := add(back, mul(coef, sub(mload(add(axis, size)), 1)))
                }
            }
        }
    }

    /// @dev Steps the axes from `axis` on; false behind the last step.
    function _next(Walk memory walk, uint256 axis) private pure returns (bool more) {
        assembly ("memory-safe") {
            let size := mload(add(walk, 0x80))
            for { let end := mload(add(walk, 0x60)) } lt(axis, end) { axis := add(axis, add(size, 0x40)) } {
                let step := add(axis, size)
                let length := mload(step)
                step := add(step, 0x20)
                let k := add(mload(step), 1)
                if lt(k, length) {
                    mstore(step, k)
                    let values := mload(walk)
                    for { end := add(values, size) } lt(values, end) { values := add(values, 0x20) } {
                        mstore(values, add(mload(values), mload(axis)))
                        axis := add(axis, 0x20)
                    }
                    more := 1
                    break
                }
                mstore(step, 0)
            }
        }
    }

    function _length(Walk memory walk, uint256 axis) private pure returns (uint256) {
        unchecked {
            return _get(axis + walk.forms);
        }
    }

    function _get(uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(at)
        }
    }

    function _set(uint256 at, uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(at, word)
        }
    }

    /* WORD BY WORD */

    function _words(Reader memory reader, Walk memory walk, uint256 to, uint256 end) private pure {
        Place memory place;
        uint256 fill = reader.access.fill << 224;
        _toDifferences(walk, walk.first);
        while (true) {
            to = _wordsWithin(walk, place, fill, to, end);
            if (to == end) return;
            _find(reader, place, _get(walk.values));
        }
    }

    /// @dev Goes on up to a word that another run holds, and returns where that goes.
    function _wordsWithin(Walk memory walk, Place memory place, uint256 fill, uint256 to, uint256 end)
        private
        pure
        returns (uint256)
    {
        assembly ("memory-safe") {
            let values := mload(walk)
            let forms := mload(add(walk, 0x80))
            for {} lt(to, end) { to := add(to, 4) } {
                let position := mload(values)
                {
                    // a negative value is greater than every limit
                    let limits := mload(add(walk, 0x20))
                    let inside := lt(position, mload(limits))
                    for { let i := 0x20 } lt(i, forms) { i := add(i, 0x20) } {
                        inside := and(inside, lt(mload(add(values, i)), mload(add(limits, i))))
                    }
                    switch inside
                    case 0 { mstore(to, fill) }
                    default {
                        let offset := sub(position, mload(place))
                        if iszero(lt(offset, mload(add(place, 0x20)))) { break }
                        mstore(to, calldataload(add(mload(add(place, 0x40)), shl(2, offset))))
                    }
                }
                let axis := mload(add(walk, 0x40))
                for {} 1 {} {
                    let step := add(axis, forms)
                    let k := add(mload(add(step, 0x20)), 1)
                    if lt(k, mload(step)) {
                        mstore(add(step, 0x20), k)
                        mstore(values, add(position, mload(axis)))
                        for { let i := 0x20 } lt(i, forms) { i := add(i, 0x20) } {
                            mstore(add(values, i), add(mload(add(values, i)), mload(add(axis, i))))
                        }
                        break
                    }
                    // it begins again, and the next axis steps
                    mstore(add(step, 0x20), 0)
                    axis := add(step, 0x40)
                    if eq(axis, mload(add(walk, 0x60))) { break }
                }
            }
        }
        return to;
    }

    /* ROW BY ROW */

    function _rows(Reader memory reader, Walk memory walk, uint256 to) private pure {
        unchecked {
            Place memory place;
            uint256 second = walk.first + walk.stride;
            _toDifferences(walk, second);
            do {
                to = _row(reader, walk, place, to);
            } while (_next(walk, second));
        }
    }

    /// @dev Writes the words of a row to memory and returns where the next row goes.
    function _row(Reader memory reader, Walk memory walk, Place memory place, uint256 to) private pure returns (uint256 end) {
        unchecked {
            uint256 length = _length(walk, walk.first);
            (uint256 low, uint256 high) = _inside(walk, length);
            end = to + length * WORD_BYTES;
            if (low != 0) _repeat(reader.access.fill, to, to + low * WORD_BYTES);
            if (low != high) {
                int256 stride = int256(_get(walk.first));
                uint256 position = uint256(int256(_get(walk.values)) + stride * int256(low));
                _copy(reader, place, position, stride, high - low, to + low * WORD_BYTES);
            }
            if (high != length) _repeat(reader.access.fill, to + high * WORD_BYTES, end);
        }
    }

    /// @dev The steps of a row at which every form is in bounds: from `low` up to before `high`.
    function _inside(Walk memory walk, uint256 length) private pure returns (uint256 low, uint256 high) {
        assembly ("memory-safe") {
            let values := mload(walk)
            let limits := mload(add(walk, 0x20))
            let axis := mload(add(walk, 0x40))
            high := length
            for { let i := 0 } lt(i, mload(add(walk, 0x80))) { i := add(i, 0x20) } {
                let value := mload(add(values, i))
                let limit := mload(add(limits, i))
                let coef := mload(add(axis, i))
                if slt(coef, 0) {
                    // in the mirror it rises, and is in bounds at the same steps
                    value := sub(sub(limit, 1), value)
                    coef := sub(0, coef)
                }
                if iszero(slt(value, limit)) {
                    high := 0
                    break
                }
                if slt(value, 0) {
                    let steps := div(sub(sub(coef, 1), value), coef)
                    if iszero(coef) { steps := high }
                    if gt(steps, low) { low := steps }
                }
                if coef {
                    let steps := div(add(sub(limit, value), sub(coef, 1)), coef)
                    if lt(steps, high) { high := steps }
                }
            }
            if iszero(lt(low, high)) {
                low := 0
                high := 0
            }
        }
    }

    /// @dev Copies `count` words to memory, beginning with word `position` of the tensor.
    function _copy(Reader memory reader, Place memory place, uint256 position, int256 stride, uint256 count, uint256 to)
        private
        pure
    {
        unchecked {
            while (true) {
                if (position - place.first >= place.words) _find(reader, place, position);
                uint256 many = _copyWithin(place, position, stride, count, to);
                if (many == count) return;
                count -= many;
                to += many * WORD_BYTES;
                position = uint256(int256(position) + stride * int256(many));
            }
        }
    }

    /// @dev Copies those of the words that lie in the present run, and returns how many these are.
    function _copyWithin(Place memory place, uint256 position, int256 stride, uint256 count, uint256 to)
        private
        pure
        returns (uint256 many)
    {
        assembly ("memory-safe") {
            position := sub(position, mload(place))
            let words := mload(add(place, 0x20))
            many := count
            if iszero(lt(add(position, mul(stride, sub(count, 1))), words)) {
                switch sgt(stride, 0)
                case 1 { many := add(div(sub(sub(words, 1), position), stride), 1) }
                default { many := add(div(position, sub(0, stride)), 1) }
            }
            let from := add(mload(add(place, 0x40)), shl(2, position))
            switch stride
            case 1 { calldatacopy(to, from, shl(2, many)) }
            default {
                stride := shl(2, stride)
                for { let end := add(to, shl(2, many)) } lt(to, end) { to := add(to, 4) } {
                    // the 28 bytes behind the word are overwritten by the next ones
                    mstore(to, calldataload(from))
                    from := add(from, stride)
                }
            }
        }
    }

    /// @dev Makes the run present that holds a word: the last one that does not begin behind it, for runs ascend.
    function _find(Reader memory reader, Place memory place, uint256 position) private pure {
        uint256[] memory runs = reader.runs;
        bool found;
        assembly ("memory-safe") {
            let low := add(runs, 0x20)
            let high := add(low, shl(5, mload(runs)))
            found := gt(high, low)
            for {} gt(sub(high, low), 0x20) {} {
                let middle := add(low, and(shr(1, sub(high, low)), not(0x1f)))
                switch gt(shr(160, mload(middle)), position)
                case 0 { low := middle }
                default { high := middle }
            }
            if found {
                let run := mload(low)
                let first := shr(160, run)
                let words := and(shr(64, run), 0xffffffffffffffffffffffff)
                mstore(place, first)
                mstore(add(place, 0x20), words)
                mstore(add(place, 0x40), and(run, 0xffffffffffffffff))
                found := lt(sub(position, first), words)
            }
        }
        if (!found) revert IReferee.ChunkNotOpened(reader.number, position / TensorTree.CHUNK_WORDS);
    }
}
