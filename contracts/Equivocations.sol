// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEquivocations} from "./interfaces/IEquivocations.sol";
import {Answer, Evidence, IInference} from "./interfaces/IInference.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {Bounds} from "./libraries/Bounds.sol";

/// @title Two answers to one question
contract Equivocations is IEquivocations {
    /// @inheritdoc IEquivocations
    uint256 public constant MIN_PENALTY = 1e18;
    /// @inheritdoc IEquivocations
    uint256 public constant MAX_PENALTY = 10_000_000e18;

    /// @inheritdoc IEquivocations
    IInference public immutable inference;
    /// @inheritdoc IEquivocations
    IStaking public immutable staking;
    /// @inheritdoc IEquivocations
    uint256 public immutable penalty;

    /// @inheritdoc IEquivocations
    mapping(bytes32 seal => uint256 second) public announcedAt;
    /// @inheritdoc IEquivocations
    mapping(bytes32 answerHash => bool) public isProven;

    constructor(IInference inference_, IStaking staking_, uint256 penalty_) {
        Bounds.check("penalty", penalty_, MIN_PENALTY, MAX_PENALTY);
        // An answer can be surfaced for one window and disputed for another; stake that backed it must still be there.
        Bounds.check("thawingSeconds", staking_.thawingSeconds(), 2 * inference_.windowSeconds(), type(uint256).max);
        (inference, staking, penalty) = (inference_, staking_, penalty_);
    }

    /// @inheritdoc IEquivocations
    function announce(bytes32 seal) external {
        if (announcedAt[seal] != 0) revert AlreadyAnnounced(seal);
        announcedAt[seal] = block.timestamp;
        emit Announced(seal);
    }

    /// @inheritdoc IEquivocations
    function prove(
        Answer calldata first,
        Evidence calldata firstEvidence,
        Answer calldata second,
        Evidence calldata secondEvidence
    ) external returns (uint256 slashed, uint256 bounty) {
        address operator = first.operator;
        if (second.operator != operator || second.version != first.version || second.input != first.input) {
            revert DifferentQuestions();
        }
        if (second.output == first.output) revert SameOutput(first.output);
        bytes32 a = _take(first, firstEvidence);
        bytes32 b = _take(second, secondEvidence);
        bytes32 seal = sealOf(msg.sender, a, b);
        uint256 announced = announcedAt[seal];
        if (announced == 0 || announced == block.timestamp) revert NotAnnounced(seal);

        (slashed, bounty) = staking.slash(operator, penalty, msg.sender);
        emit Equivocated(operator, a, b, msg.sender, slashed, bounty);
    }

    /// @inheritdoc IEquivocations
    function sealOf(address prover, bytes32 first, bytes32 second) public pure returns (bytes32 seal) {
        return keccak256(abi.encode(prover, first, second));
    }

    /// @dev An answer that is the operator's, can still be disputed, and was in no proof: now it is in one.
    function _take(Answer calldata answer, Evidence calldata evidence) private returns (bytes32 answerHash) {
        uint256 until;
        (answerHash, until) = inference.liability(answer, evidence);
        if (block.timestamp > until) revert WindowOver(until);
        if (isProven[answerHash]) revert AlreadyProven(answerHash);
        isProven[answerHash] = true;
    }
}
