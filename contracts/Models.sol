// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IModels, Mode, Version} from "./interfaces/IModels.sol";
import {Header} from "./interfaces/IReferee.sol";

/// @title Ownership of models
contract Models is IModels, IERC2981, ERC721 {
    /// @notice The most that a model's owner may take from each fee.
    uint16 public constant MAX_FEE_BPS = 5_000;

    uint256 private constant BPS = 10_000;
    uint256 private constant MAX_NAME_BYTES = 64;
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
        uint16 feeBps;
        string name;
    }

    uint64 private _modelCount;
    uint64 private _versionCount;
    mapping(uint256 modelId => Model) private _models;
    mapping(uint256 versionId => Version) private _versions;
    mapping(address registrant => mapping(bytes32 nameHash => uint256 modelId)) private _idByName;

    constructor() ERC721("OPG Models", "OPGM") {}

    /* REGISTERING */

    /// @inheritdoc IModels
    function register(string calldata name, uint16 feeBps) external returns (uint256 modelId) {
        if (!_isName(name)) revert BadName(name);
        if (feeBps > MAX_FEE_BPS) revert FeeTooHigh(feeBps, MAX_FEE_BPS);
        bytes32 nameHash = keccak256(bytes(name));
        if (_idByName[msg.sender][nameHash] != 0) revert NameTaken(msg.sender, name);

        modelId = ++_modelCount;
        _models[modelId] = Model(feeBps, name);
        _idByName[msg.sender][nameHash] = modelId;
        emit ModelRegistered(modelId, msg.sender, name, feeBps);

        // Not the safe variant: the caller wants the token, and being asked whether it does would hand over control in the middle.
        _mint(msg.sender, modelId);
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
        if (_ownerOrRevert(modelId) != msg.sender) revert NotModelOwner(modelId, msg.sender);
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
    function terms(uint256 versionId) external view returns (uint256 modelId, uint8 modes, bytes32 inputsHash) {
        Version storage published = _versionOrRevert(versionId);
        return (published.modelId, published.modes, published.inputsHash);
    }

    /// @inheritdoc IModels
    function payees(uint256 modelId) external view returns (address[] memory accounts, uint16[] memory sharesBps) {
        accounts = new address[](1);
        sharesBps = new uint16[](1);
        accounts[0] = _ownerOrRevert(modelId);
        sharesBps[0] = _models[modelId].feeBps;
    }

    /// @notice The model that `registrant` registered under this name; zero when there is none. Who owns it now may be somebody else.
    function modelIdOf(address registrant, string calldata name) external view returns (uint256 modelId) {
        return _idByName[registrant][keccak256(bytes(name))];
    }

    /// @notice How many models there are; the first has the id 1.
    function modelCount() external view returns (uint256) {
        return _modelCount;
    }

    /// @notice How many versions there are, of all models; the first has the id 1.
    function versionCount() external view returns (uint256) {
        return _versionCount;
    }

    /// @inheritdoc IERC2981
    /// @dev A resale pays what a use pays: the model's share, to whoever holds it.
    function royaltyInfo(uint256 modelId, uint256 salePrice)
        external
        view
        returns (address receiver, uint256 royaltyAmount)
    {
        receiver = _ownerOrRevert(modelId);
        royaltyAmount = Math.mulDiv(salePrice, _models[modelId].feeBps, BPS);
    }

    /// @dev Complete on chain, the same for ever. Base64, because a name may hold characters that mean something in a URI.
    function tokenURI(uint256 modelId) public view override returns (string memory) {
        _ownerOrRevert(modelId);
        bytes memory json = abi.encodePacked('{"name":"', _models[modelId].name, '"}');
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, IERC165) returns (bool) {
        return interfaceId == type(IERC2981).interfaceId || super.supportsInterface(interfaceId);
    }

    /* CHECKS */

    /// @dev Printable ASCII without quotes and backslashes: safe inside JSON, and no name can dress up as another by invisible or foreign letters.
    function _isName(string calldata name) private pure returns (bool) {
        bytes calldata text = bytes(name);
        if (text.length == 0 || text.length > MAX_NAME_BYTES) return false;
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

    function _ownerOrRevert(uint256 modelId) private view returns (address owner) {
        owner = _ownerOf(modelId);
        if (owner == address(0)) revert NoSuchModel(modelId);
    }

    function _versionOrRevert(uint256 versionId) private view returns (Version storage found) {
        found = _versions[versionId];
        if (found.modelId == 0) revert NoSuchVersion(versionId);
    }
}
