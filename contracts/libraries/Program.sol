// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Functions} from "./Functions.sol";
import {TensorTree} from "./TensorTree.sol";

/// @notice How an operand is read: the word at an address of the tensor `value` while all guards hold, else `fill`.
/// @dev The address and each guard are *forms*: `offset + Σ coefs·index`, in bounds where `0 <= form < limit`. Form 0 is the address,
/// its limit is the length of the tensor. Forms stay in calldata, where `at` says: see `Program.form`.
struct Access {
    uint256 value;
    uint256 fill;
    uint256 forms;
    uint256 at;
}

/// @notice One decoded operation. `dims` holds the `r` output axes, then the reduction axes.
struct Op {
    uint256 kind;
    uint256 fn;
    uint256 r;
    uint256 wordCount;
    uint256 steps; // K, the product of the reduction dims
    uint256[] dims;
    Access[] operands;
    int256 stride; // PICK
    uint256 count; // PICK
}

/// @title Operations of the tensor machine
/// @notice docs/tensor-machine.md, "Operations" and "Well-formed". Total: whatever the bytes are, the answer is well-formed or not.
library Program {
    uint256 internal constant MAP = 1;
    uint256 internal constant CONTRACT = 2;
    uint256 internal constant REDUCE = 3;
    uint256 internal constant MOVE = 4;
    uint256 internal constant PICK = 5;

    uint256 internal constant NO_VALUE = 0xffffffff;
    uint256 internal constant ADD = 0x01;
    uint256 internal constant MUL = 0x03;
    uint256 internal constant IMUL = 0x22;
    uint256 internal constant ARGMAX = 0x50;
    uint256 internal constant ARGMIN = 0x51;
    uint256 internal constant IARGMAX = 0x52;
    uint256 internal constant IARGMIN = 0x53;

    uint256 internal constant MAX_AXES = 12;
    uint256 internal constant MAX_WORDS = 1 << 28;
    uint256 internal constant MAX_STEPS = 1 << 12;
    uint256 internal constant MAX_GUARDS = 4;
    uint256 internal constant MAX_WORK = 16_384;
    uint256 internal constant MAX_PROOF_BYTES = 98_304;
    uint256 internal constant RUN_BYTES = 1_504;
    uint256 internal constant SINGLE_READ_BYTES = 1_760;
    uint256 private constant WORD_BYTES = 4;

    /// @notice Decodes an op and checks all rules.
    /// @param number The value that the op makes: it may read only values before it.
    /// @return ok Whether it is well-formed; when not, `op` means nothing.
    function parse(bytes calldata data, uint256 number) internal pure returns (bool ok, Op memory op) {
        if (data.length < 4 || data.length % 4 != 0) return (false, op);
        uint256 length = data.length / 4;
        uint256 head = _word(data, 0);
        op.kind = head >> 24;
        op.fn = (head >> 16) & 0xff;
        op.r = (head >> 8) & 15;
        uint256 n = (head >> 12) & 15;
        uint256 axes = op.r + ((head >> 4) & 15);
        if (head & 15 != 0 || axes > MAX_AXES || !_fits(op.kind, op.fn, n, axes - op.r)) return (false, op);

        uint256 cursor = 1 + axes;
        if (cursor > length) return (false, op);
        op.dims = new uint256[](axes);
        op.wordCount = 1;
        op.steps = 1;
        for (uint256 i = 0; i < axes; ++i) {
            uint256 dim = _word(data, 1 + i);
            op.dims[i] = dim;
            // dims are below 2^32 and the products are checked at each step, so nothing overflows
            if (i < op.r) op.wordCount *= dim;
            else op.steps *= dim;
            if (dim == 0 || op.wordCount > MAX_WORDS || op.steps > MAX_STEPS) return (false, op);
        }

        op.operands = new Access[](n);
        uint256 guards;
        for (uint256 i = 0; i < n; ++i) {
            cursor = _parseOperand(data, cursor, axes, number, op.operands[i]);
            if (cursor == 0) return (false, op);
            guards += op.operands[i].forms - 1;
        }
        if (op.kind == PICK) {
            if (cursor + 2 > length) return (false, op);
            op.stride = _signed(_at(data, cursor));
            op.count = _word(data, cursor + 1);
            cursor += 2;
            if (op.count == 0) return (false, op);
        }
        ok = cursor == length && op.steps * (4 + guards) <= MAX_WORK && _proofBytes(op) <= MAX_PROOF_BYTES;
    }

    /// @dev Returns where the next operand begins, or zero when this one breaks a rule.
    function _parseOperand(bytes calldata data, uint256 cursor, uint256 axes, uint256 number, Access memory access)
        private
        pure
        returns (uint256)
    {
        uint256 length = data.length / 4;
        if (cursor + 4 + axes > length) return 0;
        access.value = _word(data, cursor);
        access.fill = _word(data, cursor + 1);
        access.at = _at(data, cursor + 2);
        uint256 g = _word(data, cursor + 3);
        if (g > MAX_GUARDS || (access.value >= number && access.value != NO_VALUE)) return 0;
        access.forms = 1 + g;
        cursor += 4 + axes + g * (2 + axes);
        return cursor > length ? 0 : cursor;
    }

    /* FORMS */

    /// @notice Where a form lies in calldata: its offset, one word that is the limit of a guard, its coefficients, one for each axis.
    function form(Access memory access, uint256 number, uint256 axes) internal pure returns (uint256 at) {
        unchecked {
            return access.at + number * (2 + axes) * WORD_BYTES;
        }
    }

    /// @notice The value of a form at an index of the output axes, while the reduction axes are at zero.
    /// @dev Coefficients are int32 and indices below 2^28, so int256 never overflows.
    function valueAt(uint256 at, uint256[] memory index) internal pure returns (int256 value) {
        unchecked {
            value = _signed(at);
            for (uint256 i = 0; i < index.length; ++i) {
                value += coef(at, i) * int256(index[i]);
            }
        }
    }

    /// @notice A form's coefficient for one axis.
    function coef(uint256 at, uint256 axis) internal pure returns (int256) {
        unchecked {
            return _signed(at + (2 + axis) * WORD_BYTES);
        }
    }

    /// @notice The limit of a guard.
    function limit(uint256 at) internal pure returns (uint256) {
        return _load(at + WORD_BYTES);
    }

    /// @dev Rule 1: the number of operands and the function that a kind allows.
    function _fits(uint256 kind, uint256 fn, uint256 n, uint256 s) private pure returns (bool) {
        if (kind == MAP) return n != 0 && Functions.arity(fn) == n && s == 0;
        if (kind == CONTRACT) return (fn == MUL || fn == IMUL) && n == 3;
        if (kind == REDUCE) return _folds(fn) && n == 1;
        if (kind == MOVE) return fn == 0 && n >= 1 && n <= 3 && s == 0;
        return kind == PICK && fn == 0 && n == 2 && s == 0;
    }

    /// @dev ADD 01, MUL 03, MIN 05, MAX 06, IADD 20, IMUL 22, IMIN 25, IMAX 26, and the four arg functions.
    function _folds(uint256 fn) private pure returns (bool) {
        if (fn >= ARGMAX) return fn <= IARGMIN;
        uint256 allowed = (1 << 0x01) | (1 << 0x03) | (1 << 0x05) | (1 << 0x06) | (1 << 0x20) | (1 << 0x22) | (1 << 0x25)
            | (1 << 0x26);
        return (allowed >> fn) & 1 == 1;
    }

    /// @dev Rule 6.
    function _proofBytes(Op memory op) private pure returns (uint256 total) {
        for (uint256 i = 0; i < op.operands.length; ++i) {
            if (op.operands[i].value == NO_VALUE) continue;
            bool walks = op.kind == REDUCE || (op.kind == CONTRACT && i < 2);
            total += walks ? _operandBytes(op, op.operands[i].at) : SINGLE_READ_BYTES;
        }
    }

    function _operandBytes(Op memory op, uint256 at) private pure returns (uint256 best) {
        best = type(uint256).max;
        uint256 span = 1;
        uint256 runs = op.steps;
        // from the innermost axis outwards: the axes behind j form the span, those before it the runs
        for (uint256 j = op.dims.length; ; --j) {
            uint256 need = runs * (TensorTree.CHUNK_BYTES * ((span + 62) / TensorTree.CHUNK_WORDS + 1) + RUN_BYTES);
            if (need < best) best = need;
            if (j == op.r) break;
            int256 c = coef(at, j - 1);
            span += uint256(c < 0 ? -c : c) * (op.dims[j - 1] - 1);
            runs /= op.dims[j - 1];
        }
    }

    /* WORDS */

    function _at(bytes calldata data, uint256 cursor) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := add(data.offset, mul(cursor, 4))
        }
    }

    function _word(bytes calldata data, uint256 cursor) private pure returns (uint256) {
        return _load(_at(data, cursor));
    }

    function _load(uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(224, calldataload(at))
        }
    }

    function _signed(uint256 at) private pure returns (int256 value) {
        assembly ("memory-safe") {
            value := sar(224, calldataload(at))
        }
    }
}
