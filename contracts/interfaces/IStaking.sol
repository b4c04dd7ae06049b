// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC6372} from "@openzeppelin/contracts/interfaces/IERC6372.sol";

/// @title Operators, what they and their delegators can lose, and what they earn
/// @notice An operator's stake backs every answer that it signs. Its own stake is lost first, then what others have delegated to it.
/// Stake that thaws stays slashable until it is withdrawn.
/// @dev Amounts are in wei of OPG, times in unix seconds, shares of pools in units of their own.
///
/// There are two pools for each operator: its own, and that of its delegators. Active and thawing stake hold shares of the same pool, so leaving earlier or
/// later gains nothing, and a slash touches nobody's books but the pool's. Income is never added to a pool: it is credited apart.
/// Votes set `minStake`; the guardian can pause `stake` and `delegate` for a while. Nothing else changes or pauses.
interface IStaking is IERC6372 {
    /* OPERATORS */

    /// @notice A new operator, or a new endpoint of a known one.
    event EndpointSet(address indexed operator, string endpoint);
    /// @notice From `since` on, answers of `operator` are signed by `key`; the previous key stays liable for what it signed.
    event KeyRotated(address indexed operator, address indexed key, address indexed previous, uint256 since);
    /// @notice The operator put in `amount` of its own, for `shares` of its own pool.
    event Staked(address indexed operator, uint256 amount, uint256 shares);
    /// @notice `bps` of the delegators' income go to the operator from `since` on.
    event CommissionSet(address indexed operator, uint256 bps, uint256 since);
    /// @notice The operator can take on nothing new until it rehabilitates, at `until` at the earliest.
    event Jailed(address indexed operator, uint256 until);
    /// @notice The operator is out of jail.
    event Rehabilitated(address indexed operator);

    /// @notice From now on an operator needs `amount` of its own active for anything new; `finishing` is enough to finish what it took on, up to and including
    /// second `until`.
    event MinStakeSet(uint256 amount, uint256 finishing, uint256 until);

    /* DELEGATORS */

    /// @notice `amount` was delegated, for `shares` of the delegated pool; they earn once they are warm, `warmAt` at the earliest.
    event Delegated(
        address indexed operator, address indexed delegator, uint256 amount, uint256 shares, uint256 warmAt
    );
    /// @notice The delegator's part of the income so far was credited, and `warmed` more shares earn from now on.
    event Settled(address indexed operator, address indexed delegator, uint256 income, uint256 warmed);

    /* LEAVING */

    /// @notice `amount` of `owner` thaws as `shares`, of the operator's own pool or of the delegated one, until `until`.
    event ThawStarted(
        address indexed operator,
        address indexed owner,
        uint256 indexed thawId,
        bool own,
        uint256 amount,
        uint256 shares,
        uint256 until
    );
    /// @notice A thaw was finished: `amount` was sent to `owner`, what the slashes left of it.
    event Unstaked(address indexed operator, address indexed owner, uint256 indexed thawId, uint256 amount);

    /* MODULES */

    /// @notice `amount` of own stake stands behind `obligation` of `module` now.
    event Locked(address indexed operator, address indexed module, bytes32 indexed obligation, uint256 amount);
    /// @notice `obligation` is over, and `amount` free again.
    event Unlocked(address indexed operator, address indexed module, bytes32 indexed obligation, uint256 amount);
    /// @notice `fromOwn + fromDelegated` was taken: `burned` of it will burn, `bounty` was credited to `beneficiary`.
    event Slashed(
        address indexed operator,
        address indexed module,
        address indexed beneficiary,
        uint256 fromOwn,
        uint256 fromDelegated,
        uint256 burned,
        uint256 bounty
    );
    /// @notice One of the operator's two pools ended; `dust` that was left in it will burn. Its shares are worth nothing from now on.
    event PoolEnded(address indexed operator, bool own, uint256 epoch, uint256 dust);
    /// @notice Income: `own` was credited to the operator, `delegated` to its delegators.
    event Rewarded(address indexed operator, address indexed payer, uint256 own, uint256 delegated);
    /// @notice All that had to burn did.
    event SlashedBurned(uint256 amount);

    /// @notice Nothing was to be moved.
    error ZeroAmount();
    /// @notice The zero address signs nothing.
    error ZeroKey();
    /// @notice The account never registered as an operator.
    error NotAnOperator(address account);
    /// @notice The key belongs to this operator already; keys are not reused.
    error KeyUsed(address key);
    /// @notice Stake that is locked behind an obligation cannot thaw.
    error StakeLocked(uint256 free, uint256 wanted);
    /// @notice Too little free stake to take on an obligation.
    error NotEnoughStake(address operator, uint256 free, uint256 wanted);
    /// @notice It can be taken out from second `until` on.
    error ThawingNotOver(uint256 until);
    /// @notice The caller has no such thaw, or finished it.
    error NoSuchThaw(uint256 thawId);
    /// @notice The module has less locked than it wants to unlock.
    error NotLocked(address operator, address module, uint256 locked, uint256 wanted);
    /// @notice The operator was slashed, and did not rehabilitate yet.
    error OperatorJailed(address operator, uint256 until);
    /// @notice The operator is not in jail.
    error NotJailed(address operator);
    /// @notice The operator has less stake of its own than it needs.
    error BelowMinStake(uint256 active, uint256 minStake);
    /// @notice The commission is, or will be, more than the delegator accepts.
    error CommissionTooHigh(uint256 bps, uint256 accepted);
    /// @notice A commission rises by small steps only.
    error CommissionStepTooLarge(uint256 from, uint256 to, uint256 maxStep);
    /// @notice The delegator has less with this operator than it wants to take out.
    error NotEnoughDelegated(uint256 delegated, uint256 wanted);
    /// @notice The account delegates to as many operators as it can.
    error TooManyOperators(uint256 max);
    /// @notice The pool has lost all but a billionth. It takes nothing more until it has ended.
    error PoolSpent(uint256 tokens, uint256 shares);
    /// @notice Nothing has to burn.
    error NothingToBurn();
    /// @notice The past is only known up to the second before this one.
    error ERC5805FutureLookup(uint256 timepoint, uint48 clock);

    /* CHOSEN BY VOTE */

    /// @notice Sets `minStake`, in wei of OPG: 1 to 10,000,000 OPG, else `OutOfBounds`. Only by vote. What an operator took on before, it can finish: see `mayFinish`.
    function setMinStake(uint256 amount) external;

    /* OPERATORS */

    /// @notice Registers the caller as an operator, or changes its key and endpoint.
    /// @dev Warning: keys are for ever. A retired key is liable for what it could sign while it was in use, and cannot come back.
    /// @param endpoint URL at which the operator serves; not checked here.
    /// @param key Signs answers from now on. An EOA, or a contract that implements ERC-1271.
    function register(address key, string calldata endpoint) external;

    /// @notice Adds to the caller's own stake. Needs an allowance. It has a part in the income after `thawingSeconds`.
    /// @dev Warning: adding again before that starts the time anew for all that does not earn yet.
    /// A pause of new stake does not hold for an operator with locks: more stake may be what it needs to finish.
    function stake(uint256 amount) external;

    /// @notice Begins to take own stake out, first what does not earn yet; never what is locked (`StakeLocked`).
    /// @dev Warning: it stays slashable until `finishThaw`, also after it has thawed.
    /// @return thawId For `finishThaw`.
    function startThaw(uint256 amount) external returns (uint256 thawId);

    /// @notice Takes out what has thawed, own or delegated: the shares' worth, less than asked for when it was slashed meanwhile. Sent to the caller.
    function finishThaw(uint256 thawId) external returns (uint256 amount);

    /// @notice How much of the delegators' part of the income the caller keeps, at most `MAX_COMMISSION_BPS` (else `OutOfBounds`). Less takes effect at once, and so does anything while nobody has delegated; more after
    /// `thawingSeconds`, and by no more than `MAX_COMMISSION_STEP_BPS`. Announcing again replaces what was announced.
    function setCommission(uint256 bps) external;

    /// @notice Ends the caller's jail, when its time is over and the caller has the minimum stake.
    function rehabilitate() external;

    /* DELEGATORS */

    /// @notice Lends stake to an operator. Needs an allowance. It is at stake and votes at once; it earns nothing during the first `thawingSeconds`, and then from the
    /// next `settle` on.
    /// @dev Warning: delegating again before that starts the time anew for all that does not earn yet.
    /// Who replaces an operator that it left, having reached the greatest number, forgets the votes that it had by that one.
    /// @param maxCommissionBps Reverts if the commission is higher, or about to be.
    function delegate(address operator, uint256 amount, uint256 maxCommissionBps) external;

    /// @notice Begins to take delegated stake out; it earns nothing from now on.
    /// @dev Warning: what has gathered for the operator and was not sent on (`IIncomes.payIncome`) has no part for it any more.
    /// Warning: it stays slashable until `finishThaw`, also after it has thawed.
    /// @return thawId For `finishThaw`.
    function undelegate(address operator, uint256 amount) external returns (uint256 thawId);

    /// @notice Credits a delegator's income up to now, and lets stake earn that has become warm. Anyone may call.
    /// @return income What was credited; the delegator fetches it by `withdrawCredit`.
    function settle(address operator, address delegator) external returns (uint256 income);

    /* MODULES */

    /// @notice Income of an operator, from the caller, who must have allowed it. The delegators' part is by their warm stake against the operator's, less the commission.
    /// @dev Costs little while nobody delegates. Never reverts but for want of money.
    function reward(address operator, uint256 amount) external;

    /// @notice Sets own stake aside behind an obligation. Only modules with `LOCKER_ROLE`; not in jail. Delegated stake backs answers, but no obligation waits for it.
    /// @param obligation Why, in the module's own terms: `Inference` gives the id of the request. It is said in the events; kept is the sum of each module.
    function lock(address operator, uint256 amount, bytes32 obligation) external;

    /// @notice Frees what was set aside. Only the module that locked it, with or without the role now.
    /// @param obligation As it was locked for.
    function unlock(address operator, uint256 amount, bytes32 obligation) external;

    /// @notice Takes stake, the operator's own first: clamped to what there is, never reverts for lack of it. Of its own at least `burnBps` burns, and the rest is credited to
    /// `beneficiary`; all of what is taken from delegators burns. The operator goes to jail, for `JAIL_SECONDS` from now on at least. Only modules with `SLASHER_ROLE`. Locks do not protect, and do not shrink.
    /// @return slashed What was taken, own and delegated.
    /// @return bounty What of it was credited to `beneficiary`.
    function slash(address operator, uint256 amount, address beneficiary) external returns (uint256 slashed, uint256 bounty);

    /// @notice Burns what has to burn. Anyone may call.
    function burnSlashed() external returns (uint256 amount);

    /* VIEWS */

    /// @notice Whether `key` could sign for `operator` at `time`. In the second of a rotation both keys can.
    function isKeyAt(address operator, address key, uint256 time) external view returns (bool);

    /// @notice Whether `account` is the operator or its present serving key.
    function actsFor(address operator, address account) external view returns (bool);

    /// @notice Whether the operator may take on something new: it has the minimum stake of its own, and is not in jail.
    function isLive(address operator) external view returns (bool);

    /// @notice Whether the operator may finish what it took on: its own active stake reaches the minimum, or, for `thawingSeconds` after a vote, the smaller one
    /// of before. In jail, too.
    function mayFinish(address operator) external view returns (bool);

    /// @notice Zero, or the time at which a jailed operator may rehabilitate.
    function jailedUntil(address operator) external view returns (uint256);

    /// @notice The operator's own stake: active, thawing, and locked (a part of the active, unless a slash came between).
    function stakeOf(address operator) external view returns (uint256 active, uint256 thawing, uint256 locked);

    /// @notice What all delegators together have with an operator: active, thawing, and earning (a part of the active).
    function delegatedTo(address operator) external view returns (uint256 active, uint256 thawing, uint256 earning);

    /// @notice What a delegator has with an operator: active; earning, a part of it; when the rest may earn; and income that `settle` would credit.
    function delegationOf(address operator, address delegator)
        external
        view
        returns (uint256 active, uint256 earning, uint256 warmAt, uint256 income);

    /// @notice The operators that an account delegates to, or did until it replaces them.
    function operatorsOf(address delegator) external view returns (address[] memory);

    /// @notice Commission now, and what it will be from `since` on.
    function commissionOf(address operator) external view returns (uint256 bps, uint256 nextBps, uint256 since);

    /// @notice Own active stake that is not locked.
    function freeStake(address operator) external view returns (uint256);

    /// @notice What `module` has locked of the operator's stake.
    function lockedBy(address operator, address module) external view returns (uint256);

    /// @notice Of which operator and whose a thaw is (zero: finished, or none), whether of the operator's own pool, what it is worth now, and from when on it can
    /// be taken out.
    function thaw(uint256 thawId)
        external
        view
        returns (address operator, address owner, bool own, uint256 amount, uint256 until);

    /// @notice The operator's present key and where it serves.
    function operatorInfo(address operator) external view returns (address key, string memory endpoint);

    /// @notice The active stake of an account, its own and what it delegates. What thaws no longer votes.
    function getVotes(address account) external view returns (uint256);

    /// @notice What is left today of the stake that was active at the end of the second `timepoint`: never more than it was then, and less after a slash.
    /// @dev Nothing, once a pool that was slashed has lost its last share.
    function getPastVotes(address account, uint256 timepoint) external view returns (uint256);

    /// @notice What will burn, in wei. Nobody can be paid from it.
    function burnable() external view returns (uint256);

    /// @notice How long stake thaws; and how long new stake earns nothing, and a higher commission takes to come.
    function thawingSeconds() external view returns (uint256);

    /// @notice How much of an operator's own stake burns when it is slashed, in basis points.
    function burnBps() external view returns (uint256);

    /// @notice How long a slashed operator stays in jail at least, in seconds.
    function JAIL_SECONDS() external view returns (uint256);

    /// @notice The greatest commission, in basis points of the delegators' income.
    function MAX_COMMISSION_BPS() external view returns (uint256);

    /// @notice By how much a commission rises at once at most, in basis points.
    function MAX_COMMISSION_STEP_BPS() external view returns (uint256);

    /// @notice To how many operators one account can delegate: the bound of the sum that its votes are.
    function MAX_OPERATORS() external view returns (uint256);

    /// @notice Its holders may slash any operator.
    function SLASHER_ROLE() external view returns (bytes32);

    /// @notice Its holders may lock free stake behind an obligation.
    function LOCKER_ROLE() external view returns (bytes32);

    /// @notice The own stake that makes an operator live, in wei of OPG.
    function minStake() external view returns (uint256);
}
