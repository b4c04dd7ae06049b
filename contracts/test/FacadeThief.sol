// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IAnswerReceiver} from "../interfaces/IInference.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {ModelInput} from "../interfaces/IOpenGradient.sol";
import {IOpenGradientFacade} from "../interfaces/IOpenGradientFacade.sol";

/// @dev While it is called back it asks as often as it can, and tries to empty a purse of somebody else.
contract FacadeThief is IAnswerReceiver {
    IERC20 private immutable _opg;
    IOpenGradientFacade private immutable _facade;
    IEscrow private immutable _victim;

    bytes private _question;
    uint256 public asked;
    uint256 public stolen;

    constructor(IERC20 opg, IOpenGradientFacade facade, IEscrow victim) {
        _opg = opg;
        _facade = facade;
        _victim = victim;
    }

    /// @dev Pays in just enough for one question.
    function arm(string calldata modelId, ModelInput calldata input, uint96 amount) external {
        _opg.approve(address(_facade), amount);
        _facade.deposit(amount, type(uint96).max);
        _question = abi.encodeCall(_facade.run, (modelId, 0, input));
    }

    function onAnswer(bytes32, uint256, bytes[] calldata) external {
        uint256 before = _opg.balanceOf(address(this));
        for (uint256 i = 0; i < 2; ++i) {
            (bool success,) = address(_facade).call(_question);
            if (success) ++asked;
        }
        bytes[] memory inputs;
        bytes[3] memory tries = [
            abi.encodeCall(IEscrow.withdraw, (address(this), 1)),
            abi.encodeCall(IEscrow.ask, (1, address(this), inputs, 0, 1)),
            abi.encodeCall(IEscrow.collect, ())
        ];
        for (uint256 i = 0; i < tries.length; ++i) {
            (bool success,) = address(_victim).call(tries[i]);
            success; // none of them may bring anything
        }
        stolen = _opg.balanceOf(address(this)) - before;
    }
}
