// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Bounds of parameters
/// @notice What a deployer or a vote chooses stays within what the code allows.
library Bounds {
    error OutOfBounds(string parameter, uint256 value, uint256 min, uint256 max);

    function check(string memory parameter, uint256 value, uint256 min, uint256 max) internal pure {
        if (value < min || value > max) revert OutOfBounds(parameter, value, min, max);
    }
}
