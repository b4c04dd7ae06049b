// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IPayouts} from "./interfaces/IPayouts.sol";

/// @title Pull payments in OPG
/// @dev Inherited by every contract that holds OPG for others. A credit is a promise: whoever calls `_credit` must hold the tokens already and no longer owe them to
/// anybody else, so that everything owed never exceeds the contract's balance.
abstract contract Payouts is IPayouts {
    using SafeERC20 for IERC20;

    uint256 internal constant BPS = 10_000;

    IERC20 internal immutable _opg;

    mapping(address account => uint256 amount) private _credits;

    constructor(IERC20 opg) {
        _opg = opg;
    }

    /// @inheritdoc IPayouts
    function creditOf(address account) external view returns (uint256 amount) {
        return _credits[account];
    }

    /// @inheritdoc IPayouts
    function withdrawCredit(address to) external returns (uint256 amount) {
        amount = _credits[msg.sender];
        if (amount == 0) revert NothingToWithdraw(msg.sender);

        _credits[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amount);

        _opg.safeTransfer(to, amount);
    }

    /// @dev Owes `amount` to `account`. Nothing happens for zero: no event, no write.
    function _credit(address account, uint256 amount) internal {
        if (amount == 0) return;
        _credits[account] += amount;
        emit Credited(account, amount);
    }

    /// @dev Takes `amount` out of an account's credit, if there is so much. The caller says so in an event and owes the tokens for something else now.
    function _spendCredit(address account, uint256 amount) internal returns (bool spent) {
        uint256 credit = _credits[account];
        spent = credit >= amount;
        if (spent) _credits[account] = credit - amount;
    }

    /// @dev Credits the treasury's and the model's shares of one fee, as `IModels.split` gives them. Every share is rounded down, so what is lost to
    /// rounding stays in the rest and all parts sum exactly to the fee.
    /// @return rest What is left for the operator; the caller credits it.
    function _splitFee(
        uint256 fee,
        uint256 protocolFeeBps,
        address treasury,
        address[] memory accounts,
        uint256[] memory amounts
    ) internal returns (uint256 rest) {
        uint256 share = fee * protocolFeeBps / BPS;
        rest = fee - share;
        _credit(treasury, share);

        for (uint256 i = 0; i < accounts.length; ++i) {
            rest -= amounts[i];
            _credit(accounts[i], amounts[i]);
        }
    }
}
