// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IAnswerReceiver, IInference} from "../interfaces/IInference.sol";
import {Mode} from "../interfaces/IModels.sol";
import {IPayouts} from "../interfaces/IPayouts.sol";

/// @title A contract that reads handwriting
/// @notice An example of a consumer: it asks a model for the digit in a picture and gets the answer by callback, once nobody can dispute it any more.
/// @dev Send it OPG first; it pays each question from its own balance.
contract DigitReader is IAnswerReceiver, Ownable {
    using SafeERC20 for IERC20;

    /* TYPES */

    enum Status {
        NEVER_ASKED,
        ASKED,
        READ
    }

    struct Reading {
        Status status;
        uint8 digit;
    }

    /* EVENTS AND ERRORS */

    event Asked(bytes32 indexed requestId, address indexed operator);
    event DigitRead(bytes32 indexed requestId, uint256 digit);

    /// @notice Only the Inference contract brings answers.
    error NotInference(address caller);
    error NotAsked(bytes32 requestId);
    error NotTenWords(uint256 tensors, uint256 byteLength);

    /* STORAGE */

    uint256 private constant DIGITS = 10;
    uint256 private constant WORD_BYTES = 4;
    /// @dev Enough for `onAnswer`, with a margin. Whoever finalises pays for it.
    uint32 private constant CALLBACK_GAS = 60_000;

    IERC20 public immutable opg;
    IInference public immutable inference;
    uint256 public immutable versionId;

    mapping(bytes32 requestId => Reading) private _readings;

    /// @param versionId_ A version that takes one picture, and gives one score (float32) for each digit.
    constructor(IERC20 opg_, IInference inference_, uint256 versionId_, address owner_) Ownable(owner_) {
        opg = opg_;
        inference = inference_;
        versionId = versionId_;
        opg_.forceApprove(address(inference_), type(uint256).max);
    }

    /* ASKING */

    /// @notice Asks `operator` which digit this is.
    /// @param picture The model's input as packed big-endian float32 words.
    /// @param fee At least the operator's price; taken from this contract's balance.
    /// @param deadline Unix seconds; later than that the operator pays for being late.
    function ask(address operator, bytes calldata picture, uint96 fee, uint64 deadline)
        external
        onlyOwner
        returns (bytes32 requestId)
    {
        bytes[] memory inputs = new bytes[](1);
        inputs[0] = picture;
        requestId = inference.request(
            versionId, operator, inputs, uint8(Mode.OPTIMISTIC), fee, deadline, address(this), CALLBACK_GAS
        );
        _readings[requestId].status = Status.ASKED;
        emit Asked(requestId, operator);
    }

    /// @inheritdoc IAnswerReceiver
    /// @dev Only requests that this contract made count: others could name it as their callback, with a version of their own.
    function onAnswer(bytes32 requestId, uint256, bytes[] calldata outputs) external {
        if (msg.sender != address(inference)) revert NotInference(msg.sender);
        if (_readings[requestId].status != Status.ASKED) revert NotAsked(requestId);
        if (outputs.length != 1 || outputs[0].length != DIGITS * WORD_BYTES) {
            revert NotTenWords(outputs.length, outputs.length == 0 ? 0 : outputs[0].length);
        }

        uint8 digit = _argmax(outputs[0]);
        _readings[requestId] = Reading(Status.READ, digit);
        emit DigitRead(requestId, digit);
    }

    /// @notice What became of a question. `digit` means something once the status is `READ`.
    function reading(bytes32 requestId) external view returns (Status status, uint8 digit) {
        Reading memory r = _readings[requestId];
        return (r.status, r.digit);
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
    function _argmax(bytes calldata words) private pure returns (uint8 best) {
        int256 greatest = _order(words, 0);
        for (uint8 i = 1; i < DIGITS; ++i) {
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
