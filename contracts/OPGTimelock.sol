// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {Bounds} from "./libraries/Bounds.sol";

/// @title What votes decided, after a delay; the treasury, too
/// @dev It has no admin but itself, so its roles change by vote only. Anybody may execute what is due. The delay stays within bounds, here and after every vote.
contract OPGTimelock is TimelockController {
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
        Bounds.check("delay", delaySeconds, MIN_DELAY, MAX_DELAY);
    }
}
