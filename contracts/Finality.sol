// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {AnswerState, IInference} from "./interfaces/IInference.sol";
import {Bounds} from "./libraries/Bounds.sol";

/// @title Which answers are final
/// @dev Knows answers by their hashes alone: when they were recorded, how many games run against them, whether one of those refuted them. What an
/// answer says, whose it is and what hangs on it is for the heir.
abstract contract Finality is IInference, AccessControl {
    /* TYPES */

    /// @dev One slot. All open games are of the one module that contested last.
    struct AnswerRecord {
        uint40 recordedAt;
        uint32 openGames;
        bool refuted;
        address disputer;
    }

    /* CONSTANTS */

    /// @inheritdoc IInference
    bytes32 public constant DISPUTER_ROLE = keccak256("DISPUTER_ROLE");

    uint256 private constant MIN_WINDOW_SECONDS = 10 minutes;
    uint256 private constant MAX_WINDOW_SECONDS = 30 days;

    /* STORAGE */

    /// @inheritdoc IInference
    uint256 public immutable windowSeconds;

    /// @dev The heir writes `recordedAt`, the rest is written here.
    mapping(bytes32 answerHash => AnswerRecord) internal _answers;
    /// @inheritdoc IInference
    mapping(address module => bool) public retired;

    /* CONSTRUCTOR */

    /// @param admin Grants the roles.
    constructor(address admin, uint256 windowSeconds_) {
        Bounds.check("windowSeconds", windowSeconds_, MIN_WINDOW_SECONDS, MAX_WINDOW_SECONDS);
        windowSeconds = windowSeconds_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* GAMES */

    /// @inheritdoc IInference
    function contest(bytes32 answerHash) external onlyRole(DISPUTER_ROLE) {
        AnswerRecord memory a = _answers[answerHash];
        if (a.refuted) revert AnswerRefuted(answerHash);
        uint256 until = a.recordedAt + windowSeconds;
        if (a.recordedAt != 0 && block.timestamp > until) revert WindowOver(until);
        uint32 openGames = _openGames(a);
        if (openGames != 0 && a.disputer != msg.sender) revert ContestedElsewhere(answerHash, a.disputer);

        _answers[answerHash] = AnswerRecord(a.recordedAt, ++openGames, false, msg.sender);
        emit Contested(answerHash, msg.sender, openGames);
    }

    /// @inheritdoc IInference
    function release(bytes32 answerHash) external returns (bool counted) {
        return _endGame(answerHash, false);
    }

    /// @inheritdoc IInference
    function refute(bytes32 answerHash) external returns (bool counted) {
        counted = _endGame(answerHash, true);
        if (counted) emit Refuted(answerHash);
    }

    function _endGame(bytes32 answerHash, bool refuted) private returns (bool counted) {
        if (!hasRole(DISPUTER_ROLE, msg.sender)) {
            if (retired[msg.sender]) return false;
            _checkRole(DISPUTER_ROLE);
        }
        AnswerRecord memory a = _answers[answerHash];
        if (a.openGames == 0 || a.disputer != msg.sender) revert NotContested(answerHash);

        _answers[answerHash] = AnswerRecord(a.recordedAt, --a.openGames, a.refuted || refuted, msg.sender);
        emit Released(answerHash, msg.sender, a.openGames);
        return true;
    }

    /* MODULES */

    /// @dev Whoever asked for it can see that the module is out of office; its games must not keep a fee in escrow, nor an answer from being final.
    function _revokeRole(bytes32 role, address account) internal override returns (bool revoked) {
        revoked = super._revokeRole(role, account);
        if (revoked && role == DISPUTER_ROLE) retired[account] = true;
    }

    /// @dev An answer may have become final while the module's games did not count.
    function _grantRole(bytes32 role, address account) internal override returns (bool granted) {
        if (role == DISPUTER_ROLE && retired[account]) revert ModuleRetired(account);
        return super._grantRole(role, account);
    }

    /* VIEWS */

    /// @inheritdoc IInference
    function isFinal(bytes32 answerHash) public view returns (bool) {
        AnswerRecord memory a = _answers[answerHash];
        return a.recordedAt != 0 && !a.refuted && block.timestamp > a.recordedAt + windowSeconds && _openGames(a) == 0;
    }

    /// @inheritdoc IInference
    function answerState(bytes32 answerHash) external view returns (AnswerState memory) {
        AnswerRecord memory a = _answers[answerHash];
        return AnswerState(a.recordedAt, _openGames(a), a.refuted);
    }

    /// @dev A module that lost its role cannot end its games here: they do not count.
    function _openGames(AnswerRecord memory a) private view returns (uint32) {
        return a.openGames == 0 || retired[a.disputer] ? 0 : a.openGames;
    }
}
