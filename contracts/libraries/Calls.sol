// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IInference} from "../interfaces/IInference.sol";

/// @title Calls that cannot hurt the caller
library Calls {
    /// @dev Behind the check the call itself still costs: a cold account and the memory for its arguments' bookkeeping; and the caller
    /// has to finish afterwards. Generous, as it only decides who pays for the gas.
    uint256 private constant OVERHEAD = 10_000;

    /// @notice Reverts unless so much gas is left that a call really gets `callGas`.
    /// @dev A call gets at most 63/64 of what is left (EIP-150), and less than asked for without any complaint.
    function checkGas(uint256 callGas) internal view {
        uint256 needed = callGas + callGas / 63 + OVERHEAD;
        if (gasleft() < needed) revert IInference.NotEnoughGas(gasleft(), needed);
    }

    /// @notice Calls `target` with `data` and `callGas`, and looks at nothing but whether it succeeded: what it returns is not even copied.
    /// Without code there is nothing that could succeed.
    function tryCall(address target, uint256 callGas, bytes memory data) internal returns (bool success) {
        if (target.code.length == 0) return false;
        assembly ("memory-safe") {
            success := call(callGas, target, 0, add(data, 0x20), mload(data), 0, 0)
        }
    }
}
