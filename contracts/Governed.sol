// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Business, IGuardian} from "./interfaces/IGuardian.sol";
import {IGoverned} from "./interfaces/IGoverned.sol";

/// @title What votes decide about, and the guardian may pause
abstract contract Governed is IGoverned {
    /// @inheritdoc IGoverned
    IGuardian public immutable guardian;

    modifier onlyGovernance() {
        if (msg.sender != guardian.governance()) revert NotGovernance(msg.sender);
        _;
    }

    constructor(IGuardian guardian_) {
        guardian = guardian_;
    }

    /// @dev For beginnings only. What has begun must be able to end whatever the guardian does.
    modifier whileOpen(Business business) {
        guardian.requireOpen(business);
        _;
    }
}
