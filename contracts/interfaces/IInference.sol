// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModels} from "./IModels.sol";

/// @notice What an operator signs (EIP-712, domain `OPG Inference`, version `1`, this chain and the Inference contract).
struct Answer {
    bytes32 request; // hash of the user's request, or the id of an on-chain one
    uint256 version; // model version
    bytes32 input; // bundle of the input tensors
    bytes32 output; // bundle of the output tensors
    address operator;
    uint64 issuedAt; // unix seconds
}

/// @notice Why an answer is the operator's.
/// @dev With a signature: `key` and `signature`. In a batch: `signature` empty, `batchId`, `index` and `path`.
/// Already on chain (surfaced or fulfilled): all empty.
struct Evidence {
    address key;
    bytes signature;
    uint256 batchId;
    uint256 index;
    bytes32[] path;
}

/// @notice An on-chain request. Its id is the hash of all fields, this chain and the Inference contract, so nothing in it can change.
struct Request {
    uint256 version;
    address user;
    address operator;
    bytes32 input;
    uint8 mode;
    uint96 fee;
    uint96 collateral; // the operator's stake locked behind this request
    uint16 protocolFeeBps;
    uint64 deadline; // unix seconds; the last at which an answer counts
    address callback; // zero: none
    uint32 callbackGas;
    uint256 nonce; // second of the request · 2³², plus a count of equal requests in that second
}

/// @notice What an `Inference` contract is deployed with. A vote may change `collateral` and `protocolFeeBps`, for requests that begin later; the rest never changes.
struct InferenceParams {
    uint32 windowSeconds; // how long an answer can be disputed
    uint32 minResponseSeconds; // a request's deadline is at least so far away
    uint32 maxResponseSeconds; // and at most so far
    uint96 collateral; // wei of OPG that an operator has locked behind each open request
    uint32 maxCallbackGas;
    uint16 protocolFeeBps; // of each fee
    address treasury; // is credited with the protocol's part
}

/// @notice What is known on chain about one answer.
struct AnswerState {
    uint64 recordedAt; // when its data was put on chain; zero: never
    uint32 openGames;
    bool refuted;
}

/// @notice A batch of answers.
struct Batch {
    address operator;
    uint64 committedAt;
    uint32 count;
    bytes32 root; // list tree of the answers' hashes
}

/// @title Receives answers on chain
interface IAnswerReceiver {
    /// @notice Called once, when the answer is final and paid. Must fit into the gas that the request names; failing changes nothing.
    /// @dev Warning: check that the caller is the Inference contract, and that the request is one of yours: anybody can name you as the callback.
    /// @param requestId What `IInference.request` returned.
    /// @param version The model version that answered.
    /// @param outputs Each output tensor as packed big-endian words, 4 bytes each.
    function onAnswer(bytes32 requestId, uint256 version, bytes[] calldata outputs) external;
}

/// @title Answers, their finality, and on-chain requests
/// @notice Every request ends paid or refunded. Nothing final is disputable, nothing disputable is final.
/// @dev Amounts are in wei of OPG, times in unix seconds, gas in gas.
interface IInference {
    /// @notice Requests made from now on lock so much of the operator's stake.
    event CollateralSet(uint96 amount);
    /// @notice Requests made from now on pay so much of their fee to the treasury.
    event ProtocolFeeSet(uint16 bps);
    /// @notice The operator answers on-chain requests for this version from this price on. Price `type(uint96).max`: no longer.
    event Offered(address indexed operator, uint256 indexed versionId, uint96 price);
    /// @notice `request` is open: its fee is held here, its collateral is locked in `Staking`, and its terms are these for ever. `inputs` are the packed words.
    event Requested(bytes32 indexed requestId, address indexed operator, uint256 indexed versionId, Request request, bytes[] inputs);
    /// @notice The operator answered in time; the answer is recorded and can be disputed for a window.
    event Fulfilled(bytes32 indexed requestId, bytes32 indexed answerHash, Answer answer, bytes[] outputs);
    /// @notice `callbackSucceeded` is false, too, when there was nothing to call.
    event Finalised(bytes32 indexed requestId, bytes32 indexed answerHash, bool callbackSucceeded);
    /// @notice The deadline passed; the fee went back and `slashed` was taken from the operator, the unburned part of it for the user. Zero when this contract
    /// may no longer slash: the refund does not wait for that.
    event Expired(bytes32 indexed requestId, uint256 slashed);
    /// @notice The answer was refuted; the fee went back.
    event Refunded(bytes32 indexed requestId, bytes32 indexed answerHash);
    /// @notice The operator committed to `count` answers, the leaves of the list tree `root`; they can be fetched at `cid`.
    event Committed(uint256 indexed batchId, address indexed operator, bytes32 root, uint32 count, string cid);
    /// @notice An answer from off chain is recorded with all its data, and can be disputed for a window.
    event Surfaced(bytes32 indexed answerHash, Answer answer, bytes[] inputs, bytes[] outputs);
    /// @notice `amount` of the user's credit was used for a request.
    event CreditSpent(address indexed user, uint256 amount);
    /// @notice A game of module `disputer` began: `openGames` run against this answer now, and it cannot become final meanwhile.
    event Contested(bytes32 indexed answerHash, address indexed disputer, uint32 openGames);
    /// @notice A game ended, either way; `openGames` are left.
    event Released(bytes32 indexed answerHash, address indexed disputer, uint32 openGames);
    /// @notice The answer is wrong, for ever.
    event Refuted(bytes32 indexed answerHash);

    /// @notice The version, or this contract, does not offer this way to finality: see `Mode`.
    error ModeNotSupported(uint8 mode);
    /// @notice The model's owner takes no new requests for this version.
    error DeprecatedVersion(uint256 version);
    /// @notice The inputs have other numbers of words than the version takes. Hashes as in `Version.inputsHash`.
    error WrongInputShape(bytes32 given, bytes32 needed);
    /// @notice A tensor is empty or not a whole number of words.
    error BadTensor(uint256 index, uint256 byteLength);
    /// @notice The operator does not answer on-chain requests for this version.
    error NotOffered(address operator, uint256 versionId);
    /// @notice The operator asks for more.
    error FeeTooLow(uint256 fee, uint256 price);
    /// @notice Deadlines lie between these two seconds.
    error BadDeadline(uint256 deadline, uint256 earliest, uint256 latest);
    /// @notice A callback gets at most `max` gas.
    error TooMuchCallbackGas(uint256 wanted, uint256 max);
    /// @notice The operator is in jail, or has less stake than this call needs.
    error OperatorNotLive(address operator);
    /// @notice The request is not in the state that this call needs (unknown, already answered, or ended).
    error WrongRequestState(bytes32 requestId);
    /// @notice The request could be answered up to and including second `deadline`.
    error DeadlinePassed(uint256 deadline);
    /// @notice The operator has up to and including second `deadline` to answer.
    error DeadlineNotPassed(uint256 deadline);
    /// @notice Only the operator or its serving key.
    error NotTheOperator(address caller, address operator);
    /// @notice The answer can still be disputed, or a game runs against it, or it is refuted.
    error NotFinal(bytes32 answerHash);
    /// @notice No game has refuted the answer.
    error NotRefuted(bytes32 answerHash);
    /// @notice A second later the fee can go back.
    error AnsweredThisSecond(bytes32 answerHash);
    /// @notice Outputs that are not those of the answer. Bundles; in `finalise`, which knows the answer by its hash alone, answer hashes.
    error WrongOutputs(bytes32 given, bytes32 needed);
    /// @notice Inputs that are not those of the answer. Bundles.
    error WrongInputs(bytes32 given, bytes32 needed);
    /// @notice The gas left would not give the callback what the request paid for, or the penalty what it may need.
    error NotEnoughGas(uint256 left, uint256 needed);
    /// @notice A batch has one answer at least.
    error EmptyBatch();
    /// @notice Batches count from 1.
    error NoSuchBatch(uint256 batchId);
    /// @notice The signature, its key, or the batch path does not make this answer the operator's.
    error NotTheOperatorsAnswer(bytes32 answerHash);
    /// @notice The answer is dated ahead; it counts from second `issuedAt` on.
    error IssuedInTheFuture(uint256 issuedAt);
    /// @notice It can no longer be disputed.
    error WindowOver(uint256 until);
    /// @notice The answer is on chain with its data.
    error AlreadyRecorded(bytes32 answerHash);
    /// @notice The answer is wrong, and stays so.
    error AnswerRefuted(bytes32 answerHash);
    /// @notice No game runs against this answer.
    error NotContested(bytes32 answerHash);
    /// @notice Games of another module run against this answer; play there, or wait until they are over.
    error ContestedElsewhere(bytes32 answerHash, address disputer);
    /// @notice A module that lost its role never gets it back: its games were dropped.
    error ModuleRetired(address module);

    /// @notice Names the caller's price for on-chain requests of a version, in wei of OPG.
    function offer(uint256 versionId, uint96 price) external;

    /// @notice Adds to the caller's credit, from which its requests are paid. Needs an allowance. `withdrawCredit` takes it back at any time.
    function prepay(uint256 amount) external;

    /// @notice Asks one operator on chain, locks the operator's collateral. Takes the fee from the caller's credit when that covers it,
    /// else all of it from its wallet (needs an allowance).
    /// @dev Refused while the guardian pauses requests. There is no way to cancel. What goes back, and the bounty if the operator is late, is credited to the caller, here and in `Staking`.
    /// @param operator Must be live and offer this version for at most `fee`.
    /// @param inputs Each input tensor as packed big-endian words; their lengths are the version's.
    /// @param mode How the answer becomes final, see `Mode`; the version has to support it.
    /// @param fee Wei of OPG. Never more is taken, whatever the operator's price does meanwhile.
    /// @param deadline At least `minResponseSeconds` and at most `maxResponseSeconds` from now.
    function request(
        uint256 versionId,
        address operator,
        bytes[] calldata inputs,
        uint8 mode,
        uint96 fee,
        uint64 deadline,
        address callback,
        uint32 callbackGas
    ) external returns (bytes32 requestId);

    /// @notice Answers a request. Only the operator or its serving key; the operator must have stake enough to finish what it took on (`IStaking.mayFinish`, else `OperatorNotLive`); it may be in jail. The answer is issued at the block's time, and recorded.
    function fulfil(Request calldata req, bytes[] calldata outputs) external returns (bytes32 answerHash);

    /// @notice Pays and calls back, once the answer is final. Anyone may call. The model's share goes to who owns the model and its ancestors now.
    /// @dev Warning: a callback that fails never blocks payment, and is never tried again. It gets exactly `req.callbackGas`; with too little gas left for that, `NotEnoughGas`.
    /// @param outputs The words that `fulfil` was called with.
    function finalise(Request calldata req, bytes[] calldata outputs) external;

    /// @notice Closes a request that was not answered in time: the fee goes back, the operator loses the collateral. Anyone may call.
    /// @dev The penalty is tried with so much gas that it cannot fail for the lack of it (else `NotEnoughGas`). Should `Staking` refuse it, as it does when
    /// governance took this contract's role, the fee goes back all the same.
    function expire(Request calldata req) external;

    /// @notice Closes a request whose answer was refuted: the fee goes back. Anyone may call, from the second after the answer on.
    function refund(Request calldata req) external;

    /// @notice Commits to many answers at once, for the price of one. Only the operator or its serving key.
    /// @param operator Whose answers they are; must be live.
    /// @param root List tree of the answers' hashes.
    /// @param cid Where the answers and their data can be fetched.
    /// @return batchId Counts from 1.
    function commit(address operator, bytes32 root, uint32 count, string calldata cid) external returns (uint256 batchId);

    /// @notice Puts an answer with all its data on chain, so that contracts can rely on it a window later. Anyone may call, while the operator is live.
    function surface(Answer calldata answer, Evidence calldata evidence, bytes[] calldata inputs, bytes[] calldata outputs)
        external
        returns (bytes32 answerHash);

    /// @notice Counts a game against an answer, recorded or not; it cannot become final meanwhile. Only `DISPUTER_ROLE`.
    /// @dev Refuses an answer that is refuted, recorded for longer than the window, or contested by another module. Each `contest` is ended by exactly one
    /// `release` or `refute` of the same module. When governance takes the role from a module, its games no longer count and it cannot get the role again.
    function contest(bytes32 answerHash) external;

    /// @notice A game ended for the operator, or is moot. Only `DISPUTER_ROLE`.
    /// @return counted False, and nothing happened, when the caller has lost its role: its games must end, but no longer mean anything here.
    function release(bytes32 answerHash) external returns (bool counted);

    /// @notice A game ended for the challenger: the answer is wrong, for ever. Only `DISPUTER_ROLE`.
    /// @return counted As for `release`.
    function refute(bytes32 answerHash) external returns (bool counted);

    /// @notice Whether the answer is the operator's, and the last second at which it can be disputed. Reverts when it is not the operator's.
    /// @dev Once recorded, needs no evidence: the window runs from the record. Else by signature: from `issuedAt`; in a batch: from `issuedAt` or the
    /// commitment, whichever is later. A window that is over is no error here.
    /// Warning: a contract key (ERC-1271) can change its mind about its signatures until the answer is recorded or committed.
    function liability(Answer calldata answer, Evidence calldata evidence)
        external
        view
        returns (bytes32 answerHash, uint256 disputableUntil);

    /// @notice EIP-712 digest of an answer: what is signed, and its name everywhere.
    function hashAnswer(Answer calldata answer) external view returns (bytes32);

    /// @notice The id of an on-chain request.
    function hashRequest(Request calldata req) external view returns (bytes32);

    /// @notice The pull oracle: on chain with all its data for a whole window, undisputed, not refuted.
    function isFinal(bytes32 answerHash) external view returns (bool);

    /// @notice All zero for an answer that never appeared on chain.
    function answerState(bytes32 answerHash) external view returns (AnswerState memory);

    /// @notice Zero: no such request, or it ended, paid or refunded. One: open. Else the hash of its answer.
    function requestState(bytes32 requestId) external view returns (bytes32);

    /// @notice What an operator asks for a version; reverts when it does not offer it.
    function priceOf(address operator, uint256 versionId) external view returns (uint96 price);

    /// @notice A batch. All zero when there is none.
    function batch(uint256 batchId) external view returns (Batch memory);

    /// @notice How long an answer can be disputed.
    function windowSeconds() external view returns (uint256);

    /// @notice How far away a request's deadline can be.
    function maxResponseSeconds() external view returns (uint32);

    /// @notice The shortest time that a request gives its operator.
    function minResponseSeconds() external view returns (uint32);

    /// @notice What a request locks of its operator's stake, in wei of OPG.
    function collateral() external view returns (uint96);

    /// @notice The treasury's part of a request's fee.
    function protocolFeeBps() external view returns (uint16);

    /// @notice The most gas that a callback can be given.
    function maxCallbackGas() external view returns (uint32);

    /// @notice Who gets the protocol's part of each fee.
    function treasury() external view returns (address);

    /// @notice Where models, their versions and their shares are.
    function models() external view returns (IModels);

    /// @notice Its holder counts the games against answers, and tells how they ended.
    function DISPUTER_ROLE() external view returns (bytes32);

    /// @notice Whether a module lost `DISPUTER_ROLE`; it never gets it again.
    function retired(address module) external view returns (bool);

    /// @notice Sets `collateral` for requests to come, in wei of OPG: 1 to 10,000,000 OPG, else `OutOfBounds`. Only by vote.
    function setCollateral(uint96 amount) external;

    /// @notice Sets `protocolFeeBps` for requests to come: 0 to 1,000 basis points, else `OutOfBounds`. Only by vote.
    function setProtocolFeeBps(uint16 bps) external;
}
