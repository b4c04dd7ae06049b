// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";

import {Action, Hole, IGenesis} from "./interfaces/IGenesis.sol";

/// @title The whole deployment, as one commitment
contract Genesis is IGenesis {
    uint8 private constant MAX_PART = 0x7f; // a nonce up to here is one byte of RLP
    uint256 private constant ADDRESS_BYTES = 20;

    /// @inheritdoc IGenesis
    bytes32 public next;
    /// @inheritdoc IGenesis
    uint8 public partCount;

    constructor(bytes32 plan) {
        next = plan;
    }

    /// @inheritdoc IGenesis
    function run(Action[] calldata step, bytes32 rest) external {
        bytes32 given = keccak256(abi.encode(step, rest));
        if (given != next) revert NotTheNextStep(given, next);
        next = rest;
        for (uint256 i = 0; i < step.length; ++i) {
            bytes memory data = _filled(step[i]);
            if (step[i].to == 0) _create(data);
            else Address.functionCall(partAddress(step[i].to), data);
        }
        emit StepRun(rest);
    }

    /// @inheritdoc IGenesis
    function partAddress(uint8 part) public view returns (address) {
        if (part > MAX_PART) revert NoSuchPart(part);
        if (part == 0) return address(this);
        return address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), part)))));
    }

    function _create(bytes memory initCode) private {
        address at;
        assembly ("memory-safe") {
            at := create(0, add(initCode, 0x20), mload(initCode))
        }
        if (at == address(0)) LowLevelCall.bubbleRevert();
        emit PartCreated(++partCount, at);
    }

    function _filled(Action calldata action) private view returns (bytes memory data) {
        data = action.data;
        for (uint256 i = 0; i < action.holes.length; ++i) {
            Hole calldata hole = action.holes[i];
            bytes20 part = bytes20(partAddress(hole.part));
            for (uint256 j = 0; j < ADDRESS_BYTES; ++j) {
                data[hole.at + j] = part[j];
            }
        }
    }
}
