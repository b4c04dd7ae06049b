// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IModels, Mode, Parent, Version} from "./interfaces/IModels.sol";
import {Header} from "./interfaces/IReferee.sol";

/// @title Ownership of models
/// @dev The terms of a model are eight lanes of 64 bits in two slots, so that a model with up to three ancestors is settled from one. Lane 0 has what the
/// model takes, its depth and the number of its ancestors; each of the others an ancestor and its part. The model's own part is what is left.
contract Models is IModels, IERC2981, IERC4906, ERC721 {
    /// @inheritdoc IModels
    uint16 public constant MAX_FEE_BPS = 5_000;
    /// @inheritdoc IModels
    uint256 public constant MAX_PAYEES = 8;
    /// @inheritdoc IModels
    uint256 public constant MAX_DEPTH = 8;

    uint256 private constant BPS = 10_000;
    uint256 private constant PARTS = 1_000_000;
    uint256 private constant PARTS_PER_BPS = PARTS / BPS;
    uint256 private constant PART_BITS = 24; // PARTS fits
    uint256 private constant MAX_NAME_BYTES = 64;
    uint256 private constant MAX_TEXT_BYTES = 256;
    uint256 private constant MAX_CID_BYTES = 128;
    uint256 private constant MAX_BINDINGS_BYTES = 256;
    uint256 private constant ALL_MODES = (1 << (uint256(type(Mode).max) + 1)) - 1;

    // limits of the machine, see docs/tensor-machine.md
    bytes32 private constant MACHINE = keccak256("OPG tensor machine 1");
    uint256 private constant MAX_INPUTS = 16;
    uint256 private constant MAX_OUTPUTS = 16;
    uint256 private constant MAX_OPS = 1 << 20;
    uint256 private constant MAX_CONSTANTS = 1 << 20;

    struct Model {
        uint64[MAX_PAYEES] lanes;
        string name;
        string licence;
        string metadataUri;
    }

    uint40 private _modelCount;
    uint64 private _versionCount;
    mapping(uint256 modelId => Model) private _models;
    mapping(uint256 versionId => Version) private _versions;
    mapping(address registrant => mapping(bytes32 nameHash => uint256 modelId)) private _idByName;

    bytes4 private constant ERC4906_INTERFACE_ID = 0x49064906; // it declares events alone, so there is nothing to compute it from

    constructor() ERC721("OPG Models", "OPGM") {}

    /* REGISTERING */

    /// @inheritdoc IModels
    function register(string calldata name, uint16 feeBps) external returns (uint256 modelId) {
        return _register(name, feeBps, new Parent[](0));
    }

    /// @inheritdoc IModels
    function registerDerived(string calldata name, uint16 feeBps, Parent[] calldata parents)
        external
        returns (uint256 modelId)
    {
        return _register(name, feeBps, parents);
    }

    function _register(string calldata name, uint16 feeBps, Parent[] memory parents) private returns (uint256 modelId) {
        if (!_isText(name, MAX_NAME_BYTES)) revert BadName(name);
        if (feeBps > MAX_FEE_BPS) revert FeeTooHigh(feeBps, MAX_FEE_BPS);
        bytes32 nameHash = keccak256(bytes(name));
        if (_idByName[msg.sender][nameHash] != 0) revert NameTaken(msg.sender, name);

        modelId = ++_modelCount;
        _models[modelId].lanes = _flatten(feeBps, parents);
        _models[modelId].name = name;
        _idByName[msg.sender][nameHash] = modelId;
        emit ModelRegistered(modelId, msg.sender, name, feeBps, parents);

        // Not the safe variant: the caller wants the token, and being asked whether it does would hand over control in the middle.
        _mint(msg.sender, modelId);
    }

    /// @inheritdoc IModels
    function setLicence(uint256 modelId, string calldata licence) external {
        _checkOwner(modelId);
        if (!_isText(licence, MAX_TEXT_BYTES)) revert BadText(licence);
        if (bytes(_models[modelId].licence).length != 0) revert LicenceIsSet(modelId);
        _models[modelId].licence = licence;
        emit LicenceSet(modelId, licence);
        emit MetadataUpdate(modelId);
    }

    /// @inheritdoc IModels
    function setMetadataUri(uint256 modelId, string calldata uri) external {
        _checkOwner(modelId);
        if (!_isText(uri, MAX_TEXT_BYTES)) revert BadText(uri);
        _models[modelId].metadataUri = uri;
        emit MetadataUriSet(modelId, uri);
        emit MetadataUpdate(modelId);
    }

    /// @inheritdoc IModels
    function publish(
        uint256 modelId,
        Header calldata header,
        bytes32 artifactHash,
        string calldata artifactCid,
        string calldata bindings,
        uint8 modes
    ) external returns (uint256 versionId) {
        _checkOwner(modelId);
        _checkHeader(header);
        if (artifactHash == 0) revert IncompleteVersion("artifactHash");
        if (bytes(artifactCid).length == 0 || bytes(artifactCid).length > MAX_CID_BYTES) {
            revert IncompleteVersion("artifactCid");
        }
        if (bytes(bindings).length > MAX_BINDINGS_BYTES) revert IncompleteVersion("bindings");
        if (modes == 0 || modes > ALL_MODES) revert IncompleteVersion("modes");

        Version memory made = Version({
            modelId: uint64(modelId), // exists, so it was counted in 64 bits
            opCount: header.opCount,
            modes: modes,
            deprecated: false,
            programRoot: keccak256(abi.encode(MACHINE, header)),
            constantsRoot: header.constantsRoot,
            inputsHash: _hashWords(header.inputWords),
            artifactHash: artifactHash,
            artifactCid: artifactCid,
            bindings: bindings
        });
        versionId = ++_versionCount;
        _versions[versionId] = made;
        emit VersionPublished(versionId, modelId, made, header);
    }

    /// @inheritdoc IModels
    function deprecate(uint256 versionId) external {
        Version storage published = _versionOrRevert(versionId);
        _checkOwner(published.modelId);
        if (published.deprecated) revert AlreadyDeprecated(versionId);
        published.deprecated = true;
        emit VersionDeprecated(versionId, published.modelId);
    }

    /* READING */

    /// @inheritdoc IModels
    function version(uint256 versionId) external view returns (Version memory) {
        return _versionOrRevert(versionId);
    }

    /// @inheritdoc IModels
    function programRoot(uint256 versionId) external view returns (bytes32) {
        return _versionOrRevert(versionId).programRoot;
    }

    /// @inheritdoc IModels
    function terms(uint256 versionId) external view returns (uint8 modes, bool deprecated, bytes32 inputsHash) {
        Version storage published = _versionOrRevert(versionId);
        return (published.modes, published.deprecated, published.inputsHash);
    }

    /// @inheritdoc IModels
    function split(uint256 modelId, uint256 fee)
        external
        view
        returns (address[] memory accounts, uint256[] memory amounts)
    {
        return _split(modelId, fee);
    }

    /// @inheritdoc IModels
    function splitOfVersion(uint256 versionId, uint256 fee)
        external
        view
        returns (address[] memory accounts, uint256[] memory amounts)
    {
        return _split(_versionOrRevert(versionId).modelId, fee);
    }

    /// @inheritdoc IModels
    function lineage(uint256 modelId)
        external
        view
        returns (uint16 feeBps, uint8 depth, uint256[] memory modelIds, uint256[] memory parts)
    {
        _ownerOrRevert(modelId);
        uint64[MAX_PAYEES] storage lanes = _models[modelId].lanes;
        uint256 count;
        (feeBps, depth, count) = _head(lanes[0]);
        modelIds = new uint256[](count + 1);
        parts = new uint256[](count + 1);
        modelIds[0] = modelId;
        parts[0] = PARTS;
        for (uint256 i = 1; i <= count; ++i) {
            (modelIds[i], parts[i]) = _ancestor(lanes[i]);
            parts[0] -= parts[i];
        }
    }

    /// @inheritdoc IModels
    function licenceOf(uint256 modelId) external view returns (string memory) {
        _ownerOrRevert(modelId);
        return _models[modelId].licence;
    }

    /// @inheritdoc IModels
    function metadataUriOf(uint256 modelId) external view returns (string memory) {
        _ownerOrRevert(modelId);
        return _models[modelId].metadataUri;
    }

    /// @inheritdoc IModels
    function modelIdOf(address registrant, string calldata name) external view returns (uint256 modelId) {
        return _idByName[registrant][keccak256(bytes(name))];
    }

    /// @inheritdoc IModels
    function modelCount() external view returns (uint256) {
        return _modelCount;
    }

    /// @inheritdoc IModels
    function versionCount() external view returns (uint256) {
        return _versionCount;
    }

    /// @inheritdoc IERC2981
    /// @dev A resale pays what a use pays, but ERC-2981 knows one receiver only: the share of the whole lineage goes to whoever holds the model that is sold.
    function royaltyInfo(uint256 modelId, uint256 salePrice)
        external
        view
        returns (address receiver, uint256 royaltyAmount)
    {
        receiver = _ownerOrRevert(modelId);
        (uint256 feeBps,,) = _head(_models[modelId].lanes[0]);
        royaltyAmount = Math.mulDiv(salePrice, feeBps, BPS);
    }

    /// @dev Complete on chain. Base64, because a name may hold characters that mean something in a URI.
    function tokenURI(uint256 modelId) public view override returns (string memory) {
        _ownerOrRevert(modelId);
        Model storage model = _models[modelId];
        bytes memory json = abi.encodePacked('{"name":"', model.name, '"');
        if (bytes(model.licence).length != 0) json = abi.encodePacked(json, ',"license":"', model.licence, '"');
        if (bytes(model.metadataUri).length != 0) {
            json = abi.encodePacked(json, ',"external_url":"', model.metadataUri, '"');
        }
        json = abi.encodePacked(json, "}");
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, IERC165) returns (bool) {
        return interfaceId == type(IERC2981).interfaceId || interfaceId == ERC4906_INTERFACE_ID
            || super.supportsInterface(interfaceId);
    }

    /* SHARES */

    /// @dev The promises of a new model to all its ancestors, each once. A parent's promises to its own apply to what it gets here; they are rounded down
    /// to a millionth, and what that loses is the parent's, so that each parent with its ancestors gets exactly what it was promised.
    function _flatten(uint16 feeBps, Parent[] memory parents)
        private
        view
        returns (uint64[MAX_PAYEES] memory lanes)
    {
        if (parents.length >= MAX_PAYEES) revert TooManyAncestors(parents.length, MAX_PAYEES - 1);
        uint256 count;
        uint256 depth;
        uint256 sumBps;
        for (uint256 i = 0; i < parents.length; ++i) {
            (uint256 parentId, uint256 shareBps) = (parents[i].modelId, parents[i].shareBps);
            _ownerOrRevert(parentId); // the new model is not minted yet: it is not its own parent
            if (shareBps == 0) revert ParentWithoutShare(parentId);
            sumBps += shareBps;
            if (sumBps > BPS) revert SharesTooHigh(sumBps);

            uint64[MAX_PAYEES] storage above = _models[parentId].lanes;
            (, uint256 parentDepth, uint256 parentCount) = _head(above[0]);
            depth = Math.max(depth, parentDepth + 1);
            uint256 rest = shareBps * PARTS_PER_BPS;
            for (uint256 j = 1; j <= parentCount; ++j) {
                (uint256 ancestorId, uint256 part) = _ancestor(above[j]);
                part = shareBps * PARTS_PER_BPS * part / PARTS;
                rest -= part;
                count = _addTo(lanes, count, ancestorId, part);
            }
            count = _addTo(lanes, count, parentId, rest);
        }
        if (depth > MAX_DEPTH) revert TooManyAncestors(depth, MAX_DEPTH);
        lanes[0] = uint64(feeBps | depth << 16 | count << 24);
    }

    /// @dev An ancestor that is reached on several ways has one lane. Less than a millionth is no part.
    function _addTo(uint64[MAX_PAYEES] memory lanes, uint256 count, uint256 modelId, uint256 part)
        private
        pure
        returns (uint256)
    {
        if (part == 0) return count;
        for (uint256 i = 1; i <= count; ++i) {
            if (lanes[i] >> PART_BITS == modelId) {
                lanes[i] += uint64(part); // all parts together are a million at most
                return count;
            }
        }
        if (++count == MAX_PAYEES) revert TooManyAncestors(count, MAX_PAYEES - 1);
        lanes[count] = uint64(modelId << PART_BITS | part);
        return count;
    }

    function _split(uint256 modelId, uint256 fee)
        private
        view
        returns (address[] memory accounts, uint256[] memory amounts)
    {
        address owner = _ownerOrRevert(modelId);
        uint64[MAX_PAYEES] storage lanes = _models[modelId].lanes;
        (uint256 feeBps,, uint256 count) = _head(lanes[0]);
        accounts = new address[](count + 1);
        amounts = new uint256[](count + 1);
        uint256 income = fee * feeBps / BPS;
        uint256 rest = income;
        for (uint256 i = 1; i <= count; ++i) {
            (uint256 ancestorId, uint256 part) = _ancestor(lanes[i]);
            accounts[i] = _ownerOf(ancestorId);
            amounts[i] = income * part / PARTS;
            rest -= amounts[i];
        }
        accounts[0] = owner;
        amounts[0] = rest;
    }

    function _head(uint64 lane) private pure returns (uint16 feeBps, uint8 depth, uint256 count) {
        return (uint16(lane), uint8(lane >> 16), lane >> 24);
    }

    function _ancestor(uint64 lane) private pure returns (uint256 modelId, uint256 part) {
        return (lane >> PART_BITS, lane & ((1 << PART_BITS) - 1));
    }

    /* CHECKS */

    /// @dev Printable ASCII without quotes and backslashes: safe inside JSON, and no name can dress up as another by invisible or foreign letters.
    function _isText(string calldata given, uint256 maxBytes) private pure returns (bool) {
        bytes calldata text = bytes(given);
        if (text.length == 0 || text.length > maxBytes) return false;
        for (uint256 i = 0; i < text.length; ++i) {
            bytes1 c = text[i];
            if (c < 0x20 || c > 0x7e || c == '"' || c == "'" || c == "\\") return false;
        }
        return true;
    }

    function _checkHeader(Header calldata header) private pure {
        uint256 inputCount = header.inputWords.length;
        if (inputCount == 0 || inputCount > MAX_INPUTS) revert BadHeader("inputWords");
        for (uint256 i = 0; i < inputCount; ++i) {
            if (header.inputWords[i] == 0) revert BadHeader("inputWords");
        }
        if (header.constantCount > MAX_CONSTANTS) revert BadHeader("constantCount");
        if (header.opCount == 0 || header.opCount > MAX_OPS) revert BadHeader("opCount");
        if ((header.constantsRoot == 0) != (header.constantCount == 0)) revert BadHeader("constantsRoot");
        if (header.opsRoot == 0) revert BadHeader("opsRoot");
        uint256 outputCount = header.outputs.length;
        if (outputCount == 0 || outputCount > MAX_OUTPUTS) revert BadHeader("outputs");
        for (uint256 i = 0; i < outputCount; ++i) {
            if (header.outputs[i] >= header.opCount) revert BadHeader("outputs");
        }
    }

    function _hashWords(uint32[] calldata inputWords) private pure returns (bytes32) {
        uint256[] memory words = new uint256[](inputWords.length);
        for (uint256 i = 0; i < words.length; ++i) {
            words[i] = inputWords[i];
        }
        return keccak256(abi.encode(words));
    }

    function _checkOwner(uint256 modelId) private view {
        if (_ownerOrRevert(modelId) != msg.sender) revert NotModelOwner(modelId, msg.sender);
    }

    function _ownerOrRevert(uint256 modelId) private view returns (address owner) {
        owner = _ownerOf(modelId);
        if (owner == address(0)) revert NoSuchModel(modelId);
    }

    function _versionOrRevert(uint256 versionId) private view returns (Version storage found) {
        found = _versions[versionId];
        if (found.modelId == 0) revert NoSuchVersion(versionId);
    }
}
