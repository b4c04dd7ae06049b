// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Header} from "./IReferee.sol";

/// @notice One immutable version of a model.
struct Version {
    uint64 modelId;
    uint32 opCount;
    uint8 modes; // bit m is set when mode m is supported, see `Mode`
    bytes32 programRoot; // what a dispute is judged against
    bytes32 constantsRoot; // list tree of the constants' tensor roots
    bytes32 inputsHash; // keccak256(abi.encode(uint256[] word counts of the inputs))
    bytes32 artifactHash; // SHA-256 of the ONNX file
    string artifactCid; // where the ONNX file can be fetched
    string bindings; // dynamic axes bound at compile time, "batch=1,sequence=128"
}

/// @notice How an answer becomes final.
enum Mode {
    OPTIMISTIC, // when the dispute window is over
    ZK, // when a proof verifier accepts
    TEE // when an attestation verifier accepts
}

/// @title Ownership of models
/// @notice Every model is an ERC-721 token; its holder earns a share of each fee. Versions are append-only.
/// @dev Anyone can check a version: fetch the artifact, compile it, compare the program root.
interface IModels {
    /// @notice A model was registered.
    event ModelRegistered(uint256 indexed modelId, address indexed owner, string name, uint16 feeBps);
    /// @notice A version was published. `header` is the preimage of `version.programRoot`.
    event VersionPublished(uint256 indexed versionId, uint256 indexed modelId, Version version, Header header);

    /// @notice The name is empty, longer than 64 bytes, or has a byte that is not printable ASCII, a quote or a backslash.
    error BadName(string name);
    /// @notice This account registered a model of that name before, whoever owns it now.
    error NameTaken(address owner, string name);
    /// @notice The share is above the bound.
    error FeeTooHigh(uint256 feeBps, uint256 maxBps);
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

    /// @notice Registers a model; the caller owns it.
    /// @param name Unique among the models that the caller ever registered; 1 to 64 bytes of printable ASCII without quotes and backslashes.
    /// @param feeBps The owner's share of each fee, in basis points, at most `MAX_FEE_BPS`; fixed for ever.
    function register(string calldata name, uint16 feeBps) external returns (uint256 modelId);

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

    /// @notice A whole version. Reverts when there is none.
    function version(uint256 versionId) external view returns (Version memory);

    /// @notice The program root alone. Reverts when there is no such version.
    function programRoot(uint256 versionId) external view returns (bytes32);

    /// @notice The fields that a request needs. Reverts when there is no such version.
    function terms(uint256 versionId) external view returns (uint256 modelId, uint8 modes, bytes32 inputsHash);

    /// @notice Who is paid from a fee for this model, and how much of it in basis points. The sum never exceeds `MAX_FEE_BPS`.
    function payees(uint256 modelId) external view returns (address[] memory accounts, uint16[] memory sharesBps);
}
