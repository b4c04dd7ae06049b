// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Governed} from "./Governed.sol";
import {Incomes} from "./Incomes.sol";
import {Business, IGuardian} from "./interfaces/IGuardian.sol";
import {IChannels, Redemption, Voucher} from "./interfaces/IChannels.sol";
import {IModels} from "./interfaces/IModels.sol";
import {IOPG} from "./interfaces/IOPG.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {Bounds} from "./libraries/Bounds.sol";

/// @title Payment for off-chain answers
/// @dev The books: the sum of all deposits, credits and incomes never exceeds the balance, and equals it when nobody donates. A redemption moves an amount from
/// one deposit to credits and an income; only `deposit`, `finishClose`, `withdrawCredit` and `payIncome` move tokens.
contract Channels is IChannels, Incomes, EIP712, Governed {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    uint256 private constant MIN_CLOSE_SECONDS = 1 hours;
    uint256 private constant MAX_CLOSE_SECONDS = 30 days;
    uint16 private constant MAX_PROTOCOL_FEE_BPS = 1_000;

    bytes32 private constant VOUCHER_TYPEHASH =
        keccak256("Voucher(address payer,address operator,uint256 modelId,uint256 total,uint64 deadline)");

    struct ProtocolFee {
        uint16 bps;
        uint16 nextBps;
        uint40 since;
    }

    struct Channel {
        uint128 deposited;
        uint64 closableAt;
    }

    IModels private immutable _models;
    /// @inheritdoc IChannels
    address public immutable treasury;
    /// @inheritdoc IChannels
    uint256 public immutable closeSeconds;

    ProtocolFee private _protocolFee;
    mapping(address payer => mapping(address operator => Channel)) private _channels;

    /// @inheritdoc IChannels
    /// @dev Survives closing, so that no voucher is ever paid twice.
    mapping(address payer => mapping(address operator => mapping(uint256 modelId => uint256 total))) public redeemed;

    /// @inheritdoc IChannels
    mapping(address payer => mapping(address key => uint256 until)) public keyUntil;

    constructor(
        IOPG opg,
        IModels models,
        IStaking staking_,
        IGuardian guardian_,
        address treasury_,
        uint16 protocolFeeBps_,
        uint256 closeSeconds_
    ) Incomes(opg, staking_) EIP712("OPG Channels", "1") Governed(guardian_) {
        if (treasury_ == address(0)) revert ZeroAddress("treasury");
        Bounds.check("closeSeconds", closeSeconds_, MIN_CLOSE_SECONDS, MAX_CLOSE_SECONDS);
        _models = models;
        treasury = treasury_;
        closeSeconds = closeSeconds_;
        _setProtocolFee(protocolFeeBps_, protocolFeeBps_, block.timestamp);
    }

    /* CHOSEN BY VOTE */

    /// @inheritdoc IChannels
    function setProtocolFeeBps(uint16 bps) external onlyGovernance {
        _setProtocolFee(protocolFeeBps(), bps, block.timestamp + closeSeconds);
    }

    /// @inheritdoc IChannels
    function protocolFeeBps() public view returns (uint16) {
        ProtocolFee memory fee = _protocolFee;
        return block.timestamp < fee.since ? fee.bps : fee.nextBps;
    }

    /// @dev Vouchers that are signed already can all be redeemed before a change.
    function _setProtocolFee(uint16 bps, uint16 nextBps, uint256 since) private {
        Bounds.check("protocolFeeBps", nextBps, 0, MAX_PROTOCOL_FEE_BPS);
        _protocolFee = ProtocolFee(bps, nextBps, since.toUint40());
        emit ProtocolFeeSet(nextBps, since);
    }

    /* DEPOSITING */

    /// @inheritdoc IChannels
    function deposit(address operator, uint256 amount) public whileOpen(Business.CHANNELS) {
        if (operator == address(0)) revert ZeroAddress("operator");
        if (amount == 0) revert ZeroAmount();
        Channel storage opened = _channels[msg.sender][operator];
        if (opened.closableAt != 0) revert ChannelClosing(opened.closableAt);

        uint256 deposited = opened.deposited + amount;
        opened.deposited = deposited.toUint128();
        emit Deposited(msg.sender, operator, amount, deposited);

        _opg.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IChannels
    function depositWithPermit(address operator, uint256 amount, uint256 permitDeadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // A permit is public once it is sent, and whoever sends it first makes this one fail. Then the allowance is there all the same; if it is not,
        // the transfer fails and says so.
        try IERC20Permit(address(_opg)).permit(msg.sender, address(this), amount, permitDeadline, v, r, s) {} catch {}
        deposit(operator, amount);
    }

    /* SESSION KEYS */

    /// @inheritdoc IChannels
    function authoriseKey(address key, uint64 until) external {
        if (key == address(0)) revert ZeroAddress("key");
        uint256 earliest = block.timestamp + closeSeconds;
        if (until < earliest) revert KeyTooShort(until, earliest);
        _setKeyUntil(key, until);
    }

    /// @inheritdoc IChannels
    function revokeKey(address key) external {
        uint256 until = keyUntil[msg.sender][key];
        if (until < block.timestamp) revert NotAKey(msg.sender, key);
        _setKeyUntil(key, Math.min(until, block.timestamp + closeSeconds));
    }

    function _setKeyUntil(address key, uint256 until) private {
        keyUntil[msg.sender][key] = until;
        emit KeyAuthorised(msg.sender, key, until);
    }

    /* REDEEMING */

    /// @inheritdoc IChannels
    function redeem(Voucher calldata voucher, address signer, bytes calldata signature) external returns (uint256 paid) {
        paid = _redeem(0, voucher, signer, signature);
        if (paid == 0) revert NothingToRedeem();
    }

    /// @inheritdoc IChannels
    function redeemMany(Redemption[] calldata redemptions) external returns (uint256 paid) {
        for (uint256 i = 0; i < redemptions.length; ++i) {
            Redemption calldata entry = redemptions[i];
            paid += _redeem(i, entry.voucher, entry.signer, entry.signature);
        }
    }

    function _redeem(uint256 index, Voucher calldata voucher, address signer, bytes calldata signature)
        private
        returns (uint256 paid)
    {
        if (block.timestamp > voucher.deadline) revert VoucherExpired(index, voucher.deadline);
        if (signer != voucher.payer && keyUntil[voucher.payer][signer] < block.timestamp) {
            revert NotAuthorised(index, signer);
        }
        if (!_isSigned(signer, hashVoucher(voucher), signature)) revert BadSignature(index, signer);

        paid = redeemable(voucher);
        if (paid == 0) return 0;

        uint256 redeemedTotal = redeemed[voucher.payer][voucher.operator][voucher.modelId] + paid;
        redeemed[voucher.payer][voucher.operator][voucher.modelId] = redeemedTotal;
        _channels[voucher.payer][voucher.operator].deposited -= paid.toUint128();
        emit Redeemed(voucher.payer, voucher.operator, voucher.modelId, paid, redeemedTotal);

        (address[] memory accounts, uint256[] memory amounts) = _models.split(voucher.modelId, paid);
        _earn(voucher.operator, _splitFee(paid, protocolFeeBps(), treasury, accounts, amounts));
    }

    /// @dev A private key binds its address for ever, so it is tried first: a payer that gives its account code (EIP-7702) cannot undo what it signed before.
    function _isSigned(address signer, bytes32 digest, bytes calldata signature) private view returns (bool) {
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (problem == ECDSA.RecoverError.NoError && recovered == signer) return true;
        return SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }

    /* LEAVING */

    /// @inheritdoc IChannels
    function startClose(address operator) external {
        Channel storage opened = _channels[msg.sender][operator];
        if (opened.closableAt != 0) revert ChannelClosing(opened.closableAt);
        if (opened.deposited == 0) revert NoDeposit(msg.sender, operator);

        uint256 closableAt = block.timestamp + closeSeconds;
        opened.closableAt = closableAt.toUint64();
        emit CloseStarted(msg.sender, operator, closableAt);
    }

    /// @inheritdoc IChannels
    function cancelClose(address operator) external {
        Channel storage opened = _channels[msg.sender][operator];
        if (opened.closableAt == 0) revert NotClosing(msg.sender, operator);

        opened.closableAt = 0;
        emit CloseCancelled(msg.sender, operator);
    }

    /// @inheritdoc IChannels
    function finishClose(address operator) external returns (uint256 amount) {
        Channel memory leaving = _channels[msg.sender][operator];
        if (leaving.closableAt == 0) revert NotClosing(msg.sender, operator);
        if (block.timestamp < leaving.closableAt) revert ClosingNotOver(leaving.closableAt);

        amount = leaving.deposited;
        delete _channels[msg.sender][operator];
        emit Closed(msg.sender, operator, amount);

        // to the caller itself, whose refusal would harm nobody else
        _opg.safeTransfer(msg.sender, amount);
    }

    /* READING */

    /// @inheritdoc IChannels
    function channel(address payer, address operator) external view returns (uint256 deposited, uint256 closableAt) {
        Channel storage opened = _channels[payer][operator];
        return (opened.deposited, opened.closableAt);
    }

    /// @inheritdoc IChannels
    function redeemable(Voucher calldata voucher) public view returns (uint256 amount) {
        uint256 owed = Math.saturatingSub(voucher.total, redeemed[voucher.payer][voucher.operator][voucher.modelId]);
        return Math.min(owed, _channels[voucher.payer][voucher.operator].deposited);
    }

    /// @inheritdoc IChannels
    function hashVoucher(Voucher calldata voucher) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(VOUCHER_TYPEHASH, voucher)));
    }
}
