// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ContractKey} from "./ContractKey.sol";

/// @dev A contract wallet: its owner signs for it (ERC-1271) and acts through it.
contract Wallet1271 is ContractKey {
    error NotTheOwner(address caller);

    constructor(address owner_) ContractKey(owner_) {}

    function execute(address target, bytes calldata data) external returns (bytes memory) {
        if (msg.sender != owner) revert NotTheOwner(msg.sender);
        (bool done, bytes memory result) = target.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
        return result;
    }
}
