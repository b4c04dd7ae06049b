// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {IGovernanceBounds} from "./interfaces/IOPGGovernor.sol";

/// @title What votes decided, after a delay; the treasury, too
/// @dev It has no admin but itself, so its roles change by vote only. Anybody may execute what is due.
contract OPGTimelock is IGovernanceBounds, TimelockController {
    uint256 public constant MIN_DELAY = 10 minutes;
    uint256 public constant MAX_DELAY = 30 days;

    constructor(uint256 delaySeconds, address[] memory governors)
        TimelockController(delaySeconds, governors, new address[](1), address(0))
    {
        _checkDelay(delaySeconds);
    }

    /// @inheritdoc TimelockController
    function updateDelay(uint256 newDelay) public override {
        _checkDelay(newDelay);
        super.updateDelay(newDelay);
    }

    function _checkDelay(uint256 delaySeconds) private pure {
        if (delaySeconds < MIN_DELAY || delaySeconds > MAX_DELAY) {
            revert OutOfBounds("delay", delaySeconds, MIN_DELAY, MAX_DELAY);
        }
    }
}
