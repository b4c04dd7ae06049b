// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEscrow} from "./IEscrow.sol";
import {IOpenGradient} from "./IOpenGradient.sol";

/// @notice One input of a version, as its file names it.
struct NamedInput {
    string name;
    bool integer; // else binary32
    int64 low; // least and greatest integer that it takes; zero for binary32
    int64 high;
    uint32[] shape; // empty: a single number
}

/// @notice What a user wants for one model. Zero: as it is for everybody.
struct Preference {
    uint64 versionId;
    address operator;
}

/// @title On-chain requests for users of the `opengradient` SDK
/// @notice Turns `run` into an ordinary request to `Inference`, paid from the caller's escrow and as disputable as any. The answer is fetched from a node by the
/// inference id, which is the request's.
/// @dev It has no owner and holds no money: each user has an `Escrow` of its own.
/// Warning: the SDK believes what the node at its `api_url` tells it. The answer on chain is what counts.
interface IOpenGradientFacade is IOpenGradient {
    /// @notice The purse of `user` is at `escrow`.
    event EscrowOpened(address indexed user, IEscrow escrow);
    /// @notice `amount` wei of OPG went into the purse of `user`.
    event Deposited(address indexed user, uint256 amount);
    /// @notice From now on no question of `user` costs more than `maxFee` wei of OPG.
    event MaxFeeSet(address indexed user, uint96 maxFee);
    /// @notice Questions of `user` about `modelId` go to this version and operator from now on; zeros: the default ones.
    event Preferred(address indexed user, string modelId, uint64 versionId, address operator);
    /// @notice `modelId` means this version from now on, for who prefers no other.
    event Bound(string modelId, uint256 indexed versionId);
    /// @notice The inputs of a version have these names and shapes, for ever.
    event Described(uint256 indexed versionId, NamedInput[] inputs);
    /// @notice Who is asked by default: the cheapest of them that can take the request on.
    event OperatorsSet(uint256 indexed versionId, address[] operators);
    /// @notice A question went out as request `requestId`, for `fee` wei of OPG.
    event Asked(
        bytes32 indexed requestId, address indexed user, uint256 indexed versionId, address operator, uint256 fee
    );

    /// @notice No version with this content identifier was bound; see `bind`.
    error UnknownModel(string modelId);
    /// @notice The version's owner did not say what its inputs are called; see `describe`.
    error NotDescribed(uint256 versionId);
    /// @notice A version is described once.
    error AlreadyDescribed(uint256 versionId);
    /// @notice The inputs' shapes are not those of the version, two have one name, or the bounds are not within 32 bits.
    error BadDescription(uint256 versionId);
    /// @notice `modelId` means `versionId` already, which was published earlier and is not deprecated.
    error BoundEarlier(string modelId, uint256 versionId);
    /// @notice The version was published under another content identifier.
    error OtherModel(string modelId, string published);
    /// @notice The owner takes no new questions for this version.
    error DeprecatedModel(uint256 versionId);
    /// @notice Only the owner of the version's model.
    error NotModelOwner(uint256 versionId, address caller);
    /// @notice At most `max`.
    error TooManyOperators(uint256 count, uint256 max);
    /// @notice None of the listed operators could take the request on now. A user may prefer another one.
    error NoOperator(uint256 versionId);
    /// @notice The price is more than what the user pays at most; see `setMaxFee`.
    error FeeAboveMax(uint256 fee, uint256 maxFee);
    /// @notice The caller never paid in; see `deposit`.
    error NoEscrow(address user);
    /// @notice Versions take numbers only.
    error StringsNotSupported();
    /// @notice The version takes `needed` inputs.
    error WrongInputCount(uint256 given, uint256 needed);
    /// @notice The question lacks an input that the version takes.
    error InputMissing(string name);
    /// @notice The shape is not the version's, or does not fit the number of values.
    error WrongShape(string name, uint32[] needed);

    /* USERS */

    /// @notice Pays into the caller's escrow. Needs an allowance. Take it out again by `IEscrow.withdraw`.
    /// @param maxFee What the caller pays at most for one answer, in wei of OPG: prices are the operators' and may rise.
    function deposit(uint256 amount, uint96 maxFee) external returns (IEscrow escrow);

    /// @notice The most that one question of the caller may cost, in wei of OPG.
    function setMaxFee(uint96 maxFee) external;

    /// @notice Chooses the caller's own version or operator for a model.
    /// @dev Do this for a version that you have checked: a chain cannot tell whether a program comes from a file, and anybody can publish under any
    /// content identifier.
    function prefer(string calldata modelId, uint64 versionId, address operator) external;

    /* MODELS */

    /// @notice Makes a version what its content identifier means. Anyone may call. The earliest version that was described and is not deprecated prevails.
    function bind(uint256 versionId) external;

    /// @notice Says what a version's inputs are called, in their order. Once, for ever; only the model's owner.
    function describe(uint256 versionId, NamedInput[] calldata inputs) external;

    /// @notice Names the operators that are asked for who prefers none: the cheapest that can take the request on. At most `MAX_OPERATORS`; only the model's owner.
    function setOperators(uint256 versionId, address[] calldata operators) external;

    /* VIEWS */

    /// @notice Zero when the user has none.
    function escrowOf(address user) external view returns (IEscrow);

    /// @notice The most that one question of `user` may cost, in wei of OPG.
    function maxFeeOf(address user) external view returns (uint96);

    /// @notice The version and operator that `user` chose for a model; zeros: the default ones.
    function preferenceOf(address user, string calldata modelId) external view returns (Preference memory);

    /// @notice Zero when there is none.
    function versionOf(string calldata modelId) external view returns (uint256);

    /// @notice Names and shapes of a version's inputs; empty until they are described.
    function inputsOf(uint256 versionId) external view returns (NamedInput[] memory);

    /// @notice Who is asked by default for a version: the cheapest of them that can take the request on.
    function operatorsOf(uint256 versionId) external view returns (address[] memory);

    /// @notice The most operators that a version can list.
    function MAX_OPERATORS() external view returns (uint256);

    /// @notice Who would be asked now for how much. Reverts with `NoOperator`, `NotOffered`, or when the operator cannot take it on.
    function quote(uint256 versionId, address preferred) external view returns (address operator, uint96 fee);
}
