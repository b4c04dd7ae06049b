// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Times in seconds. `proposalThreshold` in wei of votes, `quorumPercent` of the whole supply of votes.
struct GovernorParams {
    uint48 votingDelaySeconds;
    uint32 votingPeriodSeconds;
    uint256 proposalThreshold;
    uint256 quorumPercent;
    uint48 lateQuorumSeconds;
}

/// @title What bounds the settings of votes and their execution
/// @notice The bounds hold for the constructor and for every later vote: no vote can make the next one impossible, instant, or free of a quorum.
interface IGovernanceBounds {
    error OutOfBounds(string parameter, uint256 value, uint256 min, uint256 max);
}
