// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {DelegatedPool, Delegation, Delegations} from "./libraries/Delegations.sol";
import {KeyLife, Keys} from "./libraries/Keys.sol";
import {Operator, Operators} from "./libraries/Operators.sol";
import {Pool, Pools} from "./libraries/Pools.sol";

/// @title The books of all stake, and how they are read
/// @dev Nothing here writes. The books of one operator are two pools (`Pools`): its own stake and what is delegated to it. Who owns which shares, and which of
/// them thaw, stands apart; a slash changes neither.
abstract contract StakeBooks is IStaking {
    using Checkpoints for Checkpoints.Trace208;
    using Delegations for DelegatedPool;
    using Keys for mapping(address key => KeyLife);
    using Operators for Operator;
    using Pools for Pool;

    /* TYPES */

    /// @dev Shares of the operator's own pool or of the delegated one.
    struct Thaw {
        address owner;
        uint40 until;
        uint40 epoch;
        bool own;
        address operator;
        uint120 shares;
    }

    /// @dev `used` keeps the slot from becoming empty: locking again then costs a sixth.
    struct ModuleLock {
        uint96 amount;
        bool used;
    }

    /// @dev After a vote the smaller of both minimums is enough, up to and including second `until`, to finish what began before.
    struct Minimum {
        uint96 amount;
        uint96 finishing;
        uint40 until;
    }

    /* STORAGE */

    Minimum internal _minimum;
    mapping(address operator => Operator) internal _operators;
    mapping(address operator => DelegatedPool) internal _delegated;
    mapping(address delegator => address[]) internal _operatorsOf;
    mapping(address operator => mapping(address key => KeyLife)) internal _keys;
    mapping(address operator => mapping(address module => ModuleLock)) internal _locks;
    mapping(uint256 thawId => Thaw) internal _thaws;

    /* VIEWS: OPERATORS */

    /// @inheritdoc IStaking
    function isKeyAt(address operator, address key, uint256 time) external view returns (bool) {
        return _keys[operator].servedAt(key, time);
    }

    /// @inheritdoc IStaking
    function actsFor(address operator, address account) external view returns (bool) {
        return account != address(0) && (account == operator || account == _operators[operator].key);
    }

    /// @inheritdoc IStaking
    function isLive(address operator) external view returns (bool) {
        Operator storage o = _operators[operator];
        return o.jailedUntil == 0 && o.active() >= _minimum.amount;
    }

    /// @inheritdoc IStaking
    function mayFinish(address operator) external view returns (bool) {
        return _operators[operator].active() >= _enoughToFinish();
    }

    /// @inheritdoc IStaking
    function minStake() public view returns (uint256) {
        return _minimum.amount;
    }

    /// @inheritdoc IStaking
    function jailedUntil(address operator) external view returns (uint256) {
        return _operators[operator].jailedUntil;
    }

    /// @inheritdoc IStaking
    function stakeOf(address operator) external view returns (uint256 active, uint256 thawing, uint256 locked) {
        Operator storage o = _operators[operator];
        return (o.active(), o.own.worth(o.thawing), o.locked);
    }

    /// @inheritdoc IStaking
    function freeStake(address operator) external view returns (uint256) {
        return _operators[operator].free();
    }

    /// @inheritdoc IStaking
    function lockedBy(address operator, address module) external view returns (uint256) {
        return _locks[operator][module].amount;
    }

    /// @inheritdoc IStaking
    function thaw(uint256 thawId)
        external
        view
        returns (address operator, address owner, bool own, uint256 amount, uint256 until)
    {
        Thaw memory t = _thaws[thawId];
        Pool memory pool = _poolOf(t);
        return (t.operator, t.owner, t.own, t.epoch == pool.epoch ? pool.worth(t.shares) : 0, t.until);
    }

    /// @inheritdoc IStaking
    function operatorInfo(address operator) external view returns (address key, string memory endpoint) {
        Operator storage o = _operators[operator];
        return (o.key, o.endpoint);
    }

    /// @inheritdoc IStaking
    function commissionOf(address operator) external view returns (uint256 bps, uint256 nextBps, uint256 since) {
        Operator storage o = _operators[operator];
        return (o.commission(), o.nextCommissionBps, o.nextCommissionAt);
    }

    /* VIEWS: DELEGATORS */

    /// @inheritdoc IStaking
    function delegatedTo(address operator) external view returns (uint256 active, uint256 thawing, uint256 earning) {
        DelegatedPool storage p = _delegated[operator];
        Pool memory pool = p.pool;
        return (pool.worth(pool.shares - p.thawing), pool.worth(p.thawing), pool.worth(p.earning));
    }

    /// @inheritdoc IStaking
    function delegationOf(address operator, address delegator)
        external
        view
        returns (uint256 active, uint256 earning, uint256 warmAt, uint256 income)
    {
        DelegatedPool storage p = _delegated[operator];
        Delegation storage d = p.delegations[delegator];
        bool alive = d.epoch == p.pool.epoch;
        return (p.pool.worth(p.activeShares(d)), alive ? p.pool.worth(d.earning) : 0, d.warmAt, p.incomeOf(d));
    }

    /// @inheritdoc IStaking
    function operatorsOf(address delegator) external view returns (address[] memory) {
        return _operatorsOf[delegator];
    }

    /* VIEWS: VOTES */

    /// @inheritdoc IStaking
    function getVotes(address account) external view returns (uint256) {
        return _votesAt(account, clock());
    }

    /// @inheritdoc IStaking
    function getPastVotes(address account, uint256 timepoint) external view returns (uint256) {
        if (timepoint >= clock()) revert ERC5805FutureLookup(timepoint, clock());
        return _votesAt(account, uint48(timepoint));
    }

    function clock() public view returns (uint48) {
        return uint48(block.timestamp);
    }

    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() external pure returns (string memory) {
        return "mode=timestamp";
    }

    /// @dev Past shares at the present price. Prices never rise, so that is what is left of the stake, and all votes of a moment never exceed the stake of that moment.
    function _votesAt(address account, uint48 time) private view returns (uint256 votes) {
        Operator storage o = _operators[account];
        votes = o.own.worthOfStamp(o.votes.upperLookupRecent(time));
        address[] storage list = _operatorsOf[account];
        for (uint256 i = 0; i < list.length; ++i) {
            DelegatedPool storage p = _delegated[list[i]];
            votes += p.pool.worthOfStamp(p.delegations[account].votes.upperLookupRecent(time));
        }
    }

    /* INTERNAL */

    function _enoughToFinish() internal view returns (uint256) {
        Minimum memory m = _minimum;
        return block.timestamp <= m.until ? m.finishing : m.amount;
    }

    function _poolOf(Thaw memory t) internal view returns (Pool memory) {
        return t.own ? _operators[t.operator].own : _delegated[t.operator].pool;
    }
}
