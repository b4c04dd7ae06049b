// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Payouts} from "../Payouts.sol";

/// @dev Opens the inner functions of Payouts. Whoever tests with it first sends it the tokens that it will owe.
contract PayoutsHarness is Payouts {
    constructor(IERC20 opg) Payouts(opg) {}

    function credit(address account, uint256 amount) external {
        _credit(account, amount);
    }

    function splitFee(
        uint256 fee,
        uint256 protocolFeeBps,
        address treasury,
        address[] calldata accounts,
        uint256[] calldata amounts
    ) external returns (uint256 rest) {
        return _splitFee(fee, protocolFeeBps, treasury, accounts, amounts);
    }
}
