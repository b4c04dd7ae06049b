// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IStaking} from "../interfaces/IStaking.sol";
import {Calls} from "./Calls.sol";

/// @title Slashing that cannot hold up anybody else's money
/// @dev `Staking` refuses a module that governance took the role from. What a module owes to users and challengers must not hang on that.
library Penalty {
    /// @dev Several times what a slash takes. Whoever ends an obligation brings so much, lest it lets the slash run dry and the rest go through.
    uint256 internal constant SLASH_GAS = 500_000;

    /// @notice Slashes, or gives zeros when `staking` refuses.
    function impose(IStaking staking, address operator, uint256 amount, address beneficiary)
        internal
        returns (uint256 slashed, uint256 bounty)
    {
        Calls.checkGas(SLASH_GAS);
        try staking.slash{gas: SLASH_GAS}(operator, amount, beneficiary) returns (uint256 slashed_, uint256 bounty_) {
            return (slashed_, bounty_);
        } catch {
            return (0, 0);
        }
    }
}
