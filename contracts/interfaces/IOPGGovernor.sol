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
