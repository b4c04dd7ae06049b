// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IStaking} from "../interfaces/IStaking.sol";

/// @dev When a key served, both ends inclusive.
struct KeyLife {
    uint64 since;
    uint64 until;
}

/// @title The serving keys of one operator
/// @dev A key serves once, from one second to another: so for every answer, however old, it can be said whether its key could sign it.
library Keys {
    /// @notice Lets `key` serve from now on instead of `previous`, which may be zero.
    function rotate(mapping(address key => KeyLife) storage self, address key, address previous) internal {
        KeyLife storage life = self[key];
        if (life.since != 0) revert IStaking.KeyUsed(key);
        life.since = uint64(block.timestamp);
        life.until = type(uint64).max;
        if (previous != address(0)) self[previous].until = uint64(block.timestamp);
    }

    /// @notice Whether `key` served at `time`.
    function servedAt(mapping(address key => KeyLife) storage self, address key, uint256 time) internal view returns (bool) {
        KeyLife memory life = self[key];
        return life.since != 0 && life.since <= time && time <= life.until;
    }
}
