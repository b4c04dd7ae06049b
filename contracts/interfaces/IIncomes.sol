// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IPayouts} from "./IPayouts.sol";
import {IStaking} from "./IStaking.sol";

/// @title Incomes of operators
/// @notice The operator's part of a fee belongs to all whose stake backs the operator. It gathers here, and goes on to `Staking`, which knows who they are.
/// @dev One transfer for any number of fees. Anyone may send it on, so that no operator holds back what its delegators have earned.
/// Warning: whose part is how large is decided when it is sent on. Delegators do that before they leave, and before a higher commission that was announced.
interface IIncomes is IPayouts {
    /// @notice `amount` of a fee is the operator's and its delegators'.
    event Earned(address indexed operator, uint256 amount);
    /// @notice All that had gathered went on to `Staking.reward`.
    event IncomePaid(address indexed operator, uint256 amount);

    /// @notice Nothing has gathered for the operator.
    error NoIncome(address operator);

    /// @notice Where stake is, and where incomes go.
    function staking() external view returns (IStaking);

    /// @notice What has gathered for an operator, in wei of OPG.
    function incomeOf(address operator) external view returns (uint256 amount);

    /// @notice Sends what has gathered on to `Staking`, where it is split. Anyone may call.
    function payIncome(address operator) external returns (uint256 amount);
}
