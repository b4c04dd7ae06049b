// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Pool, Pools} from "../libraries/Pools.sol";

/// @dev Opens the share maths. Every function gives the pool afterwards, then what the library returns.
contract PoolsHarness {
    using Pools for Pool;

    function add(Pool memory pool, uint256 amount) external pure returns (Pool memory, uint256 shares, uint256 odd) {
        (shares, odd) = pool.add(amount);
        return (pool, shares, odd);
    }

    function remove(Pool memory pool, uint256 shares) external pure returns (Pool memory, uint256 amount, uint256 odd) {
        (amount, odd) = pool.remove(shares);
        return (pool, amount, odd);
    }

    function slash(Pool memory pool, uint256 amount) external pure returns (Pool memory, uint256 taken, uint256 dust) {
        (taken, dust) = pool.slash(amount);
        return (pool, taken, dust);
    }

    function worth(Pool memory pool, uint256 shares) external pure returns (uint256) {
        return pool.worth(shares);
    }

    function sharesFor(Pool memory pool, uint256 amount, uint256 available) external pure returns (uint256) {
        return pool.sharesFor(amount, available);
    }

    function stampedWorth(Pool memory stamped, uint256 shares, Pool memory later) external pure returns (uint256) {
        return later.worthOfStamp(stamped.stamp(shares));
    }
}
