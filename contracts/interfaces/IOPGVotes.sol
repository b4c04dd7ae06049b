// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";

/// @title Votes of OPG, held or staked
/// @notice What the governor counts: votes of the token, as delegated there, and of the account's own active stake. Staked tokens are held by `Staking`, which delegates to
/// nobody, so no wei votes twice.
/// @dev A view of two other contracts; it keeps nothing. The total is the token's supply.
interface IOPGVotes is IERC5805 {
    /// @notice Votes of tokens are delegated on the token itself; votes of stake stay with their owner.
    error DelegateOnToken(address token);

    /// @notice The token.
    function opg() external view returns (address);

    /// @notice Where stake is.
    function staking() external view returns (address);
}
