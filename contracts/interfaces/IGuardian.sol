// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What can be paused: beginnings, never ends.
enum Business {
    REQUESTS, // on-chain requests
    CHANNELS, // deposits into channels
    STAKING // new stake, own and delegated
}

/// @title The emergency brake
/// @notice One account, chosen by vote, may pause new business for a bounded time. It has no other power: exits, disputes, payments and funds never ask this
/// contract. Between two pauses of one business there is always a cool-down at least as long as the longest pause, so a guardian gone bad stops less than half of
/// the time, until the vote that replaces it.
interface IGuardian {
    /// @notice A vote put `guardian` in the place of `previous`; zero for nobody.
    event GuardianSet(address indexed guardian, address indexed previous);
    /// @notice What holds for pauses to come, in seconds.
    event PauseLimitsSet(uint256 maxPauseSeconds, uint256 cooldownSeconds);
    /// @notice Nothing new begins up to and including second `until`. The same business cannot be paused again before `pausableFrom`.
    event Paused(Business indexed business, uint256 until, uint256 pausableFrom);
    /// @notice The pause ended early.
    event Resumed(Business indexed business, address indexed by, uint256 pausableFrom);

    /// @notice Only the guardian pauses; it, or a vote, resumes.
    error NotTheGuardian(address account);
    /// @notice Only a vote can do this, through the timelock.
    error NotGovernance(address account);
    /// @notice Nothing of this kind begins up to and including second `until`.
    error BusinessPaused(Business business, uint256 until);
    /// @notice This kind of business cannot be paused again before second `until`.
    error CoolingDown(Business business, uint256 until);
    /// @notice There is no pause to end.
    error NotPaused(Business business);

    /// @notice The timelock of the votes.
    function governance() external view returns (address);

    /// @notice Zero when there is none.
    function guardian() external view returns (address);

    /// @notice The longest that one pause can last.
    function maxPauseSeconds() external view returns (uint256);

    /// @notice How long after a pause the same business cannot be paused again. Never less than `maxPauseSeconds`.
    function cooldownSeconds() external view returns (uint256);

    /// @notice The bounds of `maxPauseSeconds`, in seconds.
    function MIN_PAUSE_SECONDS() external view returns (uint256);
    /// @notice See `MIN_PAUSE_SECONDS`.
    function MAX_PAUSE_SECONDS() external view returns (uint256);
    /// @notice The most that `cooldownSeconds` can be; the least is `maxPauseSeconds`.
    function MAX_COOLDOWN_SECONDS() external view returns (uint256);

    /// @notice The last second of the latest pause, and the first at which the next can begin.
    function pauseOf(Business business) external view returns (uint256 until, uint256 pausableFrom);

    /// @notice Whether new business of this kind is paused now.
    function isPaused(Business business) external view returns (bool);

    /// @notice Reverts while new business of this kind is paused. Asked at the beginning of what begins something.
    function requireOpen(Business business) external view;

    /// @notice Pauses new business of one kind, from now on for `seconds_`: 1 to `maxPauseSeconds`, else `OutOfBounds`. Only by the guardian.
    function pause(Business business, uint256 seconds_) external;

    /// @notice Ends a pause early. By the guardian or by vote.
    function resume(Business business) external;

    /// @notice Replaces the guardian; zero for nobody. Only by vote.
    /// @dev A pause that runs goes on; the same vote can end it.
    function setGuardian(address guardian_) external;

    /// @notice Sets how long pauses to come last at most, and how far apart they are: within the bounds above, else `OutOfBounds`. Only by vote. The terms of a pause that runs, and of its cool-down, stay what they were.
    function setPauseLimits(uint256 maxPauseSeconds_, uint256 cooldownSeconds_) external;
}
