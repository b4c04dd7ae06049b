// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";

import {IOPGVotes} from "./interfaces/IOPGVotes.sol";
import {IStaking} from "./interfaces/IStaking.sol";

/// @title Votes of OPG, held or staked
contract OPGVotes is IOPGVotes {
    IERC5805 private immutable _opg;
    IStaking private immutable _staking;

    constructor(IERC5805 opg_, IStaking staking_) {
        _opg = opg_;
        _staking = staking_;
    }

    /// @inheritdoc IOPGVotes
    function opg() external view returns (address) {
        return address(_opg);
    }

    /// @inheritdoc IOPGVotes
    function staking() external view returns (address) {
        return address(_staking);
    }

    function getVotes(address account) external view returns (uint256) {
        return _opg.getVotes(account) + _staking.getVotes(account);
    }

    function getPastVotes(address account, uint256 timepoint) external view returns (uint256) {
        return _opg.getPastVotes(account, timepoint) + _staking.getPastVotes(account, timepoint);
    }

    function getPastTotalSupply(uint256 timepoint) external view returns (uint256) {
        return _opg.getPastTotalSupply(timepoint);
    }

    function delegates(address account) external view returns (address) {
        return _opg.delegates(account);
    }

    function delegate(address) external view {
        revert DelegateOnToken(address(_opg));
    }

    function delegateBySig(address, uint256, uint256, uint8, bytes32, bytes32) external view {
        revert DelegateOnToken(address(_opg));
    }

    function clock() external view returns (uint48) {
        return _opg.clock();
    }

    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() external view returns (string memory) {
        return _opg.CLOCK_MODE();
    }
}
