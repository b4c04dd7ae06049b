// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Game, IDisputes, Phase} from "../interfaces/IDisputes.sol";

/// @title The chess clock of a game
/// @notice Each side has a total and, even when that is used up, a minimum for every move. Only the side to move pays.
library Clock {
    /// @notice Whether the game waits for the operator, not for the challenger.
    function waitsForOperator(Game storage game) internal view returns (bool) {
        Phase phase = game.phase;
        return phase == Phase.REVEAL_TRACE || phase == Phase.REVEAL_TRACE_NODES || phase == Phase.REVEAL_NODES
            || phase == Phase.REVEAL_CHUNK;
    }

    /// @notice Whether there are moves to come.
    function isRunning(Game storage game) internal view returns (bool) {
        Phase phase = game.phase;
        return phase != Phase.NONE && phase != Phase.OPERATOR_WON && phase != Phase.CHALLENGER_WON;
    }

    /// @notice The last second at which the side to move can move.
    function lastSecond(Game storage game, uint256 moveSeconds) internal view returns (uint256) {
        uint256 left = waitsForOperator(game) ? game.operatorSeconds : game.challengerSeconds;
        return game.turnSince + (left > moveSeconds ? left : moveSeconds);
    }

    /// @notice Ends the running turn, now, and begins the next.
    function press(Game storage game, uint256 moveSeconds) internal {
        uint256 last = lastSecond(game, moveSeconds);
        if (block.timestamp > last) revert IDisputes.TooLate(last);
        uint256 elapsed = block.timestamp - game.turnSince;
        // The minimum for a move may exceed what is left, so the clock stops at zero instead of below.
        if (waitsForOperator(game)) game.operatorSeconds = _minus(game.operatorSeconds, elapsed);
        else game.challengerSeconds = _minus(game.challengerSeconds, elapsed);
        game.turnSince = uint40(block.timestamp);
    }

    function _minus(uint24 left, uint256 elapsed) private pure returns (uint24) {
        return elapsed < left ? uint24(left - elapsed) : 0;
    }
}
