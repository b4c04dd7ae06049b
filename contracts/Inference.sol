// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Finality} from "./Finality.sol";
import {Governed} from "./Governed.sol";
import {Incomes} from "./Incomes.sol";
import {Business, IGuardian} from "./interfaces/IGuardian.sol";
import {
    Answer,
    Batch,
    Evidence,
    IAnswerReceiver,
    IInference,
    InferenceParams,
    Request
} from "./interfaces/IInference.sol";
import {IModels, Mode} from "./interfaces/IModels.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {Bounds} from "./libraries/Bounds.sol";
import {Calls} from "./libraries/Calls.sol";
import {Penalty} from "./libraries/Penalty.sol";
import {TensorTree} from "./libraries/TensorTree.sol";

/// @title Answers, their finality, and on-chain requests
/// @dev A request lives in one slot, found by its id; its terms travel in calldata and are bound by the id. An answer lives in one slot too,
/// found by its hash (see `Finality`). The life of a request:
///
///     request ──▶ OPEN ──fulfil──▶ answer hash ──finalise (final)───▶ 0   fee split, collateral free, callback
///                  │                    └────────refund (refuted)───▶ 0   fee back, collateral free (the game has slashed)
///                  └───────expire (deadline passed)─────────────────▶ 0   fee back, collateral slashed
///
/// The slot is empty again in the end. An id never returns: it binds the second of the request, and no request ends within that second. For
/// `finalise` and `expire` that follows from their delays; `refund` checks it, as a game between friends takes no time at all.
/// Each arrow can be taken by somebody who does not need the other side: finalise, refund and expire by anyone. A recorded answer that is not
/// refuted becomes final when its window and its games are over, and every game ends.
contract Inference is Finality, Incomes, EIP712, Governed {
    using SafeERC20 for IERC20;

    /* TYPES */

    struct Offer {
        uint96 price;
        bool active;
    }

    /* CONSTANTS */

    bytes32 private constant ANSWER_TYPEHASH = keccak256(
        "Answer(bytes32 request,uint256 version,bytes32 input,bytes32 output,address operator,uint64 issuedAt)"
    );
    bytes32 private constant REQUEST_TYPEHASH = keccak256(
        "Request(uint256 version,address user,address operator,bytes32 input,uint8 mode,uint96 fee,uint96 collateral,uint16 protocolFeeBps,uint64 deadline,address callback,uint32 callbackGas,uint256 nonce)"
    );

    bytes32 private constant OPEN = bytes32(uint256(1));

    uint256 private constant WORD_BYTES = 4;
    uint256 private constant REQUEST_BYTES = 12 * 32;
    uint256 private constant NONCE_COUNT_BITS = 32;
    uint96 private constant NO_LONGER_OFFERED = type(uint96).max;

    uint256 private constant MIN_RESPONSE_SECONDS = 10 seconds;
    uint256 private constant MAX_RESPONSE_SECONDS = 30 days;
    uint256 private constant MAX_CALLBACK_GAS = 5_000_000;
    uint256 private constant MAX_PROTOCOL_FEE_BPS = 1_000;
    uint256 private constant MAX_COLLATERAL = 10_000_000e18;

    /* STORAGE */

    /// @inheritdoc IInference
    IModels public immutable models;

    /// @inheritdoc IInference
    uint32 public immutable minResponseSeconds;
    /// @inheritdoc IInference
    uint32 public immutable maxResponseSeconds;
    /// @inheritdoc IInference
    uint32 public immutable maxCallbackGas;
    /// @inheritdoc IInference
    address public immutable treasury;

    /// @inheritdoc IInference
    uint96 public collateral;
    /// @inheritdoc IInference
    uint16 public protocolFeeBps;

    uint256 private _lastBatchId;
    /// @inheritdoc IInference
    mapping(bytes32 requestId => bytes32) public requestState;
    mapping(uint256 batchId => Batch) private _batches;
    mapping(address operator => mapping(uint256 versionId => Offer)) private _offers;

    /* CONSTRUCTOR */

    /// @param admin Grants the roles.
    constructor(
        IERC20 opg,
        IModels models_,
        IStaking staking_,
        address admin,
        IGuardian guardian_,
        InferenceParams memory params
    ) Incomes(opg, staking_) Finality(admin, params.windowSeconds) EIP712("OPG Inference", "1") Governed(guardian_) {
        Bounds.check("maxResponseSeconds", params.maxResponseSeconds, MIN_RESPONSE_SECONDS, MAX_RESPONSE_SECONDS);
        Bounds.check("minResponseSeconds", params.minResponseSeconds, MIN_RESPONSE_SECONDS, params.maxResponseSeconds);
        Bounds.check("maxCallbackGas", params.maxCallbackGas, 0, MAX_CALLBACK_GAS);
        Bounds.check("treasury", uint160(params.treasury), 1, type(uint160).max);
        models = models_;
        minResponseSeconds = params.minResponseSeconds;
        maxResponseSeconds = params.maxResponseSeconds;
        maxCallbackGas = params.maxCallbackGas;
        _setCollateral(params.collateral);
        _setProtocolFeeBps(params.protocolFeeBps);
        treasury = params.treasury;
    }

    /* CHOSEN BY VOTE */

    /// @inheritdoc IInference
    function setCollateral(uint96 amount) external onlyGovernance {
        _setCollateral(amount);
    }

    /// @inheritdoc IInference
    function setProtocolFeeBps(uint16 bps) external onlyGovernance {
        _setProtocolFeeBps(bps);
    }

    /* REQUESTS */

    /// @inheritdoc IInference
    function offer(uint256 versionId, uint96 price) external {
        models.programRoot(versionId); // reverts when there is no such version
        _offers[msg.sender][versionId] = Offer(price, price != NO_LONGER_OFFERED);
        emit Offered(msg.sender, versionId, price);
    }

    /// @inheritdoc IInference
    function prepay(uint256 amount) external {
        _credit(msg.sender, amount);
        _opg.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IInference
    function request(
        uint256 versionId,
        address operator,
        bytes[] calldata inputs,
        uint8 mode,
        uint96 fee,
        uint64 deadline,
        address callback,
        uint32 callbackGas
    ) external whileOpen(Business.REQUESTS) returns (bytes32 requestId) {
        if (_checkInputs(versionId, inputs, mode)) revert DeprecatedVersion(versionId);
        _checkPrice(operator, versionId, fee);
        _checkDeadline(deadline);
        if (callbackGas > maxCallbackGas) revert TooMuchCallbackGas(callbackGas, maxCallbackGas);
        if (!staking.isLive(operator)) revert OperatorNotLive(operator);

        Request memory req = Request({
            version: versionId,
            user: msg.sender,
            operator: operator,
            input: _bundleOf(inputs),
            mode: mode,
            fee: fee,
            collateral: collateral,
            protocolFeeBps: protocolFeeBps,
            deadline: deadline,
            callback: callback,
            callbackGas: callbackGas,
            nonce: block.timestamp << NONCE_COUNT_BITS
        });
        // Who asks exactly the same again in the same second makes another request. Counting on costs nothing but then;
        // a counter in storage would cost everybody.
        requestId = _hashTypedDataV4(keccak256(abi.encode(REQUEST_TYPEHASH, req)));
        while (requestState[requestId] != 0) {
            ++req.nonce;
            requestId = _hashTypedDataV4(keccak256(abi.encode(REQUEST_TYPEHASH, req)));
        }
        requestState[requestId] = OPEN;
        emit Requested(requestId, operator, versionId, req, inputs);

        staking.lock(operator, req.collateral, requestId);
        _takeFee(fee);
    }

    /// @inheritdoc IInference
    function fulfil(Request calldata req, bytes[] calldata outputs) external returns (bytes32 answerHash) {
        bytes32 requestId = _hashRequest(req);
        if (requestState[requestId] != OPEN) revert WrongRequestState(requestId);
        if (block.timestamp > req.deadline) revert DeadlinePassed(req.deadline);
        _checkActsFor(req.operator);
        if (!staking.mayFinish(req.operator)) revert OperatorNotLive(req.operator); // others may rely on the answer, too

        Answer memory answer = _answerOf(requestId, req, outputs, uint64(block.timestamp));
        answerHash = _hashAnswer(answer);
        requestState[requestId] = answerHash;
        // A game may run already, begun in this very second with the operator's signature: its count stays.
        _answers[answerHash].recordedAt = uint40(block.timestamp);
        emit Fulfilled(requestId, answerHash, answer, outputs);
    }

    /// @inheritdoc IInference
    function finalise(Request calldata req, bytes[] calldata outputs) external {
        (bytes32 requestId, bytes32 answerHash) = _answered(req);
        bytes32 given = _hashAnswer(_answerOf(requestId, req, outputs, _answers[answerHash].recordedAt));
        if (given != answerHash) revert WrongOutputs(given, answerHash);
        if (!isFinal(answerHash)) revert NotFinal(answerHash);

        delete requestState[requestId];
        (address[] memory accounts, uint256[] memory amounts) = models.splitOfVersion(req.version, req.fee);
        _earn(req.operator, _splitFee(req.fee, req.protocolFeeBps, treasury, accounts, amounts));

        staking.unlock(req.operator, req.collateral, requestId);
        emit Finalised(requestId, answerHash, _callBack(requestId, req, outputs));
    }

    /// @inheritdoc IInference
    function expire(Request calldata req) external {
        bytes32 requestId = _hashRequest(req);
        if (requestState[requestId] != OPEN) revert WrongRequestState(requestId);
        if (block.timestamp <= req.deadline) revert DeadlineNotPassed(req.deadline);

        delete requestState[requestId];
        _credit(req.user, req.fee);
        staking.unlock(req.operator, req.collateral, requestId);
        (uint256 slashed,) = Penalty.impose(staking, req.operator, req.collateral, req.user);
        emit Expired(requestId, slashed);
    }

    /// @inheritdoc IInference
    function refund(Request calldata req) external {
        (bytes32 requestId, bytes32 answerHash) = _answered(req);
        if (!_answers[answerHash].refuted) revert NotRefuted(answerHash);
        if (_answers[answerHash].recordedAt == block.timestamp) revert AnsweredThisSecond(answerHash);

        delete requestState[requestId];
        _credit(req.user, req.fee);
        staking.unlock(req.operator, req.collateral, requestId);
        emit Refunded(requestId, answerHash);
    }

    /* ANSWERS FROM OFF CHAIN */

    /// @inheritdoc IInference
    function commit(address operator, bytes32 root, uint32 count, string calldata cid)
        external
        returns (uint256 batchId)
    {
        if (count == 0) revert EmptyBatch();
        _checkActsFor(operator);
        if (!staking.isLive(operator)) revert OperatorNotLive(operator);

        batchId = ++_lastBatchId;
        _batches[batchId] = Batch(operator, uint64(block.timestamp), count, root);
        emit Committed(batchId, operator, root, count, cid);
    }

    /// @inheritdoc IInference
    function surface(
        Answer calldata answer,
        Evidence calldata evidence,
        bytes[] calldata inputs,
        bytes[] calldata outputs
    ) external returns (bytes32 answerHash) {
        answerHash = _hashAnswer(answer);
        if (_answers[answerHash].recordedAt != 0) revert AlreadyRecorded(answerHash);
        if (_answers[answerHash].refuted) revert AnswerRefuted(answerHash);
        uint256 until = _disputableUntil(answer, answerHash, evidence);
        if (block.timestamp > until) revert WindowOver(until);
        _checkInputs(answer.version, inputs, uint8(Mode.OPTIMISTIC));
        bytes32 input = _bundleOf(inputs);
        if (input != answer.input) revert WrongInputs(input, answer.input);
        bytes32 output = _bundleOf(outputs);
        if (output != answer.output) revert WrongOutputs(output, answer.output);
        if (!staking.isLive(answer.operator)) revert OperatorNotLive(answer.operator);

        _answers[answerHash].recordedAt = uint40(block.timestamp);
        emit Surfaced(answerHash, answer, inputs, outputs);
    }

    /* VIEWS */

    /// @inheritdoc IInference
    function liability(Answer calldata answer, Evidence calldata evidence)
        external
        view
        returns (bytes32 answerHash, uint256 disputableUntil)
    {
        answerHash = _hashAnswer(answer);
        disputableUntil = _disputableUntil(answer, answerHash, evidence);
    }

    /// @inheritdoc IInference
    function hashAnswer(Answer calldata answer) external view returns (bytes32) {
        return _hashAnswer(answer);
    }

    /// @inheritdoc IInference
    function hashRequest(Request calldata req) external view returns (bytes32) {
        return _hashRequest(req);
    }

    /// @inheritdoc IInference
    function priceOf(address operator, uint256 versionId) public view returns (uint96 price) {
        Offer memory o = _offers[operator][versionId];
        if (!o.active) revert NotOffered(operator, versionId);
        return o.price;
    }

    /// @inheritdoc IInference
    function batch(uint256 batchId) external view returns (Batch memory) {
        return _batches[batchId];
    }

    /* CHECKS */

    /// @dev No verifier module exists yet: an answer becomes final by its window alone, in whatever other modes the version may support.
    function _checkInputs(uint256 versionId, bytes[] calldata inputs, uint8 mode)
        private
        view
        returns (bool deprecated)
    {
        uint8 modes;
        bytes32 needed;
        (modes, deprecated, needed) = models.terms(versionId);
        if (mode != uint8(Mode.OPTIMISTIC) || (modes >> mode) & 1 == 0) revert ModeNotSupported(mode);
        uint256[] memory wordCounts = new uint256[](inputs.length);
        for (uint256 i = 0; i < inputs.length; ++i) {
            wordCounts[i] = inputs[i].length / WORD_BYTES;
        }
        bytes32 given = keccak256(abi.encode(wordCounts));
        if (given != needed) revert WrongInputShape(given, needed);
    }

    function _checkPrice(address operator, uint256 versionId, uint96 fee) private view {
        uint96 price = priceOf(operator, versionId);
        if (fee < price) revert FeeTooLow(fee, price);
    }

    function _checkDeadline(uint64 deadline) private view {
        (uint256 earliest, uint256 latest) = (block.timestamp + minResponseSeconds, block.timestamp + maxResponseSeconds);
        if (deadline < earliest || deadline > latest) revert BadDeadline(deadline, earliest, latest);
    }

    function _checkActsFor(address operator) private view {
        if (msg.sender != operator && !staking.actsFor(operator, msg.sender)) {
            revert NotTheOperator(msg.sender, operator);
        }
    }

    function _setCollateral(uint96 amount) private {
        Bounds.check("collateral", amount, 1, MAX_COLLATERAL);
        collateral = amount;
        emit CollateralSet(amount);
    }

    function _setProtocolFeeBps(uint16 bps) private {
        Bounds.check("protocolFeeBps", bps, 0, MAX_PROTOCOL_FEE_BPS);
        protocolFeeBps = bps;
        emit ProtocolFeeSet(bps);
    }

    /* INTERNAL */

    /// @dev The request's id and the hash of its answer; it has one and has not ended.
    function _answered(Request calldata req) private view returns (bytes32 requestId, bytes32 answerHash) {
        requestId = _hashRequest(req);
        answerHash = requestState[requestId];
        if (answerHash == 0 || answerHash == OPEN) revert WrongRequestState(requestId);
    }

    /// @dev Any tensors of whole words; which ones the version makes is for its program to say, in a dispute.
    function _bundleOf(bytes[] calldata tensors) private pure returns (bytes32) {
        bytes32[] memory roots = new bytes32[](tensors.length);
        for (uint256 i = 0; i < tensors.length; ++i) {
            uint256 length = tensors[i].length;
            if (length == 0 || length % WORD_BYTES != 0) revert BadTensor(i, length);
            roots[i] = TensorTree.rootOf(tensors[i]);
        }
        return keccak256(abi.encodePacked(roots));
    }

    function _answerOf(bytes32 requestId, Request calldata req, bytes[] calldata outputs, uint64 issuedAt)
        private
        pure
        returns (Answer memory)
    {
        return Answer(requestId, req.version, req.input, _bundleOf(outputs), req.operator, issuedAt);
    }

    /// @dev Reverts unless the answer is the operator's.
    function _disputableUntil(Answer calldata answer, bytes32 answerHash, Evidence calldata evidence)
        private
        view
        returns (uint256)
    {
        if (answer.issuedAt > block.timestamp) revert IssuedInTheFuture(answer.issuedAt);
        uint256 since = _answers[answerHash].recordedAt;
        if (since == 0) {
            since = answer.issuedAt;
            if (evidence.signature.length == 0) since = Math.max(since, _checkBatch(answer, answerHash, evidence));
            else _checkSignature(answer, answerHash, evidence);
        }
        return since + windowSeconds;
    }

    /// @dev Plain signatures come first: a key that has got code since (EIP-7702) cannot take back what it signed.
    function _checkSignature(Answer calldata answer, bytes32 answerHash, Evidence calldata evidence) private view {
        if (!staking.isKeyAt(answer.operator, evidence.key, answer.issuedAt)) revert NotTheOperatorsAnswer(answerHash);
        (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(answerHash, evidence.signature);
        if (problem == ECDSA.RecoverError.NoError && signer == evidence.key) return;
        if (!SignatureChecker.isValidERC1271SignatureNowCalldata(evidence.key, answerHash, evidence.signature)) {
            revert NotTheOperatorsAnswer(answerHash);
        }
    }

    function _checkBatch(Answer calldata answer, bytes32 answerHash, Evidence calldata evidence)
        private
        view
        returns (uint256 committedAt)
    {
        Batch memory b = _batches[evidence.batchId];
        if (b.count == 0) revert NoSuchBatch(evidence.batchId);
        bool inside = evidence.index < b.count && evidence.path.length == TensorTree.depthOf(b.count)
            && TensorTree.climb(answerHash, evidence.index, evidence.path) == b.root;
        if (!inside || b.operator != answer.operator) revert NotTheOperatorsAnswer(answerHash);
        return b.committedAt;
    }

    function _takeFee(uint256 fee) private {
        if (fee == 0) return;
        if (_spendCredit(msg.sender, fee)) emit CreditSpent(msg.sender, fee);
        else _opg.safeTransferFrom(msg.sender, address(this), fee);
    }

    /// @dev Everything is written by now: whatever the callback does, it cannot be paid twice or called again.
    function _callBack(bytes32 requestId, Request calldata req, bytes[] calldata outputs) private returns (bool) {
        if (req.callback == address(0)) return false;
        bytes memory data = abi.encodeCall(IAnswerReceiver.onAnswer, (requestId, req.version, outputs));
        Calls.checkGas(req.callbackGas);
        return Calls.tryCall(req.callback, req.callbackGas, data);
    }

    function _hashAnswer(Answer memory answer) private view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ANSWER_TYPEHASH, answer)));
    }

    /// @dev Word for word as it was sent: a word with dirty bits has another hash, which no request has.
    function _hashRequest(Request calldata req) private view returns (bytes32) {
        bytes32 typehash = REQUEST_TYPEHASH;
        bytes32 structHash;
        assembly ("memory-safe") {
            let start := mload(0x40) // above everything in use; nothing is kept there
            mstore(start, typehash)
            calldatacopy(add(start, 0x20), req, REQUEST_BYTES)
            structHash := keccak256(start, add(REQUEST_BYTES, 0x20))
        }
        return _hashTypedDataV4(structHash);
    }
}
