// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice What a user signs for an off-chain answer (EIP-712, domain `OPG Channels`, version `1`, this chain and the Channels contract).
/// @dev Cumulative: it replaces every earlier voucher for the same payer, operator and model.
struct Voucher {
    address payer;
    address operator;
    uint256 modelId;
    uint256 total; // wei of OPG, for all answers so far
    uint64 deadline; // unix seconds; the last at which it can be redeemed
}

/// @notice A voucher and who signed it: the payer, or a session key of the payer.
struct Redemption {
    Voucher voucher;
    address signer;
    bytes signature;
}

/// @title Payment for off-chain answers
/// @notice A user deposits for one operator and pays by signing vouchers. An operator is never paid more than was signed and deposited; a user can always leave.
/// @dev Amounts are in wei of OPG, times in unix seconds.
///
/// Warnings for operators, before they serve:
/// - A deposit backs the vouchers for all models together. What counts is the deposit minus what was signed but not yet redeemed.
/// - Once the payer starts to close, `closeSeconds` are left to redeem. Afterwards the payer may take the rest at any moment.
/// - A voucher stops counting when its deadline is over; one of a session key also when the key's time is over (`keyUntil`).
/// - Nothing is paid for a model that there is not (`IModels.NoSuchModel`).
/// - A contract wallet can take its own signature back at any time (ERC-1271). Ask such a payer for a session key that is an ordinary account:
///   that one stays good for at least `closeSeconds`, whatever the wallet does. An ordinary account that later gets code (EIP-7702) stays bound by its signatures.
///
/// Warning for users: a voucher stays good after closing. What was signed and not covered is paid from a later deposit.
interface IChannels {
    /// @notice Redemptions from second `since` on pay `bps` to the treasury.
    event ProtocolFeeSet(uint16 bps, uint256 since);
    /// @notice `amount` was added; the deposit is `deposit` now.
    event Deposited(address indexed payer, address indexed operator, uint256 amount, uint256 deposit);
    /// @notice `paid` left the deposit: the protocol's and the model's shares, the rest to the operator. `redeemedTotal` of this model's vouchers is paid now.
    event Redeemed(address indexed payer, address indexed operator, uint256 indexed modelId, uint256 paid, uint256 redeemedTotal);
    /// @notice `key` signs for `payer` through the second `until`. Also when that was shortened.
    event KeyAuthorised(address indexed payer, address indexed key, uint256 until);
    /// @notice The payer is leaving this operator; it may take the rest from second `closableAt` on.
    event CloseStarted(address indexed payer, address indexed operator, uint256 closableAt);
    /// @notice The payer stays.
    event CloseCancelled(address indexed payer, address indexed operator);
    /// @notice The payer took `amount`, all that was left. A later deposit opens the channel anew.
    event Closed(address indexed payer, address indexed operator, uint256 amount);

    /// @notice A deposit of nothing.
    error ZeroAmount();
    /// @notice `parameter`, an operator, a key or the treasury, is the zero address.
    error ZeroAddress(string parameter);
    /// @notice The payer is leaving; cancel that first.
    error ChannelClosing(uint256 closableAt);
    /// @notice The payer is not leaving this operator.
    error NotClosing(address payer, address operator);
    /// @notice The operator has until second `closableAt` to redeem.
    error ClosingNotOver(uint256 closableAt);
    /// @notice There is no deposit for this operator.
    error NoDeposit(address payer, address operator);
    /// @notice The key's time would end before operators had the time to redeem what it signed.
    error KeyTooShort(uint256 until, uint256 earliest);
    /// @notice The key does not sign for this payer, or no longer.
    error NotAKey(address payer, address key);
    /// @notice Entry `index` is past its deadline.
    error VoucherExpired(uint256 index, uint256 deadline);
    /// @notice The signer of entry `index` is neither the payer nor one of its session keys.
    error NotAuthorised(uint256 index, address signer);
    /// @notice The signature of entry `index` is not the signer's over this voucher.
    error BadSignature(uint256 index, address signer);
    /// @notice The voucher is paid already, or the deposit is empty.
    error NothingToRedeem();

    /// @notice Adds to the caller's deposit for one operator. Needs an allowance. Refused while closing: leaving is never undone by the way; and while the guardian
    /// pauses deposits.
    function deposit(address operator, uint256 amount) external;

    /// @notice The same with an ERC-2612 permit of the caller for exactly `amount`. A permit that somebody else sent first does no harm.
    function depositWithPermit(address operator, uint256 amount, uint256 permitDeadline, uint8 v, bytes32 r, bytes32 s)
        external;

    /// @notice Lets `key` sign vouchers for the caller, for all of its operators, through the second `until`. Called again it moves `until`.
    /// @param until At least `closeSeconds` from now, so that what the key has signed stays redeemable for that long.
    function authoriseKey(address key, uint64 until) external;

    /// @notice Ends a key's time `closeSeconds` from now, or when it ends anyway.
    function revokeKey(address key) external;

    /// @notice Pays what a voucher is worth more than was paid before, as far as the deposit reaches. Anyone may call: who is paid follows from the voucher.
    /// @dev When the deposit is short, all of it is paid, and only as much of the voucher counts as paid: the same voucher redeems the rest after a top-up.
    /// Of each redemption, the treasury and the model with its ancestors (`IModels.split`) get their shares rounded down, the operator gets the rest.
    /// Warning: who owns the model, or an ancestor, at redemption is paid; what was not redeemed goes with a sale of it.
    /// @return paid In wei, before the split.
    function redeem(Voucher calldata voucher, address signer, bytes calldata signature) external returns (uint256 paid);

    /// @notice Redeems many. An entry with nothing left to pay is skipped, so redeeming one of them in front harms nobody;
    /// an entry that is expired or not signed reverts the whole call and is named by its index; one of a model that there is not reverts it, too.
    /// @return paid The sum of all, in wei, before the splits.
    function redeemMany(Redemption[] calldata redemptions) external returns (uint256 paid);

    /// @notice Begins to leave an operator. Vouchers stay redeemable until `finishClose`.
    function startClose(address operator) external;

    /// @notice Stays after all. A later `startClose` begins anew.
    function cancelClose(address operator) external;

    /// @notice Sends the caller what is left of its deposit, `closeSeconds` after `startClose`.
    function finishClose(address operator) external returns (uint256 amount);

    /// @notice What `payer` has deposited for `operator`, and since when it may take it: zero when it is not leaving.
    function channel(address payer, address operator) external view returns (uint256 deposited, uint256 closableAt);

    /// @notice How much of the vouchers for this model was paid so far.
    function redeemed(address payer, address operator, uint256 modelId) external view returns (uint256 total);

    /// @notice What redeeming a voucher would pay now, if its signature and deadline are good and there is such a model.
    function redeemable(Voucher calldata voucher) external view returns (uint256 amount);

    /// @notice The last second in which `key` signs for `payer`; zero when it never did.
    function keyUntil(address payer, address key) external view returns (uint256 until);

    /// @notice EIP-712 digest of a voucher: what is signed.
    function hashVoucher(Voucher calldata voucher) external view returns (bytes32);

    /// @notice How long an operator has to redeem when a payer leaves or a key is revoked.
    function closeSeconds() external view returns (uint256);

    /// @notice The protocol's share of each redemption, in basis points.
    function protocolFeeBps() external view returns (uint16);

    /// @notice Sets `protocolFeeBps`, 0 to 1,000 basis points (else `OutOfBounds`), `closeSeconds` from now: time to redeem what was signed before. Only by vote.
    function setProtocolFeeBps(uint16 bps) external;

    /// @notice Who gets the protocol's share.
    function treasury() external view returns (address);
}
