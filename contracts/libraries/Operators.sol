// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IStaking} from "../interfaces/IStaking.sol";
import {Pool, Pools} from "./Pools.sol";

/// @dev Slashes write the first two slots, locks the second. `registered` keeps that from becoming empty: locking again then costs a sixth.
struct Operator {
    Pool own;
    uint120 thawing;
    uint96 locked;
    uint32 jailedUntil;
    bool registered;
    uint120 warming;
    uint40 warmAt;
    uint16 commissionBps;
    uint16 nextCommissionBps;
    uint40 nextCommissionAt;
    address key;
    string endpoint;
    Checkpoints.Trace208 votes;
}

/// @title An operator's own stake
/// @dev All shares of the pool are the operator's: thawing, warming or earning; only the first two are counted.
library Operators {
    using Checkpoints for Checkpoints.Trace208;
    using Pools for Pool;
    using SafeCast for uint256;

    /// @notice Adds `amount`; `odd` wei of it burn. What was added has no part in the income before `warmAt`, nor what did not before.
    function join(Operator storage self, uint256 amount, uint256 warmAt) internal returns (uint256 shares, uint256 odd) {
        Pool memory pool = self.own;
        (shares, odd) = pool.add(amount);
        self.own = pool;
        self.warming = (warmingShares(self) + shares).toUint120();
        self.warmAt = warmAt.toUint40();
        _record(self);
    }

    /// @notice Takes `shares` out of the active: first those that do not earn yet.
    function leave(Operator storage self, uint256 shares) internal {
        self.warming = Math.saturatingSub(self.warming, shares).toUint120();
        self.thawing += shares.toUint120();
        _record(self);
    }

    /// @notice Pays `shares` that have thawed; `odd` wei more burn.
    function exit(Operator storage self, address operator, uint256 shares) internal returns (uint256 amount, uint256 odd) {
        Pool memory pool = self.own;
        (amount, odd) = pool.remove(shares);
        self.thawing -= shares.toUint120();
        _store(self, operator, pool, 0);
    }

    /// @notice Takes `amount` or all there is; `dust` more burns when the pool ends.
    function slash(Operator storage self, address operator, uint256 amount)
        internal
        returns (uint256 taken, uint256 dust)
    {
        Pool memory pool = self.own;
        (taken, dust) = pool.slash(amount);
        _store(self, operator, pool, dust);
    }

    function activeShares(Operator storage self) internal view returns (uint256) {
        return self.own.shares - self.thawing;
    }

    /// @notice Stake that neither thaws nor left.
    function active(Operator storage self) internal view returns (uint256) {
        Pool memory pool = self.own;
        return pool.worth(pool.shares - self.thawing);
    }

    /// @notice Stake that has a part in the income.
    function earning(Operator storage self) internal view returns (uint256) {
        return self.own.worth(activeShares(self) - warmingShares(self));
    }

    /// @notice Active stake that is not locked. A slash may have taken stake that is locked; nothing is free then.
    function free(Operator storage self) internal view returns (uint256) {
        return Math.saturatingSub(active(self), self.locked);
    }

    /// @notice Active shares that have no part in the income yet.
    function warmingShares(Operator storage self) internal view returns (uint256) {
        return block.timestamp < self.warmAt ? self.warming : 0;
    }

    /// @notice The commission of this moment.
    function commission(Operator storage self) internal view returns (uint256) {
        return block.timestamp < self.nextCommissionAt ? self.commissionBps : self.nextCommissionBps;
    }

    function _record(Operator storage self) private {
        self.votes.push(uint48(block.timestamp), self.own.stamp(activeShares(self)));
    }

    function _store(Operator storage self, address operator, Pool memory pool, uint256 dust) private {
        uint256 epoch = self.own.epoch;
        self.own = pool;
        if (pool.epoch != epoch) {
            (self.thawing, self.warming) = (0, 0);
            emit IStaking.PoolEnded(operator, true, epoch, dust);
        }
    }
}
