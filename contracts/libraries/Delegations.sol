// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IStaking} from "../interfaces/IStaking.sol";
import {Pool, Pools} from "./Pools.sol";

/// @dev What one delegator has with one operator. `place` is the operator's place in the delegator's list, from one; zero: not in it.
struct Delegation {
    uint120 earning;
    uint120 warming;
    uint8 place;
    uint40 epoch;
    uint40 warmAt;
    uint256 settledAt; // income per share that was paid out
    Checkpoints.Trace208 votes;
}

/// @dev What all delegators have with one operator.
struct DelegatedPool {
    Pool pool;
    uint120 earning;
    uint120 thawing;
    uint256 incomePerShare; // since ever
    mapping(uint256 epoch => uint256) finalIncomePerShare;
    mapping(address delegator => Delegation) delegations;
}

/// @title Who earns what in a delegated pool
/// @dev Shares are warming, earning or thawing; the pool counts the last two. Income is an accumulator: what one share has ever earned, times 2¹²⁸. It only grows, also from epoch to
/// epoch, and one delegator's part of a difference is rounded down; so all parts together never exceed what came in.
///
/// A share is as slow to earn as to leave. It warms for as long as it would thaw, which is longer than any answer can be disputed: so
/// **whoever earns from an income has been slashable since before any answer was signed that can still be disputed**. Coming just before the income earns nothing of
/// it; leaving just before the slash saves nothing.
///
/// No overflow: with E shares earning, an income of x adds at most x·2¹²⁸/E, so E shares of it are at most 2¹²⁸ times all income ever; 2³⁸ times the supply would fit.
library Delegations {
    using Checkpoints for Checkpoints.Trace208;
    using Pools for Pool;
    using SafeCast for uint256;

    uint256 private constant ONE = 1 << 128;

    /// @notice Gives `income` to the shares that earn; there must be some.
    function distribute(DelegatedPool storage self, uint256 income) internal {
        self.incomePerShare += Math.mulDiv(income, ONE, self.earning);
    }

    /// @notice What a delegation has earned and not been paid.
    function incomeOf(DelegatedPool storage self, Delegation storage d) internal view returns (uint256) {
        uint256 upTo = d.epoch == self.pool.epoch ? self.incomePerShare : self.finalIncomePerShare[d.epoch];
        return Math.mulDiv(d.earning, upTo - d.settledAt, ONE);
    }

    /// @notice Brings a delegation up to date. The caller credits `income`.
    /// @return income Earned since the last time.
    /// @return warmed Shares that earn from now on.
    function settle(DelegatedPool storage self, Delegation storage d) internal returns (uint256 income, uint256 warmed) {
        income = incomeOf(self, d);
        d.settledAt = self.incomePerShare;
        if (d.epoch != self.pool.epoch) (d.earning, d.warming, d.epoch) = (0, 0, self.pool.epoch);
        if (d.warming != 0 && block.timestamp >= d.warmAt) {
            warmed = d.warming;
            d.earning += d.warming;
            self.earning += d.warming;
            d.warming = 0;
        }
    }

    /// @notice Adds `amount` to a settled delegation; `odd` wei of it burn.
    function join(DelegatedPool storage self, Delegation storage d, uint256 amount, uint256 warmAt)
        internal
        returns (uint256 shares, uint256 odd)
    {
        Pool memory pool = self.pool;
        (shares, odd) = pool.add(amount);
        self.pool = pool;
        d.warming = (d.warming + shares).toUint120();
        d.warmAt = warmAt.toUint40();
        _record(d, pool);
    }

    /// @notice Takes `shares` of a settled delegation out of the active: first those that do not earn yet.
    function leave(DelegatedPool storage self, Delegation storage d, uint256 shares) internal {
        uint120 cold = Math.min(shares, d.warming).toUint120();
        uint120 warm = (shares - cold).toUint120();
        d.warming -= cold;
        d.earning -= warm;
        self.earning -= warm;
        self.thawing += cold + warm;
        _record(d, self.pool);
    }

    /// @notice Pays `shares` that have thawed; `odd` wei more burn.
    function exit(DelegatedPool storage self, address operator, uint256 shares)
        internal
        returns (uint256 amount, uint256 odd)
    {
        Pool memory pool = self.pool;
        (amount, odd) = pool.remove(shares);
        self.thawing -= shares.toUint120();
        _store(self, operator, pool, 0);
    }

    /// @notice Takes `amount` or all there is; `dust` more burns when the pool ends.
    function slash(DelegatedPool storage self, address operator, uint256 amount)
        internal
        returns (uint256 taken, uint256 dust)
    {
        Pool memory pool = self.pool;
        (taken, dust) = pool.slash(amount);
        _store(self, operator, pool, dust);
    }

    /// @notice Active shares, of the present epoch.
    function activeShares(DelegatedPool storage self, Delegation storage d) internal view returns (uint256) {
        return d.epoch == self.pool.epoch ? d.earning + d.warming : 0;
    }

    function _record(Delegation storage d, Pool memory pool) private {
        d.votes.push(uint48(block.timestamp), pool.stamp(d.earning + d.warming));
    }

    function _store(DelegatedPool storage self, address operator, Pool memory pool, uint256 dust) private {
        uint256 epoch = self.pool.epoch;
        self.pool = pool;
        if (pool.epoch != epoch) {
            self.finalIncomePerShare[epoch] = self.incomePerShare;
            (self.earning, self.thawing) = (0, 0);
            emit IStaking.PoolEnded(operator, false, epoch, dust);
        }
    }
}
