// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Answer, Evidence, IInference} from "./IInference.sol";
import {IStaking} from "./IStaking.sol";

/// @title Two answers to one question
/// @notice One input has one output: the machine is total and has no chance in it. An operator that signed two different outputs for the same version and input has lied
/// in one of them, whichever it is, and pays for that at once: no game, no bond, no recomputation.
/// @dev It is a fault of its own. Which of the answers is wrong is left to a game, whose penalty is another one, so that the order of the two does not matter; no
/// answer becomes final or refuted here. Each answer is part of one proof at most.
///
/// A proof is announced, in an earlier second, under a seal that binds its prover: so copying it from the mempool gains nothing.
interface IEquivocations {
    /// @notice Somebody will prove something; what, and against whom, the seal hides.
    event Announced(bytes32 indexed seal);
    /// @notice `operator` signed both answers; `slashed` wei of OPG were taken, `bounty` of them credited to `prover` in `Staking`.
    event Equivocated(
        address indexed operator, bytes32 indexed first, bytes32 indexed second, address prover, uint256 slashed, uint256 bounty
    );

    /// @notice The answers differ in operator, version or input: both may be right.
    error DifferentQuestions();
    /// @notice The answers agree.
    error SameOutput(bytes32 output);
    /// @notice One of the answers can no longer be disputed, since second `until`: the stake behind it may be gone.
    error WindowOver(uint256 until);
    /// @notice The answer is part of another proof.
    error AlreadyProven(bytes32 answerHash);
    /// @notice The seal is known. Whoever announced it, it is good for its prover alone.
    error AlreadyAnnounced(bytes32 seal);
    /// @notice The caller did not announce this proof, or did in this very second.
    error NotAnnounced(bytes32 seal);

    /// @notice Announces a proof, which can be given from the next second on.
    /// @param seal What `sealOf` gives.
    function announce(bytes32 seal) external;

    /// @notice Proves that one operator answered one question in two ways. Slashes its stake by `penalty`, and sends it to jail; the bounty is credited to the caller in `Staking`.
    /// @dev Both answers must still be disputable, by this evidence: see `IInference.liability`.
    /// @param first An answer.
    /// @param firstEvidence Why it is the operator's.
    /// @param second Another, of the same operator to the same version and input, with another output.
    /// @param secondEvidence Why that one is, too.
    /// @return slashed Wei of OPG that were taken: the penalty, or all there was.
    /// @return bounty Wei of OPG of it that the caller was credited with.
    function prove(
        Answer calldata first,
        Evidence calldata firstEvidence,
        Answer calldata second,
        Evidence calldata secondEvidence
    ) external returns (uint256 slashed, uint256 bounty);

    /// @notice What announces a proof of two answers, in the order in which it names them.
    /// @param prover Who will give it.
    /// @param first Hash of the first answer (`IInference.hashAnswer`).
    /// @param second Hash of the second.
    function sealOf(address prover, bytes32 first, bytes32 second) external pure returns (bytes32 seal);

    /// @notice The second in which a seal was announced; zero: never.
    function announcedAt(bytes32 seal) external view returns (uint256);

    /// @notice Whether an answer is part of a proof that was given.
    function isProven(bytes32 answerHash) external view returns (bool);

    /// @notice Whose answers these are about.
    function inference() external view returns (IInference);

    /// @notice Where the stake is that a liar loses.
    function staking() external view returns (IStaking);

    /// @notice The bounds of `penalty`, in wei of OPG.
    function MIN_PENALTY() external view returns (uint256);
    /// @notice See `MIN_PENALTY`.
    function MAX_PENALTY() external view returns (uint256);

    /// @notice What a proof takes of the operator's stake, in wei of OPG. Fixed for ever.
    function penalty() external view returns (uint256);
}
