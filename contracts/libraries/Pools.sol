// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IStaking} from "../interfaces/IStaking.sol";

/// @dev `tokens` wei belong to `shares` shares. Shares of another epoch than the present one are worth nothing.
struct Pool {
    uint96 tokens;
    uint120 shares;
    uint40 epoch;
}

/// @title Stake that is slashed together
/// @dev Whoever has stake in a pool has shares of it, and keeps them while the stake thaws: so a slash is one subtraction, whoever is in the pool and
/// on whatever way out. With T wei and S shares:
///
///     add(a)       s = ⌊a·S/T⌋ (a when S = 0)      T += ⌊s·T/S⌋       S += s
///     remove(s)    pays ⌊s·T/S⌋                    T  = ⌊(S−s)·T/S⌋   S −= s
///     slash(x)                                     T −= x
///
/// The price T/S is at most one and **never rises**: each line keeps T'/S' ≤ T/S, for the wei that does not divide (at most one a line) is left to
/// nobody and burns. Hence
///
/// - what is added is never worth more than was paid, nobody gains by the order of exits, and no exit underflows;
/// - shares that somebody had in the past, at the present price, are worth no more than what they had then. Votes rest on this.
///
/// An empty pool has the price one. So a pool below that price ends when it has no wei left: its epoch counts on, and the next pool begins. It ends too
/// when a slash leaves less than 1 OPG and less than a billionth of a wei a share; what is left burns. Nothing can be added below that price, so
/// S ≤ 10⁹·10²⁷ < 2¹²⁰, the supply being 10²⁷ wei, and no product overflows.
library Pools {
    using SafeCast for uint256;

    uint256 private constant MAX_SHARES_PER_WEI = 1e9;
    uint256 private constant DUST = 1e18;
    uint256 private constant SHARE_BITS = 120;

    /// @notice Adds `amount` wei; `odd` of them burn.
    function add(Pool memory pool, uint256 amount) internal pure returns (uint256 shares, uint256 odd) {
        if (pool.shares == 0) {
            shares = amount;
        } else {
            if (_isSpent(pool)) revert IStaking.PoolSpent(pool.tokens, pool.shares);
            shares = amount * pool.shares / pool.tokens;
            odd = amount - worth(pool, shares);
        }
        pool.tokens = (pool.tokens + amount - odd).toUint96();
        pool.shares = (pool.shares + shares).toUint120();
    }

    /// @notice Takes `shares` out, which pays `amount` wei; `odd` more burn. Ends the pool when nothing is left and it was slashed.
    function remove(Pool memory pool, uint256 shares) internal pure returns (uint256 amount, uint256 odd) {
        uint256 left = pool.shares - shares;
        uint256 tokensLeft = worth(pool, left);
        amount = worth(pool, shares);
        odd = pool.tokens - tokensLeft - amount;
        bool wasWhole = pool.tokens == pool.shares;
        pool.tokens = tokensLeft.toUint96();
        pool.shares = left.toUint120();
        if (tokensLeft == 0 && !wasWhole) end(pool);
    }

    /// @notice Takes `amount` wei or all there is, from all shares alike; `dust` more burns when that ends the pool.
    function slash(Pool memory pool, uint256 amount) internal pure returns (uint256 taken, uint256 dust) {
        if (pool.shares == 0) return (0, 0);
        taken = Math.min(amount, pool.tokens);
        pool.tokens -= uint96(taken);
        if (_isSpent(pool) && pool.tokens < DUST) {
            dust = pool.tokens;
            end(pool);
        }
    }

    /// @notice Closes the pool; all its shares are worth nothing from now on.
    function end(Pool memory pool) internal pure {
        (pool.tokens, pool.shares, pool.epoch) = (0, 0, pool.epoch + 1);
    }

    /// @notice What `shares` of the present epoch would pay.
    function worth(Pool memory pool, uint256 shares) internal pure returns (uint256 amount) {
        return pool.shares == 0 ? shares : shares * pool.tokens / pool.shares;
    }

    /// @notice How many out of `available` shares are worth exactly `amount`, not more than they all are: the fewest, but all of them for all they are worth.
    function sharesFor(Pool memory pool, uint256 amount, uint256 available) internal pure returns (uint256 shares) {
        if (amount == worth(pool, available)) return available;
        return Math.ceilDiv(amount * pool.shares, pool.tokens);
    }

    /// @notice Shares together with their epoch, for a history.
    function stamp(Pool memory pool, uint256 shares) internal pure returns (uint208) {
        return uint208(uint256(pool.epoch) << SHARE_BITS | shares);
    }

    /// @notice What stamped shares are worth now.
    function worthOfStamp(Pool memory pool, uint208 stamped) internal pure returns (uint256 amount) {
        return stamped >> SHARE_BITS == pool.epoch ? worth(pool, stamped & type(uint120).max) : 0;
    }

    function _isSpent(Pool memory pool) private pure returns (bool) {
        return pool.tokens * MAX_SHARES_PER_WEI < pool.shares;
    }
}
