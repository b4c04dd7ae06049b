// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Governed} from "./Governed.sol";
import {Payouts} from "./Payouts.sol";
import {StakeBooks} from "./StakeBooks.sol";
import {Business, IGuardian} from "./interfaces/IGuardian.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {Bounds} from "./libraries/Bounds.sol";
import {DelegatedPool, Delegation, Delegations} from "./libraries/Delegations.sol";
import {KeyLife, Keys} from "./libraries/Keys.sol";
import {Operator, Operators} from "./libraries/Operators.sol";
import {Pool, Pools} from "./libraries/Pools.sol";

/// @title Operators, what they and their delegators can lose, and what they earn
/// @dev Moves everything that stands in `StakeBooks`. The balance is at least
///
///     Σ pools + credits + income not yet settled + what will burn
///
/// and what it has beyond that (gifts, less than a wei for each income) belongs to nobody.
contract Staking is StakeBooks, Payouts, AccessControl, Governed {
    using Delegations for DelegatedPool;
    using Keys for mapping(address key => KeyLife);
    using Operators for Operator;
    using Pools for Pool;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /* CONSTANTS */

    /// @inheritdoc IStaking
    bytes32 public constant SLASHER_ROLE = keccak256("SLASHER_ROLE");
    /// @inheritdoc IStaking
    bytes32 public constant LOCKER_ROLE = keccak256("LOCKER_ROLE");

    /// @inheritdoc IStaking
    uint256 public constant JAIL_SECONDS = 1 days;
    /// @inheritdoc IStaking
    uint256 public constant MAX_COMMISSION_BPS = 5_000;
    /// @inheritdoc IStaking
    uint256 public constant MAX_COMMISSION_STEP_BPS = 500;
    /// @inheritdoc IStaking
    uint256 public constant MAX_OPERATORS = 16;

    uint256 private constant MAX_MIN_STAKE = 10_000_000e18;
    uint256 private constant MIN_BURN_BPS = 1_000;
    uint256 private constant MAX_BURN_BPS = 9_000;
    uint256 private constant MIN_THAWING_SECONDS = 1 hours;
    uint256 private constant MAX_THAWING_SECONDS = 90 days;

    /* STORAGE */

    /// @inheritdoc IStaking
    uint256 public immutable thawingSeconds;
    /// @inheritdoc IStaking
    uint256 public immutable burnBps;

    /// @inheritdoc IStaking
    /// @dev Burning at once would make every slash pay for the token's history of its supply.
    uint256 public burnable;

    uint256 private _lastThawId;

    /* CONSTRUCTOR */

    /// @param admin Grants the roles.
    constructor(
        IERC20 opg,
        address admin,
        IGuardian guardian_,
        uint256 minStake_,
        uint256 thawingSeconds_,
        uint256 burnBps_
    ) Payouts(opg) Governed(guardian_) {
        Bounds.check("thawingSeconds", thawingSeconds_, MIN_THAWING_SECONDS, MAX_THAWING_SECONDS);
        Bounds.check("burnBps", burnBps_, MIN_BURN_BPS, MAX_BURN_BPS);
        _setMinStake(minStake_);
        thawingSeconds = thawingSeconds_;
        burnBps = burnBps_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* CHOSEN BY VOTE */

    /// @inheritdoc IStaking
    function setMinStake(uint256 amount) external onlyGovernance {
        _setMinStake(amount);
    }

    /* OPERATORS */

    /// @inheritdoc IStaking
    function register(address key, string calldata endpoint) external {
        if (key == address(0)) revert ZeroKey();
        Operator storage o = _operators[msg.sender];
        address previous = o.key;

        if (key != previous) {
            _keys[msg.sender].rotate(key, previous);
            (o.key, o.registered) = (key, true);
            emit KeyRotated(msg.sender, key, previous, block.timestamp);
        }
        o.endpoint = endpoint;
        emit EndpointSet(msg.sender, endpoint);
    }

    /// @inheritdoc IStaking
    /// @dev The guardian has no say about who still owes something: more stake may be what it takes to finish it.
    function stake(uint256 amount) external {
        if (amount == 0) revert ZeroAmount();
        Operator storage o = _registered(msg.sender);
        if (o.locked == 0) guardian.requireOpen(Business.STAKING);

        (uint256 shares, uint256 odd) = o.join(amount, block.timestamp + thawingSeconds);
        burnable += odd;
        emit Staked(msg.sender, amount, shares);

        _opg.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IStaking
    function startThaw(uint256 amount) external returns (uint256 thawId) {
        if (amount == 0) revert ZeroAmount();
        Operator storage o = _operators[msg.sender];
        uint256 free = o.free();
        if (amount > free) revert StakeLocked(free, amount);

        uint256 shares = o.own.sharesFor(amount, o.activeShares());
        o.leave(shares);
        return _startThaw(msg.sender, true, o.own.epoch, amount, shares);
    }

    /// @inheritdoc IStaking
    function finishThaw(uint256 thawId) external returns (uint256 amount) {
        Thaw memory t = _thaws[thawId];
        if (t.owner != msg.sender) revert NoSuchThaw(thawId);
        if (block.timestamp < t.until) revert ThawingNotOver(t.until);

        delete _thaws[thawId];
        uint256 odd;
        if (t.epoch == _poolOf(t).epoch) {
            if (t.own) (amount, odd) = _operators[t.operator].exit(t.operator, t.shares);
            else (amount, odd) = _delegated[t.operator].exit(t.operator, t.shares);
        }
        burnable += odd;
        emit Unstaked(t.operator, msg.sender, thawId, amount);

        _opg.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IStaking
    function setCommission(uint256 bps) external {
        Bounds.check("commissionBps", bps, 0, MAX_COMMISSION_BPS);
        Operator storage o = _operators[msg.sender];
        uint256 present = o.commission();
        uint256 since = block.timestamp;
        if (bps > present && _delegated[msg.sender].pool.shares != 0) {
            if (bps - present > MAX_COMMISSION_STEP_BPS) {
                revert CommissionStepTooLarge(present, bps, MAX_COMMISSION_STEP_BPS);
            }
            since += thawingSeconds;
        } else {
            present = bps;
        }
        (o.commissionBps, o.nextCommissionBps, o.nextCommissionAt) = (uint16(present), uint16(bps), since.toUint40());
        emit CommissionSet(msg.sender, bps, since);
    }

    /// @inheritdoc IStaking
    function rehabilitate() external {
        Operator storage o = _operators[msg.sender];
        uint256 until = o.jailedUntil;
        if (until == 0) revert NotJailed(msg.sender);
        if (block.timestamp < until) revert OperatorJailed(msg.sender, until);
        uint256 active = o.active();
        uint256 least = minStake();
        if (active < least) revert BelowMinStake(active, least);

        o.jailedUntil = 0;
        emit Rehabilitated(msg.sender);
    }

    /* DELEGATORS */

    /// @inheritdoc IStaking
    function delegate(address operator, uint256 amount, uint256 maxCommissionBps)
        external
        whileOpen(Business.STAKING)
    {
        if (amount == 0) revert ZeroAmount();
        Operator storage o = _registered(operator);
        uint256 commission = o.nextCommissionBps; // never less than the present one
        if (commission > maxCommissionBps) revert CommissionTooHigh(commission, maxCommissionBps);

        settle(operator, msg.sender);
        DelegatedPool storage p = _delegated[operator];
        Delegation storage d = p.delegations[msg.sender];
        uint256 warmAt = block.timestamp + thawingSeconds;
        (uint256 shares, uint256 odd) = p.join(d, amount, warmAt);
        if (d.place == 0) d.place = _placeFor(operator);
        burnable += odd;
        emit Delegated(operator, msg.sender, amount, shares, warmAt);

        _opg.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IStaking
    function undelegate(address operator, uint256 amount) external returns (uint256 thawId) {
        if (amount == 0) revert ZeroAmount();
        settle(operator, msg.sender);
        DelegatedPool storage p = _delegated[operator];
        Delegation storage d = p.delegations[msg.sender];
        uint256 active = p.activeShares(d);
        uint256 available = p.pool.worth(active);
        if (amount > available) revert NotEnoughDelegated(available, amount);

        uint256 shares = p.pool.sharesFor(amount, active);
        p.leave(d, shares);
        return _startThaw(operator, false, p.pool.epoch, amount, shares);
    }

    /// @inheritdoc IStaking
    function settle(address operator, address delegator) public returns (uint256 income) {
        DelegatedPool storage p = _delegated[operator];
        uint256 warmed;
        (income, warmed) = p.settle(p.delegations[delegator]);
        emit Settled(operator, delegator, income, warmed);
        _credit(delegator, income);
    }

    /* MODULES */

    /// @inheritdoc IStaking
    function reward(address operator, uint256 amount) external {
        if (amount == 0) return;
        uint256 delegated = _delegatorsPart(operator, amount);
        if (delegated != 0) _delegated[operator].distribute(delegated);
        emit Rewarded(operator, msg.sender, amount - delegated, delegated);

        _credit(operator, amount - delegated);
        _opg.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IStaking
    function lock(address operator, uint256 amount, bytes32 obligation) external onlyRole(LOCKER_ROLE) {
        Operator storage o = _operators[operator];
        if (o.jailedUntil != 0) revert OperatorJailed(operator, o.jailedUntil);
        uint256 free = o.free();
        if (amount > free) revert NotEnoughStake(operator, free, amount);

        ModuleLock storage l = _locks[operator][msg.sender];
        (l.amount, l.used) = (l.amount + amount.toUint96(), true);
        o.locked += amount.toUint96();
        emit Locked(operator, msg.sender, obligation, amount);
    }

    /// @inheritdoc IStaking
    function unlock(address operator, uint256 amount, bytes32 obligation) external {
        ModuleLock storage l = _locks[operator][msg.sender];
        if (amount > l.amount) revert NotLocked(operator, msg.sender, l.amount, amount);

        l.amount -= amount.toUint96();
        _operators[operator].locked -= amount.toUint96();
        emit Unlocked(operator, msg.sender, obligation, amount);
    }

    /// @inheritdoc IStaking
    function slash(address operator, uint256 amount, address beneficiary)
        external
        onlyRole(SLASHER_ROLE)
        returns (uint256 slashed, uint256 bounty)
    {
        Operator storage o = _operators[operator];
        (uint256 fromOwn, uint256 dust) = o.slash(operator, amount);
        uint256 fromDelegated;
        if (fromOwn < amount) {
            uint256 more;
            (fromDelegated, more) = _delegated[operator].slash(operator, amount - fromOwn);
            dust += more;
        }
        slashed = fromOwn + fromDelegated;
        // Delegated stake pays no bounty: else an operator could lie to a friend until the friend had all that others lent.
        bounty = fromOwn - Math.ceilDiv(fromOwn * burnBps, BPS);
        uint256 burned = slashed - bounty;
        burnable += burned + dust;
        uint256 until = block.timestamp + JAIL_SECONDS;
        o.jailedUntil = uint32(Math.min(until, type(uint32).max)); // in 2106 jail ends early, and slashing does not end
        emit Slashed(operator, msg.sender, beneficiary, fromOwn, fromDelegated, burned, bounty);
        emit Jailed(operator, until);

        _credit(beneficiary, bounty);
    }

    /// @inheritdoc IStaking
    function burnSlashed() external returns (uint256 amount) {
        amount = burnable;
        if (amount == 0) revert NothingToBurn();

        burnable = 0;
        emit SlashedBurned(amount);

        ERC20Burnable(address(_opg)).burn(amount);
    }

    /* INTERNAL: BOOKS */

    function _registered(address operator) private view returns (Operator storage o) {
        o = _operators[operator];
        if (!o.registered) revert NotAnOperator(operator);
    }

    function _delegatorsPart(address operator, uint256 income) private view returns (uint256) {
        DelegatedPool storage p = _delegated[operator];
        uint256 earning = p.earning;
        if (earning == 0) return 0;
        uint256 theirs = p.pool.worth(earning);
        if (theirs == 0) return 0;
        Operator storage o = _operators[operator];
        return Math.mulDiv(income, theirs * (BPS - o.commission()), (theirs + o.earning()) * BPS);
    }

    function _startThaw(address operator, bool own, uint40 epoch, uint256 amount, uint256 shares)
        private
        returns (uint256 thawId)
    {
        uint256 until = block.timestamp + thawingSeconds;
        thawId = ++_lastThawId;
        _thaws[thawId] = Thaw(msg.sender, until.toUint40(), epoch, own, operator, shares.toUint120());
        emit ThawStarted(operator, msg.sender, thawId, own, amount, shares, until);
    }

    /// @dev The operator's next place in the caller's list; of one that the caller has nothing left with, when the list is full.
    function _placeFor(address operator) private returns (uint8) {
        address[] storage list = _operatorsOf[msg.sender];
        if (list.length < MAX_OPERATORS) {
            list.push(operator);
            return uint8(list.length);
        }
        for (uint256 i = 0; i < MAX_OPERATORS; ++i) {
            DelegatedPool storage p = _delegated[list[i]];
            Delegation storage d = p.delegations[msg.sender];
            if (p.pool.worth(p.activeShares(d)) != 0) continue;
            d.place = 0;
            list[i] = operator;
            return uint8(i + 1);
        }
        revert TooManyOperators(MAX_OPERATORS);
    }

    /* INTERNAL: CHECKS */

    function _setMinStake(uint256 amount) private {
        Bounds.check("minStake", amount, 1, MAX_MIN_STAKE);
        uint256 enough = _enoughToFinish();
        if (enough == 0 || enough > amount) enough = amount;
        uint256 until = block.timestamp + thawingSeconds;
        _minimum = Minimum(amount.toUint96(), enough.toUint96(), until.toUint40());
        emit MinStakeSet(amount, enough, until);
    }
}
