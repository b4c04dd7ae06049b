// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @dev A serving key that is a contract: signs with its owner's signature, as long as it likes.
contract ContractKey is IERC1271 {
    address public immutable owner;
    bool public repudiated;

    constructor(address owner_) {
        owner = owner_;
    }

    function repudiate() external {
        repudiated = true;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address signer,,) = ECDSA.tryRecoverCalldata(hash, signature);
        return !repudiated && signer == owner ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
