"""What can go wrong outside of the arithmetic, named for the rule that was broken.

Every error says in one line what happened, and in `advice` what to do next. The command line prints exactly
that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opg.words import moment, origin, shown


class OPGError(Exception):
    """Base of all errors that a person using OPG can do something about."""

    advice: str = ""

    def __init__(self, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        if advice is not None:
            self.advice = advice


class ChainUnreachable(OPGError):
    """No Ethereum node answers at the URL. It is told to whoever asks, so no more of the URL than its host is."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"no Ethereum node answers at {origin(url)} ({reason})",
            "start one there, or name another with --rpc or OPG_RPC",
        )


class WrongChain(OPGError):
    """The node is there, but it serves another chain than the one that was deployed to."""


class NotDeployed(OPGError):
    """There is no deployment manifest, or it lacks a contract."""


class ArtifactMissing(OPGError):
    """ABI or bytecode of a contract was not found."""


class NoKey(OPGError):
    """No private key was given, or the keystore does not open."""


class BadNetwork(OPGError):
    """A network file, or the environment that it names, does not say what it should."""

    advice = "correct it: docs/deploying.md says what a network file holds, and scripts/networks/ has some"


class Underfunded(OPGError):
    """The deployer cannot pay for the whole deployment."""


class DeploymentStuck(OPGError):
    """The deployment cannot go on, or is not what it should be. Nothing is lost: it goes on where it stopped."""


class TransactionRefused(OPGError):
    """A contract said no. `name` and `arguments` are its custom error, for example `ThawingNotOver` and
    `{"until": 5}`.
    """

    def __init__(self, label: str, name: str, arguments: dict[str, Any] | None = None) -> None:
        self.label = label
        self.name = name
        self.arguments = arguments or {}
        super().__init__(f"{label}: {refusal(name, self.arguments)}", ADVICE.get(name, "nothing was changed on chain"))


class TransactionLost(OPGError):
    """A transaction was sent and no receipt came in time."""


class StaleView(OPGError):
    """Two reads of the chain saw two branches of it, as happens around a re-organisation."""


class BadInput(OPGError):
    """An input does not fit the model: count, shape, type or value."""


class UnknownVersion(OPGError):
    """The version asked for is not served here, or does not exist."""


class WrongKey(OPGError):
    """The key at hand is not the one that the chain has registered."""


class WrongModel(OPGError):
    """The model file is not what the version on chain commits to."""


class ModelUnreadable(OPGError):
    """The model file cannot be compiled."""


class BadRequest(OPGError):
    """A user's signed request, or its voucher, is not acceptable."""


class PaymentRequired(OPGError):
    """The voucher is missing, too low, or not covered by a deposit."""


class BookDamaged(OPGError):
    """What a payer has signed so far cannot be read. Nothing was sent, and the file is as it was."""


class BadAnswer(OPGError):
    """An operator's answer failed one of the client's checks."""


class OperatorUnreachable(OPGError):
    """The operator's endpoint does not answer in time, or not with what can be read."""


class AlreadyRunning(OPGError):
    """Another process uses the same data."""


class FileUnusable(OPGError):
    """A file that has to be kept cannot be opened, read or written."""


class NoOperator(OPGError):
    """Nobody answered: each operator that could be asked is named with its reason."""


class OperatorRefused(OPGError):
    """The operator's endpoint answered with an error of its own, of this HTTP status. `final`: it has not answered the request, and is not
    paid for it.
    """

    status = 400

    @property
    def final(self) -> bool:
        return 400 <= self.status < 500

    @property
    def is_about_the_request(self) -> bool:
        """It says that nobody could answer this one: unreadable, too large, or not what the model takes."""
        return self.status in (400, 413, 415, 422)


class NotStaked(OPGError):
    """The operator has too little stake behind its answers."""


class StakeRefused(OPGError):
    """Stake cannot be moved as wanted: too little, too early, in jail."""


class NoBond(OPGError):
    """The challenger has too few OPG to open a dispute."""


class NothingToDispute(OPGError):
    """The answer is right, or can no longer be disputed."""


MOMENTS = (
    "until",
    "deadline",
    "earliest",
    "latest",
    "closableAt",
    "issuedAt",
)  # arguments of custom errors that are unix seconds
PLAUSIBLE = (10**9, 10**11)

ADVICE = {
    "WindowOver": "the answer can no longer be disputed; nothing is left to do",
    "AlreadyProven": "somebody proved that already, with this answer and another one",
    "OperatorNotLive": "the operator has to stake at least the minimum: opg operator stake",
    "NotEnoughStake": "the operator has to add stake, or to free some: opg operator stake",
    "NotAnOperator": "register first: opg operator register",
    "NotTheOperator": "use the operator's key or its serving key: --keystore or OPG_KEYSTORE",
    "NotModelOwner": "use the key of the model's owner: --keystore or OPG_KEYSTORE",
    "NotGovernance": "only a vote can do this: opg proposal new",
    "AccessControlUnauthorizedAccount": "only a vote can do this: opg proposal new",
    "OutOfBounds": "choose a value from min to max",
    "KeyUsed": "a key that was replaced never returns: make another one, opg new-key",
    "ZeroKey": "name the address of the key that signs the answers",
    "BelowMinStake": "add to your own stake: opg operator stake",
    "NoOperator": "nobody who is listed can take it on now; ask another one: opg escrow prefer",
    "DeprecatedModel": "ask for a later version: opg model show",
    "WrongInputShape": "name the model with --model: then shapes are checked before",
    "BadTensor": "send each input as whole words of 4 bytes; none may be empty",
    "AnswerRefuted": "it is known to be wrong; nothing is left to do",
    "VoucherExpired": "it can no longer be redeemed; redeem the others",
    "NothingToRedeem": "it is paid already, or the deposit is empty",
    "UnknownModel": "its owner opens it to the SDK: opg model open; the identifier is that of `opg model publish`",
    "NotDescribed": "the model's owner opens the version to the SDK: opg model open",
    "NoEscrow": "pay some OPG in first: opg escrow deposit",
    "NotEnoughEscrow": "take out less, or pay in more: opg escrow deposit",
    "FeeAboveMax": "pay in with a higher --max-fee: opg escrow deposit",
    "ModeNotSupported": "ask in the plain mode (VANILLA)",
    "WrongShape": "send the shape that is needed, as a numpy array",
    "InputMissing": "name the inputs as the model does",
    "NumberTooLarge": "send finite float32 numbers",
    "NotOffered": "choose an operator that offers this version, or offer it: opg operator offer",
    "FeeTooLow": "raise the fee to the operator's price",
    "BadDeadline": "choose a deadline between the earliest and the latest shown",
    "DeadlineNotPassed": "the operator has time until then; afterwards: opg request expire",
    "WrongRequestState": "see where it stands: opg request show",
    "NotRefuted": "the fee goes back when a dispute refutes the answer, while its window is open: opg watch",
    "NotFinal": "see until when it can be disputed: opg request show",
    "AnsweredThisSecond": "try again a second later",
    "ClosingNotOver": "wait until the time shown; or stay: opg channel close --cancel",
    "ChannelClosing": "stay after all: opg channel close --cancel",
    "NotClosing": "it is open; nothing is left to do",
    "NoDeposit": "open a channel first: opg channel open",
    "KeyTooShort": "give it more --days: through the earliest time shown",
    "NotAKey": "see until when it signs: opg channel key status",
    "NotTheGuardian": "use the guardian's key; see who it is: opg guardian show",
    "CoolingDown": "wait until the time shown; a vote can do more",
    "NotPaused": "it is open; nothing is left to do",
    "OtherModel": "name a version that was published under this content identifier: opg model show",
    "ThawingNotOver": "wait until the time shown, then try again",
    "NoSuchThaw": "see yours with: opg stake show",
    "NotEnoughDelegated": "see what you have where: opg stake show",
    "CommissionTooHigh": "raise --max-commission, or choose another operator",
    "TooManyOperators": "leave one operator with all you have there first: opg stake undelegate",
    "PoolSpent": "nearly all of this stake was slashed; begin with another operator",
    "OperatorJailed": "wait until the time shown, then: opg stake rehabilitate",
    "ZeroAmount": "name an amount above zero",
    "BusinessPaused": "the guardian has paused this until the time shown; exits go on",
    "StakeLocked": "wait until open requests are settled, or take out less",
    "BadName": "1 to 64 printable ASCII characters without quotes and backslashes",
    "FeeTooHigh": "lower --fee: the share of the model's owner is at most what is shown, in hundredths of a percent",
    "AlreadyDeprecated": "nothing is left to do",
    "NameTaken": "choose another name",
    "DeprecatedVersion": "ask for a later version of the model",
    "ModuleRetired": "deploy a new module: one that lost its role never gets it back",
    "NotEnoughGas": "send the transaction with a higher gas limit; what is not used is not paid",
    "LicenceIsSet": "a licence is for ever; register another model for another licence",
    "ParentWithoutShare": "give each parent a share, or leave it out",
    "SharesTooHigh": "the parents' shares may not exceed 100 % together",
    "TooManyAncestors": "name fewer parents: eight models are paid at most, in eight generations",
    "BadText": "1 to 256 printable ASCII characters without quotes and backslashes",
    "NoSuchVersion": "look up the version's number: opg model list",
    "NoSuchModel": "look up the model's number: opg model list",
    "ERC20InsufficientAllowance": "approve the contract first",
    "ERC20InsufficientBalance": "the account has too few OPG; fetch some first",
    "SafeCastOverflowedUintDowncast": "that is more OPG than there are: name a smaller amount",
    "NothingToWithdraw": "there is no credit to fetch",
    "AlreadyOpened": "this challenger has a game against this answer already",
    "GovernorInsufficientProposerVotes": "votes count once they are delegated: opg delegate; see yours with opg votes",
    "GovernorRestrictedProposer": "only the account at the end of the description can propose these words: #proposer=…",
    "GovernorUnexpectedProposalState": "see where the proposal stands: opg proposal show",
    "GovernorNonexistentProposal": "submit it first: opg proposal submit",
    "GovernorAlreadyCastVote": "a vote is cast once; it stands",
    "TimelockUnexpectedOperationState": "the delay is not over: opg proposal show",
    "insufficient funds": "send some ether for gas to the account",
}


# errors whose unsigned numbers are wei of OPG
IN_OPG = frozenset({
    "BelowMinStake", "GovernorInsufficientProposerVotes", "ERC20InsufficientAllowance", "ERC20InsufficientBalance", "FeeAboveMax", "FeeTooLow", "NotEnoughDelegated",
    "NotEnoughEscrow", "NotEnoughStake", "NotLocked", "StakeLocked",
})  # fmt: skip


# `IGovernor.ProposalState`
STATES = ("pending", "active", "canceled", "defeated", "succeeded", "queued", "expired", "executed")


def refusal(name: str, arguments: Mapping[str, Any]) -> str:
    """A contract's error as people read it."""
    return f"{name}({', '.join(f'{key}={_short(name, key, value)}' for key, value in arguments.items())})"


def _short(name: str, key: str, value: Any) -> str:
    if name == "GovernorUnexpectedProposalState" and key == "current":
        return STATES[value]
    if name == "GovernorUnexpectedProposalState" and key == "expectedStates":
        expected = int.from_bytes(value, "big")
        return " or ".join(state for place, state in enumerate(STATES) if expected >> place & 1) or "none"
    if name in IN_OPG and isinstance(value, int):
        return shown(value)
    if key in MOMENTS and PLAUSIBLE[0] <= value <= PLAUSIBLE[1]:
        return moment(value)
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value)
