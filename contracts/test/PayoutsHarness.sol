// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Payouts} from "../Payouts.sol";
import {IModels} from "../interfaces/IModels.sol";

/// @dev Opens the inner functions of Payouts. Whoever tests with it first sends it the tokens that it will owe.
contract PayoutsHarness is Payouts {
    constructor(IERC20 opg) Payouts(opg) {}

    function credit(address account, uint256 amount) external {
        _credit(account, amount);
    }

    function splitFee(uint256 modelId, uint256 fee, uint16 protocolFeeBps, address treasury, IModels models)
        external
        returns (uint256 rest)
    {
        return _splitFee(modelId, fee, protocolFeeBps, treasury, models);
    }
}

/// @dev Any payees for any model, more than one model has by itself.
contract FixedPayees {
    address[] private _accounts;
    uint16[] private _sharesBps;

    constructor(address[] memory accounts, uint16[] memory sharesBps) {
        _accounts = accounts;
        _sharesBps = sharesBps;
    }

    function payees(uint256) external view returns (address[] memory accounts, uint16[] memory sharesBps) {
        return (_accounts, _sharesBps);
    }
}
