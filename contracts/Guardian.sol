// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Business, IGuardian} from "./interfaces/IGuardian.sol";
import {Bounds} from "./libraries/Bounds.sol";

/// @title The emergency brake
contract Guardian is IGuardian {
    /// @inheritdoc IGuardian
    uint256 public constant MIN_PAUSE_SECONDS = 1 hours;
    /// @inheritdoc IGuardian
    uint256 public constant MAX_PAUSE_SECONDS = 7 days;
    /// @inheritdoc IGuardian
    uint256 public constant MAX_COOLDOWN_SECONDS = 90 days;

    struct Pause {
        uint64 until;
        uint64 pausableFrom;
    }

    /// @inheritdoc IGuardian
    address public immutable governance;
    /// @inheritdoc IGuardian
    address public guardian;
    /// @inheritdoc IGuardian
    uint256 public maxPauseSeconds;
    /// @inheritdoc IGuardian
    uint256 public cooldownSeconds;
    mapping(Business business => Pause) private _pauses;

    modifier onlyGovernance() {
        if (msg.sender != governance) revert NotGovernance(msg.sender);
        _;
    }

    constructor(address governance_, address guardian_, uint256 maxPauseSeconds_, uint256 cooldownSeconds_) {
        Bounds.check("governance", uint160(governance_), 1, type(uint160).max);
        governance = governance_;
        _setGuardian(guardian_);
        _setPauseLimits(maxPauseSeconds_, cooldownSeconds_);
    }

    /* PAUSING */

    /// @inheritdoc IGuardian
    function pause(Business business, uint256 seconds_) external {
        if (msg.sender != guardian) revert NotTheGuardian(msg.sender);
        Bounds.check("seconds", seconds_, 1, maxPauseSeconds);
        Pause storage latest = _pauses[business];
        if (block.timestamp < latest.pausableFrom) revert CoolingDown(business, latest.pausableFrom);

        uint256 until = block.timestamp + seconds_ - 1;
        uint256 pausableFrom = until + 1 + cooldownSeconds;
        _pauses[business] = Pause(uint64(until), uint64(pausableFrom));
        emit Paused(business, until, pausableFrom);
    }

    /// @inheritdoc IGuardian
    /// @dev The cool-down stays where it was: pausing and resuming in turns must not add up to more.
    function resume(Business business) external {
        if (msg.sender != guardian && msg.sender != governance) revert NotTheGuardian(msg.sender);
        if (!isPaused(business)) revert NotPaused(business);
        _pauses[business].until = uint64(block.timestamp) - 1;
        emit Resumed(business, msg.sender, _pauses[business].pausableFrom);
    }

    /* CHOSEN BY VOTE */

    /// @inheritdoc IGuardian
    function setGuardian(address guardian_) external onlyGovernance {
        _setGuardian(guardian_);
    }

    /// @inheritdoc IGuardian
    function setPauseLimits(uint256 maxPauseSeconds_, uint256 cooldownSeconds_) external onlyGovernance {
        _setPauseLimits(maxPauseSeconds_, cooldownSeconds_);
    }

    /* READING */

    /// @inheritdoc IGuardian
    function pauseOf(Business business) external view returns (uint256 until, uint256 pausableFrom) {
        Pause storage latest = _pauses[business];
        return (latest.until, latest.pausableFrom);
    }

    /// @inheritdoc IGuardian
    function isPaused(Business business) public view returns (bool) {
        return block.timestamp <= _pauses[business].until;
    }

    /// @inheritdoc IGuardian
    function requireOpen(Business business) external view {
        if (isPaused(business)) revert BusinessPaused(business, _pauses[business].until);
    }

    /* INTERNAL */

    function _setGuardian(address guardian_) private {
        emit GuardianSet(guardian_, guardian);
        guardian = guardian_;
    }

    function _setPauseLimits(uint256 maxPauseSeconds_, uint256 cooldownSeconds_) private {
        Bounds.check("maxPauseSeconds", maxPauseSeconds_, MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS);
        Bounds.check("cooldownSeconds", cooldownSeconds_, maxPauseSeconds_, MAX_COOLDOWN_SECONDS);
        maxPauseSeconds = maxPauseSeconds_;
        cooldownSeconds = cooldownSeconds_;
        emit PauseLimitsSet(maxPauseSeconds_, cooldownSeconds_);
    }
}
