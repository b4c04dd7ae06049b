// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Payouts} from "./Payouts.sol";
import {IIncomes} from "./interfaces/IIncomes.sol";
import {IStaking} from "./interfaces/IStaking.sol";

/// @title Incomes of operators
/// @dev As with a credit, whoever calls `_earn` must hold the tokens already and no longer owe them to anybody else.
abstract contract Incomes is IIncomes, Payouts {
    using SafeERC20 for IERC20;

    /// @inheritdoc IIncomes
    IStaking public immutable staking;

    mapping(address operator => uint256 amount) private _incomes;

    constructor(IERC20 opg, IStaking staking_) Payouts(opg) {
        staking = staking_;
    }

    /// @inheritdoc IIncomes
    function incomeOf(address operator) external view returns (uint256 amount) {
        return _incomes[operator];
    }

    /// @inheritdoc IIncomes
    function payIncome(address operator) external returns (uint256 amount) {
        amount = _incomes[operator];
        if (amount == 0) revert NoIncome(operator);

        _incomes[operator] = 0;
        emit IncomePaid(operator, amount);

        _opg.forceApprove(address(staking), amount);
        staking.reward(operator, amount);
    }

    /// @dev Nothing happens for zero: no event, no write.
    function _earn(address operator, uint256 amount) internal {
        if (amount == 0) return;
        _incomes[operator] += amount;
        emit Earned(operator, amount);
    }
}
