// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Pull payments in OPG
/// @notice What a contract owes is credited here and leaves only when its owner fetches it: a payee can never block a payment.
/// The contract always holds at least what all accounts together may fetch; their sum follows from the events.
interface IPayouts {
    /// @notice `amount` was credited to `account`.
    event Credited(address indexed account, uint256 amount);
    /// @notice `account` fetched `amount` and sent it to `to`.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    /// @notice There is nothing to fetch.
    error NothingToWithdraw(address account);

    /// @notice What `account` may fetch now, in wei of OPG.
    function creditOf(address account) external view returns (uint256 amount);

    /// @notice Sends all of the caller's credit to `to`.
    function withdrawCredit(address to) external returns (uint256 amount);
}
