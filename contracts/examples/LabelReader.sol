// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IAnswerReceiver, IInference} from "../interfaces/IInference.sol";
import {Mode} from "../interfaces/IModels.sol";
import {IPayouts} from "../interfaces/IPayouts.sol";

/// @title A contract that asks what something is
/// @notice An example of a consumer: it asks a classifier (which digit is in this picture, of which kind is this file) and gets the answer by callback, once
/// nobody can dispute it any more.
/// @dev Send it OPG first; it pays each question from its own balance.
contract LabelReader is IAnswerReceiver, Ownable {
    using SafeERC20 for IERC20;

    /* TYPES */

    enum Status {
        NEVER_ASKED,
        ASKED,
        READ
    }

    struct Reading {
        Status status;
        uint16 label;
    }

    /* EVENTS AND ERRORS */

    event Asked(bytes32 indexed requestId, address indexed operator);
    event LabelRead(bytes32 indexed requestId, uint256 label);

    /// @notice Only the Inference contract brings answers.
    error NotInference(address caller);
    error NotAsked(bytes32 requestId);
    error NotTheScores(uint256 tensors, uint256 byteLength);

    /* STORAGE */

    uint256 private constant WORD_BYTES = 4;
    /// @dev Enough for `onAnswer`, with a margin: for what it takes in any case, and for each score. Whoever finalises pays for it.
    uint32 private constant CALLBACK_GAS = 50_000;
    uint32 private constant CALLBACK_GAS_PER_LABEL = 1_000;

    IERC20 public immutable opg;
    IInference public immutable inference;
    uint256 public immutable versionId;
    /// @notice How many labels there are; they are numbered from 0.
    uint16 public immutable labels;

    mapping(bytes32 requestId => Reading) private _readings;

    /// @param versionId_ A version that takes one tensor, and gives one score (float32) for each of `labels_` labels.
    constructor(IERC20 opg_, IInference inference_, uint256 versionId_, uint16 labels_, address owner_) Ownable(owner_) {
        opg = opg_;
        inference = inference_;
        versionId = versionId_;
        labels = labels_;
        opg_.forceApprove(address(inference_), type(uint256).max);
    }

    /* ASKING */

    /// @notice Asks `operator` which label fits best.
    /// @param words The model's input as packed big-endian words.
    /// @param fee At least the operator's price; taken from this contract's balance.
    /// @param deadline Unix seconds; later than that the operator pays for being late.
    function ask(address operator, bytes calldata words, uint96 fee, uint64 deadline)
        external
        onlyOwner
        returns (bytes32 requestId)
    {
        bytes[] memory inputs = new bytes[](1);
        inputs[0] = words;
        requestId = inference.request(
            versionId, operator, inputs, uint8(Mode.OPTIMISTIC), fee, deadline, address(this), callbackGas()
        );
        _readings[requestId].status = Status.ASKED;
        emit Asked(requestId, operator);
    }

    /// @inheritdoc IAnswerReceiver
    /// @dev Only requests that this contract made count: others could name it as their callback, with a version of their own.
    function onAnswer(bytes32 requestId, uint256, bytes[] calldata outputs) external {
        if (msg.sender != address(inference)) revert NotInference(msg.sender);
        if (_readings[requestId].status != Status.ASKED) revert NotAsked(requestId);
        if (outputs.length != 1 || outputs[0].length != labels * WORD_BYTES) {
            revert NotTheScores(outputs.length, outputs.length == 0 ? 0 : outputs[0].length);
        }

        uint16 label = _argmax(outputs[0]);
        _readings[requestId] = Reading(Status.READ, label);
        emit LabelRead(requestId, label);
    }

    /// @notice What became of a question. `label` means something once the status is `READ`.
    function reading(bytes32 requestId) external view returns (Status status, uint16 label) {
        Reading memory r = _readings[requestId];
        return (r.status, r.label);
    }

    /// @notice What a callback may take.
    function callbackGas() public view returns (uint32) {
        return CALLBACK_GAS + labels * CALLBACK_GAS_PER_LABEL;
    }

    /* MONEY */

    /// @notice Fetches what this contract is owed: fees that came back from `Inference`, bounties for late answers from `Staking`.
    function collect(IPayouts debtor) external returns (uint256 amount) {
        return debtor.withdrawCredit(address(this));
    }

    /// @notice Takes OPG out.
    function withdraw(address to, uint256 amount) external onlyOwner {
        opg.safeTransfer(to, amount);
    }

    /* INTERNAL */

    /// @dev The first of the greatest scores, as the tensor machine's ARGMAX finds it.
    function _argmax(bytes calldata words) private view returns (uint16 best) {
        int256 greatest = _order(words, 0);
        for (uint16 i = 1; i < labels; ++i) {
            int256 score = _order(words, i);
            if (score > greatest) (best, greatest) = (i, score);
        }
    }

    /// @dev An integer that orders as the float32 does: magnitude bits under the sign. Both zeros are equal. A NaN is below everything, so that it never wins.
    function _order(bytes calldata words, uint256 index) private pure returns (int256) {
        uint32 word = uint32(bytes4(words[index * WORD_BYTES:]));
        uint32 magnitude = word & 0x7fffffff;
        if (magnitude > 0x7f800000) return type(int32).min;
        return word == magnitude ? int256(uint256(magnitude)) : -int256(uint256(magnitude));
    }
}
