// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IInference} from "../interfaces/IInference.sol";
import {IModels} from "../interfaces/IModels.sol";
import {
    IOpenGradient,
    ModelInferenceRequest,
    ModelInput,
    ModelOutput,
    Number,
    NumberTensor
} from "../interfaces/IOpenGradient.sol";
import {IOpenGradientFacade, NamedInput, Preference} from "../interfaces/IOpenGradientFacade.sol";
import {IPayouts} from "../interfaces/IPayouts.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";
import {Escrow} from "./Escrow.sol";

/// @title On-chain requests for users of the `opengradient` SDK
contract OpenGradientFacade is IOpenGradientFacade {
    using SafeERC20 for IERC20;

    /// @notice The most operators that are listed for a version.
    /// @inheritdoc IOpenGradientFacade
    uint256 public constant MAX_OPERATORS = 8;

    uint256 private constant WORD_BYTES = 4;
    uint256 private constant WORDS_PER_SLOT = 8;

    IERC20 private immutable _opg;
    IModels private immutable _models;
    IStaking private immutable _staking;
    IInference private immutable _inference;

    /// @inheritdoc IOpenGradientFacade
    mapping(address user => IEscrow) public escrowOf;
    /// @inheritdoc IOpenGradientFacade
    mapping(address user => uint96) public maxFeeOf;
    mapping(address user => mapping(bytes32 cidHash => Preference)) private _preferences;
    mapping(bytes32 cidHash => uint256 versionId) private _bound;
    mapping(uint256 versionId => NamedInput[]) private _inputs;
    mapping(uint256 versionId => address[]) private _operators;

    constructor(IERC20 opg, IModels models, IStaking staking, IInference inference) {
        _opg = opg;
        _models = models;
        _staking = staking;
        _inference = inference;
    }

    /* ASKING */

    /// @inheritdoc IOpenGradient
    /// @dev The event does not repeat the input: its words are in `IInference.Requested`.
    function run(string calldata modelId, uint8 inferenceMode, ModelInput calldata modelInput)
        external
        returns (ModelOutput memory output)
    {
        IEscrow escrow = escrowOf[msg.sender];
        if (address(escrow) == address(0)) revert NoEscrow(msg.sender);
        (uint256 versionId, address operator) = _meant(modelId);
        bytes[] memory inputs = _convert(versionId, modelInput);
        uint96 fee;
        (operator, fee) = quote(versionId, operator);
        if (fee > maxFeeOf[msg.sender]) revert FeeAboveMax(fee, maxFeeOf[msg.sender]);

        // the SDK's modes have the numbers of ours; which of them are there is for `Inference` to say
        bytes32 requestId = escrow.ask(versionId, operator, inputs, inferenceMode, fee);
        emit Asked(requestId, msg.sender, versionId, operator, fee);
        emit InferenceResult(output);
        ModelInferenceRequest memory asked;
        (asked.mode, asked.modelCID) = (inferenceMode, modelId);
        emit ModelInferenceEvent(Strings.toHexString(uint256(requestId), 32), asked, output);
    }

    /* USERS */

    /// @inheritdoc IOpenGradientFacade
    function deposit(uint256 amount, uint96 maxFee) external returns (IEscrow escrow) {
        escrow = escrowOf[msg.sender];
        if (address(escrow) == address(0)) {
            escrow = new Escrow(msg.sender, _opg, _inference, IPayouts(address(_staking)));
            escrowOf[msg.sender] = escrow;
            emit EscrowOpened(msg.sender, escrow);
        }
        setMaxFee(maxFee);
        emit Deposited(msg.sender, amount);
        _opg.safeTransferFrom(msg.sender, address(escrow), amount);
    }

    /// @inheritdoc IOpenGradientFacade
    function setMaxFee(uint96 maxFee) public {
        maxFeeOf[msg.sender] = maxFee;
        emit MaxFeeSet(msg.sender, maxFee);
    }

    /// @inheritdoc IOpenGradientFacade
    function prefer(string calldata modelId, uint64 versionId, address operator) external {
        if (versionId != 0) {
            string memory published = _models.version(versionId).artifactCid;
            if (!Strings.equal(modelId, published)) revert OtherModel(modelId, published);
        }
        _preferences[msg.sender][keccak256(bytes(modelId))] = Preference(versionId, operator);
        emit Preferred(msg.sender, modelId, versionId, operator);
    }

    /* MODELS */

    /// @inheritdoc IOpenGradientFacade
    function bind(uint256 versionId) external {
        string memory modelId = _models.version(versionId).artifactCid;
        if (_isDeprecated(versionId)) revert DeprecatedModel(versionId);
        if (_inputs[versionId].length == 0) revert NotDescribed(versionId);
        bytes32 cidHash = keccak256(bytes(modelId));
        uint256 before = _bound[cidHash];
        if (before != 0 && before <= versionId && !_isDeprecated(before)) revert BoundEarlier(modelId, before);

        _bound[cidHash] = versionId;
        emit Bound(modelId, versionId);
    }

    /// @inheritdoc IOpenGradientFacade
    function describe(uint256 versionId, NamedInput[] calldata inputs) external {
        _checkOwner(versionId);
        if (_inputs[versionId].length != 0) revert AlreadyDescribed(versionId);
        (,, bytes32 inputsHash) = _models.terms(versionId);
        uint256[] memory wordCounts = new uint256[](inputs.length);
        for (uint256 i = 0; i < inputs.length; ++i) {
            wordCounts[i] = _wordsOf(inputs[i].shape);
            _checkInput(versionId, inputs, i);
            _inputs[versionId].push(inputs[i]);
        }
        // no more inputs than the machine takes: the hash would be another
        if (keccak256(abi.encode(wordCounts)) != inputsHash) revert BadDescription(versionId);
        emit Described(versionId, inputs);
    }

    /// @inheritdoc IOpenGradientFacade
    function setOperators(uint256 versionId, address[] calldata operators) external {
        _checkOwner(versionId);
        if (operators.length > MAX_OPERATORS) revert TooManyOperators(operators.length, MAX_OPERATORS);
        _operators[versionId] = operators;
        emit OperatorsSet(versionId, operators);
    }

    /* VIEWS */

    /// @inheritdoc IOpenGradientFacade
    function preferenceOf(address user, string calldata modelId) external view returns (Preference memory) {
        return _preferences[user][keccak256(bytes(modelId))];
    }

    /// @inheritdoc IOpenGradientFacade
    function versionOf(string calldata modelId) external view returns (uint256) {
        return _bound[keccak256(bytes(modelId))];
    }

    /// @inheritdoc IOpenGradientFacade
    function inputsOf(uint256 versionId) external view returns (NamedInput[] memory) {
        return _inputs[versionId];
    }

    /// @inheritdoc IOpenGradientFacade
    function operatorsOf(uint256 versionId) external view returns (address[] memory) {
        return _operators[versionId];
    }

    /// @inheritdoc IOpenGradientFacade
    function quote(uint256 versionId, address preferred) public view returns (address operator, uint96 fee) {
        if (preferred != address(0)) return (preferred, _inference.priceOf(preferred, versionId));
        address[] storage listed = _operators[versionId];
        uint256 collateral = _inference.collateral();
        for (uint256 i = 0; i < listed.length; ++i) {
            address each = listed[i];
            if (!_staking.isLive(each) || _staking.freeStake(each) < collateral) continue;
            try _inference.priceOf(each, versionId) returns (uint96 price) {
                if (operator == address(0) || price < fee) (operator, fee) = (each, price);
            } catch {} // it does not offer this version any more
        }
        if (operator == address(0)) revert NoOperator(versionId);
    }

    /* INTERNAL */

    /// @dev The version that a content identifier means to the caller, and the operator that it prefers, if any.
    function _meant(string calldata modelId) private view returns (uint256 versionId, address operator) {
        bytes32 cidHash = keccak256(bytes(modelId));
        Preference memory p = _preferences[msg.sender][cidHash];
        versionId = p.versionId == 0 ? _bound[cidHash] : p.versionId;
        if (versionId == 0) revert UnknownModel(modelId);
        return (versionId, p.operator);
    }

    /// @dev The words of all inputs, in the version's order.
    function _convert(uint256 versionId, ModelInput calldata given) private view returns (bytes[] memory words) {
        NamedInput[] memory needed = _inputs[versionId];
        if (needed.length == 0) revert NotDescribed(versionId);
        if (given.strings.length != 0) revert StringsNotSupported();
        if (given.numbers.length != needed.length) revert WrongInputCount(given.numbers.length, needed.length);
        words = new bytes[](needed.length);
        for (uint256 i = 0; i < needed.length; ++i) {
            words[i] = _wordsFrom(needed[i], _named(given.numbers, needed[i].name));
        }
    }

    /// @dev Names are unique in a description, so with as many tensors as inputs each tensor is found once.
    function _named(NumberTensor[] calldata given, string memory name) private pure returns (NumberTensor calldata) {
        bytes32 nameHash = keccak256(bytes(name));
        for (uint256 i = 0; i < given.length; ++i) {
            if (keccak256(bytes(given[i].name)) == nameHash) return given[i];
        }
        revert InputMissing(name);
    }

    function _wordsFrom(NamedInput memory needed, NumberTensor calldata given) private pure returns (bytes memory words) {
        Number[] calldata values = given.values;
        bytes32 shapeHash = keccak256(abi.encode(needed.shape));
        if (keccak256(abi.encode(given.shape)) != shapeHash || values.length != _wordsOf(needed.shape)) {
            revert WrongShape(needed.name, needed.shape);
        }
        words = new bytes(values.length * WORD_BYTES);
        uint256 slot;
        for (uint256 i = 0; i < values.length; ++i) {
            Number calldata n = values[i];
            uint256 word = needed.integer
                ? FixedPoint.toInteger(n.value, n.decimals, needed.low, needed.high)
                : FixedPoint.toFloat32(n.value, n.decimals);
            slot = (slot << 32) | word;
            uint256 place = i % WORDS_PER_SLOT;
            // memory of `bytes` is whole slots: the last one may be written beyond the end
            if (place == WORDS_PER_SLOT - 1 || i == values.length - 1) {
                uint256 empty = 32 * (WORDS_PER_SLOT - 1 - place);
                assembly ("memory-safe") {
                    mstore(add(add(words, 0x20), shl(2, sub(i, place))), shl(empty, slot))
                }
            }
        }
    }

    function _wordsOf(uint32[] memory shape) private pure returns (uint256 words) {
        words = 1;
        for (uint256 i = 0; i < shape.length; ++i) {
            words *= shape[i];
        }
    }

    function _checkInput(uint256 versionId, NamedInput[] calldata inputs, uint256 index) private pure {
        NamedInput calldata input = inputs[index];
        bool bounded = input.low >= type(int32).min && input.low <= input.high
            && input.high <= int64(uint64(type(uint32).max));
        if (input.integer ? !bounded : (input.low != 0 || input.high != 0)) revert BadDescription(versionId);
        for (uint256 i = 0; i < index; ++i) {
            if (Strings.equal(inputs[i].name, input.name)) revert BadDescription(versionId);
        }
    }

    function _isDeprecated(uint256 versionId) private view returns (bool deprecated) {
        (, deprecated,) = _models.terms(versionId);
    }

    function _checkOwner(uint256 versionId) private view {
        uint256 modelId = _models.version(versionId).modelId;
        if (IERC721(address(_models)).ownerOf(modelId) != msg.sender) revert NotModelOwner(versionId, msg.sender);
    }
}
