// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Header} from "./IReferee.sol";

/// @notice One immutable version of a model.
struct Version {
    uint64 modelId;
    uint32 opCount;
    uint8 modes; // bit m is set when mode m is supported, see `Mode`
    bool deprecated; // the only field that ever changes, and only once: no new on-chain requests
    bytes32 programRoot; // what a dispute is judged against
    bytes32 constantsRoot; // list tree of the constants' tensor roots
    bytes32 inputsHash; // keccak256(abi.encode(uint256[] word counts of the inputs))
    bytes32 artifactHash; // SHA-256 of the ONNX file
    string artifactCid; // where the ONNX file can be fetched
    string bindings; // dynamic axes bound at compile time, "batch=1,sequence=128"
}

/// @notice A promise of a derived model to a model that it was made from.
struct Parent {
    uint256 modelId;
    uint16 shareBps; // of what the derived model takes from each fee
}

/// @notice How an answer becomes final.
enum Mode {
    OPTIMISTIC, // when the dispute window is over
    ZK, // when a proof verifier accepts
    TEE // when an attestation verifier accepts
}

/// @title Ownership of models
/// @notice Every model is an ERC-721 token; its holder earns a share of each fee, also of those for models derived from it. Versions are append-only.
/// @dev Anyone can check a version: fetch the artifact, compile it, compare the program root.
///
/// A model takes `feeBps` of each fee for it, its income, and promises parts of that income to its parents. What a parent gets so is income of the
/// parent, shared with its own parents as it has promised. All promises are made at registration, fixed for ever, and flattened then into at most
/// `MAX_PAYEES` parts of a million; see docs/protocol.md, "Shares of a fee".
/// Warning: who is paid for a model is whoever owns it when the fee is settled. What is asked but not settled yet goes with a sale.
/// Warning: naming a parent is voluntary, and needs no consent: it gives the parent income and nothing else. It is no proof of a licence.
interface IModels {
    /// @notice A model was registered. Its promises are in `parents`, as they were made; what they come to is `lineage`.
    event ModelRegistered(uint256 indexed modelId, address indexed owner, string name, uint16 feeBps, Parent[] parents);
    /// @notice A version was published. `header` is the preimage of `version.programRoot`.
    event VersionPublished(uint256 indexed versionId, uint256 indexed modelId, Version version, Header header);
    /// @notice The owner advises against a version.
    event VersionDeprecated(uint256 indexed versionId, uint256 indexed modelId);
    /// @notice The owner stated what the model may be used for. Never changes.
    event LicenceSet(uint256 indexed modelId, string licence);
    /// @notice The owner says where more can be read.
    event MetadataUriSet(uint256 indexed modelId, string uri);

    /// @notice The name is empty, longer than 64 bytes, or has a byte that is not printable ASCII, a quote or a backslash.
    error BadName(string name);
    /// @notice This account registered a model of that name before, whoever owns it now.
    error NameTaken(address owner, string name);
    /// @notice The share is above the bound.
    error FeeTooHigh(uint256 feeBps, uint256 maxBps);
    /// @notice There are too many parents, or too many generations above the model; `bound` says how many there may be.
    error TooManyAncestors(uint256 count, uint256 bound);
    /// @notice A parent without a share is no parent.
    error ParentWithoutShare(uint256 modelId);
    /// @notice The parents are promised more than all of the income.
    error SharesTooHigh(uint256 sumBps);
    /// @notice A model has one licence, for ever.
    error LicenceIsSet(uint256 modelId);
    /// @notice Empty, longer than 256 bytes, or with a byte that is not printable ASCII, a quote or a backslash.
    error BadText(string text);
    /// @notice It is for ever already.
    error AlreadyDeprecated(uint256 versionId);
    /// @notice Only the model's owner may do this.
    error NotModelOwner(uint256 modelId, address caller);
    /// @notice There is no such model.
    error NoSuchModel(uint256 modelId);
    /// @notice There is no such version.
    error NoSuchVersion(uint256 versionId);
    /// @notice The header breaks a rule of docs/tensor-machine.md; `field` names it.
    error BadHeader(string field);
    /// @notice An artifact hash, CID or mode is missing, unknown or too long; `field` names it.
    error IncompleteVersion(string field);

    /// @notice Registers a model that owes nothing to others; the caller owns it.
    /// @param name Unique among the models that the caller ever registered; 1 to 64 bytes of printable ASCII without quotes and backslashes.
    /// @param feeBps The model's share of each fee, in basis points, at most `MAX_FEE_BPS`; fixed for ever.
    function register(string calldata name, uint16 feeBps) external returns (uint256 modelId);

    /// @notice Registers a model made from others; the caller owns it.
    /// @param parents Registered models, so there are no cycles. One that is named twice is promised both shares.
    /// The lineage is at most `MAX_DEPTH` generations deep and has at most `MAX_PAYEES` models that are paid, this one among them.
    function registerDerived(string calldata name, uint16 feeBps, Parent[] calldata parents)
        external
        returns (uint256 modelId);

    /// @notice States what the model may be used for: an SPDX expression or a URI, 1 to 256 bytes. Once; only the owner.
    function setLicence(uint256 modelId, string calldata licence) external;

    /// @notice Says where more about the model can be read, 1 to 256 bytes. Only the owner, who may change it.
    function setMetadataUri(uint256 modelId, string calldata uri) external;

    /// @notice Publishes a version; it can never change afterwards.
    /// @param header The program's header; the contract computes the program root from it.
    /// @param artifactCid 1 to 128 bytes.
    /// @param bindings At most 256 bytes; empty when the model has no dynamic axis.
    /// @param modes At least one bit, and only bits of `Mode`.
    /// @dev Only the present owner of the token; an approval is not enough.
    function publish(
        uint256 modelId,
        Header calldata header,
        bytes32 artifactHash,
        string calldata artifactCid,
        string calldata bindings,
        uint8 modes
    ) external returns (uint256 versionId);

    /// @notice Refuses new on-chain requests for a version, for ever. Requests that run are answered and paid as ever, answers stay disputable.
    /// Only the owner of the model.
    function deprecate(uint256 versionId) external;

    /// @notice A whole version. Reverts when there is none.
    function version(uint256 versionId) external view returns (Version memory);

    /// @notice The program root alone. Reverts when there is no such version.
    function programRoot(uint256 versionId) external view returns (bytes32);

    /// @notice The fields that a request needs. Reverts when there is no such version.
    function terms(uint256 versionId) external view returns (uint8 modes, bool deprecated, bytes32 inputsHash);

    /// @notice Who is paid how much of a fee for this model. At most `MAX_PAYEES` accounts, the model's owner first; an account that owns several models comes
    /// several times. The amounts sum to `fee · feeBps / 10,000`, rounded down, exactly: ancestors' are rounded down, the dust is the model's owner's.
    /// @param fee In wei, below 2²⁰⁰.
    function split(uint256 modelId, uint256 fee) external view returns (address[] memory accounts, uint256[] memory amounts);

    /// @notice The same by a version of the model.
    function splitOfVersion(uint256 versionId, uint256 fee)
        external
        view
        returns (address[] memory accounts, uint256[] memory amounts);

    /// @notice What a model takes of each fee, and which models share in that, in parts of a million that sum to a million; the model itself comes first.
    /// @param depth Generations above it; zero when it has no parents.
    function lineage(uint256 modelId)
        external
        view
        returns (uint16 feeBps, uint8 depth, uint256[] memory modelIds, uint256[] memory parts);

    /// @notice The model that `registrant` registered under this name; zero when there is none. Who owns it now may be somebody else.
    function modelIdOf(address registrant, string calldata name) external view returns (uint256 modelId);

    /// @notice How many models there are; the first has the id 1.
    function modelCount() external view returns (uint256);

    /// @notice How many versions there are, of all models; the first has the id 1.
    function versionCount() external view returns (uint256);

    /// @notice The most that a model takes from each fee, all its ancestors' parts included, in basis points.
    function MAX_FEE_BPS() external view returns (uint16);

    /// @notice The most accounts that one fee for a model is split among, besides the operator and the treasury.
    function MAX_PAYEES() external view returns (uint256);

    /// @notice The most generations above a model.
    function MAX_DEPTH() external view returns (uint256);

    /// @notice Empty until it is set.
    function licenceOf(uint256 modelId) external view returns (string memory);

    /// @notice Empty until it is set.
    function metadataUriOf(uint256 modelId) external view returns (string memory);
}
