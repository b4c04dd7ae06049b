// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Payouts} from "./Payouts.sol";
import {IStaking} from "./interfaces/IStaking.sol";

/// @title Operators and what they can lose
/// @dev The books of one operator are two numbers, `active` and `thawing`. A slash takes from both in proportion; the odd wei comes out of
/// `active`, so that what thaws is never rounded away and the sum that is taken is always exact.
///
/// What thaws is a pool, and a thaw holds shares of it. With T wei and S shares:
///
///     startThaw(a)    s = ⌊a·S/T⌋   (a when S = 0)     T += a   S += s
///     finishThaw(s)   a = ⌊s·T/S⌋                      T −= a   S −= s
///     slash(x)                                         T −= x
///
/// T ≤ S always holds: all three keep it, with T' = ⌈(S − s)·T/S⌉ ≤ S − s in the second. So s ≥ a > 0, the last share takes all
/// that is left and no order of exits pays more than another by more than the wei that rounding leaves behind.
/// S/T grows with every slash. A pool that has become worthless, or nearly so, is closed: its epoch ends, its shares are worth nothing, and what is left
/// of it (less than S/10¹⁸ wei, all of it the same operator's) is active again. So S ≤ 10¹⁸·T < 2¹⁵⁶, amounts are less than 2⁹⁶, and no product overflows.
contract Staking is IStaking, Payouts, AccessControl {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /* TYPES */

    /// @dev Two slots of money. The first is all that locks need, and slashes when nothing thaws.
    struct Operator {
        uint96 active;
        uint96 locked;
        uint56 epoch; // of the thawing pool
        bool thaws; // whether the pool has shares
        uint96 thawing;
        uint160 thawShares;
        address key;
        string endpoint;
    }

    /// @dev When a key served, both ends inclusive.
    struct KeyLife {
        uint64 since;
        uint64 until;
    }

    struct Thaw {
        address operator;
        uint56 epoch;
        uint40 until;
        uint160 shares;
    }

    /// @dev `used` keeps the slot from becoming empty: locking again then costs a sixth.
    struct ModuleLock {
        uint96 amount;
        bool used;
    }

    /* CONSTANTS */

    /// @notice May slash any operator.
    bytes32 public constant SLASHER_ROLE = keccak256("SLASHER_ROLE");
    /// @notice May lock free stake behind an obligation.
    bytes32 public constant LOCKER_ROLE = keccak256("LOCKER_ROLE");

    uint256 private constant MIN_BURN_BPS = 1_000;
    uint256 private constant MAX_BURN_BPS = 9_000;
    uint256 private constant MIN_THAWING_SECONDS = 1 hours;
    uint256 private constant MAX_THAWING_SECONDS = 90 days;
    uint256 private constant MAX_SHARES_PER_WEI = 1e18;

    /* STORAGE */

    /// @inheritdoc IStaking
    uint256 public immutable minStake;
    /// @inheritdoc IStaking
    uint256 public immutable thawingSeconds;
    /// @inheritdoc IStaking
    uint256 public immutable burnBps;

    uint256 private _lastThawId;
    mapping(address operator => Operator) private _operators;
    mapping(address operator => mapping(address key => KeyLife)) private _keys;
    mapping(address operator => mapping(address module => ModuleLock)) private _locks;
    mapping(uint256 thawId => Thaw) private _thaws;

    /* CONSTRUCTOR */

    /// @param admin Grants the roles.
    constructor(IERC20 opg, address admin, uint256 minStake_, uint256 thawingSeconds_, uint256 burnBps_)
        Payouts(opg)
    {
        _checkBounds("minStake", minStake_, 1, type(uint96).max);
        _checkBounds("thawingSeconds", thawingSeconds_, MIN_THAWING_SECONDS, MAX_THAWING_SECONDS);
        _checkBounds("burnBps", burnBps_, MIN_BURN_BPS, MAX_BURN_BPS);
        minStake = minStake_;
        thawingSeconds = thawingSeconds_;
        burnBps = burnBps_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* OPERATORS */

    /// @inheritdoc IStaking
    function register(address key, string calldata endpoint) external {
        if (key == address(0)) revert ZeroKey();
        Operator storage o = _operators[msg.sender];
        address previous = o.key;

        if (key != previous) {
            KeyLife storage life = _keys[msg.sender][key];
            if (life.since != 0) revert KeyUsed(key);
            life.since = uint64(block.timestamp);
            life.until = type(uint64).max;
            if (previous != address(0)) _keys[msg.sender][previous].until = uint64(block.timestamp);
            o.key = key;
            emit KeyRotated(msg.sender, key, previous, block.timestamp);
        }
        o.endpoint = endpoint;
        emit EndpointSet(msg.sender, endpoint);
    }

    /// @inheritdoc IStaking
    function stake(uint256 amount) external {
        if (amount == 0) revert ZeroAmount();
        Operator storage o = _operators[msg.sender];
        if (o.key == address(0)) revert NotAnOperator(msg.sender);

        o.active += amount.toUint96();
        emit Staked(msg.sender, amount);

        _opg.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IStaking
    function startThaw(uint256 amount) external returns (uint256 thawId) {
        if (amount == 0) revert ZeroAmount();
        Operator storage o = _operators[msg.sender];
        uint256 free = _free(o);
        if (amount > free) revert StakeLocked(free, amount);

        uint256 shares = o.thaws ? amount * o.thawShares / o.thawing : amount;
        uint256 until = block.timestamp + thawingSeconds;
        o.active -= amount.toUint96();
        o.thaws = true;
        o.thawing += amount.toUint96();
        o.thawShares += shares.toUint160();
        thawId = ++_lastThawId;
        _thaws[thawId] = Thaw(msg.sender, o.epoch, until.toUint40(), shares.toUint160());
        emit ThawStarted(msg.sender, thawId, amount, shares, until);
    }

    /// @inheritdoc IStaking
    function finishThaw(uint256 thawId) external returns (uint256 amount) {
        Thaw memory t = _thaws[thawId];
        if (t.operator != msg.sender) revert NoSuchThaw(thawId);
        if (block.timestamp < t.until) revert ThawingNotOver(t.until);

        Operator storage o = _operators[msg.sender];
        amount = _worth(t, o);
        delete _thaws[thawId];
        if (t.epoch == o.epoch) {
            o.thawing -= amount.toUint96();
            o.thawShares -= t.shares;
            o.thaws = o.thawShares != 0;
        }
        emit Unstaked(msg.sender, thawId, amount);

        _opg.safeTransfer(msg.sender, amount);
    }

    /* MODULES */

    /// @inheritdoc IStaking
    function lock(address operator, uint256 amount) external onlyRole(LOCKER_ROLE) {
        Operator storage o = _operators[operator];
        uint256 free = _free(o);
        if (amount > free) revert NotEnoughStake(operator, free, amount);

        ModuleLock storage l = _locks[operator][msg.sender];
        (l.amount, l.used) = (l.amount + amount.toUint96(), true);
        o.locked += amount.toUint96();
        emit Locked(operator, msg.sender, amount);
    }

    /// @inheritdoc IStaking
    function unlock(address operator, uint256 amount) external {
        ModuleLock storage l = _locks[operator][msg.sender];
        if (amount > l.amount) revert NotLocked(operator, msg.sender, l.amount, amount);

        l.amount -= amount.toUint96();
        _operators[operator].locked -= amount.toUint96();
        emit Unlocked(operator, msg.sender, amount);
    }

    /// @inheritdoc IStaking
    function slash(address operator, uint256 amount, address beneficiary)
        external
        onlyRole(SLASHER_ROLE)
        returns (uint256 slashed, uint256 bounty)
    {
        Operator storage o = _operators[operator];
        uint256 active = o.active;
        uint256 thawing = o.thaws ? o.thawing : 0;
        uint256 total = active + thawing;
        slashed = Math.min(amount, total);
        uint256 fromThawing = thawing == 0 ? 0 : slashed * thawing / total;
        uint256 burned = Math.ceilDiv(slashed * burnBps, BPS);
        bounty = slashed - burned;

        active -= slashed - fromThawing;
        if (fromThawing != 0) {
            thawing -= fromThawing;
            if (thawing * MAX_SHARES_PER_WEI < o.thawShares) {
                active += thawing;
                thawing = 0;
                o.thawShares = 0;
                o.thaws = false;
                o.epoch += 1;
            }
            o.thawing = thawing.toUint96();
        }
        o.active = active.toUint96();
        emit Slashed(operator, msg.sender, beneficiary, slashed - fromThawing, fromThawing, burned, bounty);

        _credit(beneficiary, bounty);
        if (burned != 0) ERC20Burnable(address(_opg)).burn(burned);
    }

    /* VIEWS */

    /// @inheritdoc IStaking
    function isKeyAt(address operator, address key, uint256 time) external view returns (bool) {
        KeyLife memory life = _keys[operator][key];
        return life.since != 0 && life.since <= time && time <= life.until;
    }

    /// @inheritdoc IStaking
    function actsFor(address operator, address account) external view returns (bool) {
        return account != address(0) && (account == operator || account == _operators[operator].key);
    }

    /// @inheritdoc IStaking
    function isLive(address operator) external view returns (bool) {
        return _operators[operator].active >= minStake;
    }

    /// @inheritdoc IStaking
    function stakeOf(address operator) external view returns (uint256 active, uint256 thawing, uint256 locked) {
        Operator storage o = _operators[operator];
        return (o.active, o.thawing, o.locked);
    }

    /// @inheritdoc IStaking
    function freeStake(address operator) external view returns (uint256) {
        return _free(_operators[operator]);
    }

    /// @inheritdoc IStaking
    function lockedBy(address operator, address module) external view returns (uint256) {
        return _locks[operator][module].amount;
    }

    /// @inheritdoc IStaking
    function thaw(uint256 thawId) external view returns (address operator, uint256 amount, uint256 until) {
        Thaw memory t = _thaws[thawId];
        return (t.operator, _worth(t, _operators[t.operator]), t.until);
    }

    /// @inheritdoc IStaking
    function operatorInfo(address operator) external view returns (address key, string memory endpoint) {
        Operator storage o = _operators[operator];
        return (o.key, o.endpoint);
    }

    /* INTERNAL */

    /// @dev A slash may have taken stake that is locked; nothing is free then.
    function _free(Operator storage o) private view returns (uint256) {
        return Math.saturatingSub(o.active, o.locked);
    }

    function _worth(Thaw memory t, Operator storage o) private view returns (uint256) {
        if (t.shares == 0 || t.epoch != o.epoch) return 0;
        return uint256(t.shares) * o.thawing / o.thawShares;
    }

    function _checkBounds(string memory parameter, uint256 value, uint256 min, uint256 max) private pure {
        if (value < min || value > max) revert OutOfBounds(parameter, value, min, max);
    }
}
