// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Op, Program} from "../libraries/Program.sol";

/// @notice What an op decodes to.
contract ProgramHarness {
    function parse(bytes calldata data, uint256 number) external pure returns (bool ok, Op memory op) {
        return Program.parse(data, number);
    }

    /// @notice A form of an operand: its value at an index of the output axes, its limit (of a guard) and all its coefficients.
    function form(bytes calldata data, uint256 number, uint256 operand, uint256 which, uint256[] calldata index)
        external
        pure
        returns (int256 value, uint256 limit, int256[] memory coefs)
    {
        (, Op memory op) = Program.parse(data, number);
        uint256 at = Program.form(op.operands[operand], which, op.dims.length);
        coefs = new int256[](op.dims.length);
        for (uint256 i = 0; i < coefs.length; ++i) {
            coefs[i] = Program.coef(at, i);
        }
        return (Program.valueAt(at, index), Program.limit(at), coefs);
    }
}
