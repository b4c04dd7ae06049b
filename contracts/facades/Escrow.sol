// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IInference} from "../interfaces/IInference.sol";
import {IPayouts} from "../interfaces/IPayouts.sol";

/// @title The purse of one user of a facade
/// @dev One contract for each user, so that nothing has to be booked: a request that ends without being paid can be closed by anybody, and `Inference`
/// does not tell afterwards how it ended, nor who of the askers behind one address a bounty belongs to.
contract Escrow is IEscrow {
    using SafeERC20 for IERC20;

    /// @inheritdoc IEscrow
    address public immutable user;
    /// @inheritdoc IEscrow
    address public immutable facade;
    IERC20 private immutable _opg;
    IInference private immutable _inference;
    IPayouts private immutable _staking;

    constructor(address user_, IERC20 opg, IInference inference, IPayouts staking) {
        user = user_;
        facade = msg.sender;
        _opg = opg;
        _inference = inference;
        _staking = staking;
        opg.forceApprove(address(inference), type(uint256).max);
    }

    /// @inheritdoc IEscrow
    function ask(uint256 versionId, address operator, bytes[] calldata inputs, uint8 mode, uint96 fee)
        external
        returns (bytes32 requestId)
    {
        if (msg.sender != facade) revert NotTheFacade(msg.sender, facade);
        // `Inference` takes a fee from one pocket: from the credit if that covers it, else all of it from here
        if (_owedBy(IPayouts(address(_inference))) < fee) _need(fee);
        uint64 deadline = uint64(block.timestamp) + _inference.minResponseSeconds();
        return _inference.request(versionId, operator, inputs, mode, fee, deadline, address(0), 0);
    }

    /// @inheritdoc IEscrow
    function collect() public {
        _fetch(IPayouts(address(_inference)));
        _fetch(_staking);
    }

    /// @inheritdoc IEscrow
    function withdraw(address to, uint256 amount) external {
        if (msg.sender != user) revert NotTheUser(msg.sender, user);
        _need(amount);
        emit EscrowWithdrawn(to, amount);
        _opg.safeTransfer(to, amount);
    }

    /// @inheritdoc IEscrow
    function available() public view returns (uint256) {
        return _opg.balanceOf(address(this)) + _owedBy(IPayouts(address(_inference))) + _owedBy(_staking);
    }

    function _need(uint256 amount) private {
        if (_opg.balanceOf(address(this)) >= amount) return;
        if (available() < amount) revert NotEnoughEscrow(available(), amount);
        collect();
    }

    function _fetch(IPayouts debtor) private {
        if (_owedBy(debtor) != 0) debtor.withdrawCredit(address(this));
    }

    function _owedBy(IPayouts debtor) private view returns (uint256) {
        return debtor.creditOf(address(this));
    }
}
