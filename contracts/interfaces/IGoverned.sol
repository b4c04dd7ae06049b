// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGuardian} from "./IGuardian.sol";

/// @title What votes decide about, and the guardian may pause
/// @notice A vote changes what is asked of new business, within bounds that are written in the code. What has begun keeps the terms with which it began.
interface IGoverned {
    /// @notice Only a vote can do this, through the timelock.
    error NotGovernance(address account);

    /// @notice Asked before anything new begins; names the timelock.
    function guardian() external view returns (IGuardian);
}
