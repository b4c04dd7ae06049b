// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Operators and what they can lose
/// @notice An operator's stake backs every answer that it signs. Stake that thaws stays slashable until it is withdrawn.
/// @dev Active and thawing stake are slashed alike, so leaving the queue earlier or later gains nothing.
/// What thaws is one pool for each operator, and a thaw holds shares of it: a slash lowers what a share is worth, and touches no thaw.
/// Nothing here can be paused, and no parameter ever changes.
interface IStaking {
    /// @notice A new operator, or a new endpoint of a known one.
    event EndpointSet(address indexed operator, string endpoint);
    /// @notice From `since` on, answers of `operator` are signed by `key`; the previous key stays liable for what it signed.
    event KeyRotated(address indexed operator, address indexed key, address indexed previous, uint256 since);
    event Staked(address indexed operator, uint256 amount);
    /// @notice `amount` left the active stake and thaws as `shares` of the thawing pool until `until`.
    event ThawStarted(address indexed operator, uint256 indexed thawId, uint256 amount, uint256 shares, uint256 until);
    event Unstaked(address indexed operator, uint256 indexed thawId, uint256 amount);
    event Locked(address indexed operator, address indexed module, uint256 amount);
    event Unlocked(address indexed operator, address indexed module, uint256 amount);
    /// @notice `fromActive + fromThawing` was taken: `burned` is gone, `bounty` was credited to `beneficiary`.
    event Slashed(
        address indexed operator,
        address indexed module,
        address indexed beneficiary,
        uint256 fromActive,
        uint256 fromThawing,
        uint256 burned,
        uint256 bounty
    );

    error ZeroAmount();
    error ZeroKey();
    /// @notice The account never registered as an operator.
    error NotAnOperator(address account);
    /// @notice The key belongs to this operator already; keys are not reused.
    error KeyUsed(address key);
    /// @notice Stake that is locked behind an obligation cannot thaw.
    error StakeLocked(uint256 free, uint256 wanted);
    /// @notice Too little free stake to take on an obligation.
    error NotEnoughStake(address operator, uint256 free, uint256 wanted);
    error ThawingNotOver(uint256 until);
    /// @notice The caller has no such thaw, or finished it.
    error NoSuchThaw(uint256 thawId);
    /// @notice The module has less locked than it wants to unlock.
    error NotLocked(address operator, address module, uint256 locked, uint256 wanted);
    /// @notice The parameter lies outside the bounds written in the code.
    error OutOfBounds(string parameter, uint256 value, uint256 min, uint256 max);

    /// @notice Registers the caller as an operator, or changes its key and endpoint.
    /// @dev Warning: keys are for ever. A retired key is liable for what it could sign while it was in use, and cannot come back.
    /// @param key Signs answers from now on. An EOA, or a contract that implements ERC-1271.
    function register(address key, string calldata endpoint) external;

    /// @notice Adds to the caller's stake. Needs an allowance.
    function stake(uint256 amount) external;

    /// @notice Begins to take stake out.
    /// @dev Warning: it stays slashable until `finishThaw`, also after it has thawed.
    function startThaw(uint256 amount) external returns (uint256 thawId);

    /// @notice Takes out what has thawed: the shares' worth, less than asked for when it was slashed meanwhile. Sent to the caller.
    function finishThaw(uint256 thawId) external returns (uint256 amount);

    /// @notice Sets stake aside behind an obligation. Only modules with `LOCKER_ROLE`.
    function lock(address operator, uint256 amount) external;

    /// @notice Frees what was set aside. Only the module that locked it, with or without the role now.
    function unlock(address operator, uint256 amount) external;

    /// @notice Takes stake: clamped to what there is, never reverts for lack of it. At least `burnBps` of it burns, the rest is credited to `beneficiary`.
    /// Only modules with `SLASHER_ROLE`. Locks do not protect, and do not shrink.
    function slash(address operator, uint256 amount, address beneficiary) external returns (uint256 slashed, uint256 bounty);

    /// @notice Whether `key` could sign for `operator` at `time`. In the second of a rotation both keys can.
    function isKeyAt(address operator, address key, uint256 time) external view returns (bool);

    /// @notice Whether `account` is the operator or its present serving key.
    function actsFor(address operator, address account) external view returns (bool);

    /// @notice Whether the operator's active stake reaches the minimum.
    function isLive(address operator) external view returns (bool);

    /// @notice Active, thawing and locked stake (locked is a part of active, unless a slash came between).
    function stakeOf(address operator) external view returns (uint256 active, uint256 thawing, uint256 locked);

    /// @notice Active stake that is not locked.
    function freeStake(address operator) external view returns (uint256);

    /// @notice What `module` has locked of the operator's stake.
    function lockedBy(address operator, address module) external view returns (uint256);

    /// @notice Whose thaw it is (zero: finished, or none), what it is worth now, and from when on it can be taken out.
    function thaw(uint256 thawId) external view returns (address operator, uint256 amount, uint256 until);

    /// @notice The operator's present key and where it serves.
    function operatorInfo(address operator) external view returns (address key, string memory endpoint);

    /// @notice How long stake thaws.
    function thawingSeconds() external view returns (uint256);

    /// @notice How much of a slash burns, in basis points.
    function burnBps() external view returns (uint256);

    /// @notice The stake that makes an operator live.
    function minStake() external view returns (uint256);
}
