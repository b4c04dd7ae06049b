// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Payouts} from "./Payouts.sol";
import {DisputeParams, Game, IDisputes, Phase} from "./interfaces/IDisputes.sol";
import {Answer, Evidence, IInference} from "./interfaces/IInference.sol";
import {IModels} from "./interfaces/IModels.sol";
import {Claim, Header, IReferee, OpProof, Operand} from "./interfaces/IReferee.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {Bounds} from "./libraries/Bounds.sol";
import {Clock} from "./libraries/Clock.sol";
import {Penalty} from "./libraries/Penalty.sol";
import {TensorTree} from "./libraries/TensorTree.sol";

/// @title The games
/// @dev Two trees are descended one after the other, the trace of the operator and one tensor in it, each in levels of at most 256
/// nodes. The same four words of state serve for both: `node` is what was picked last, `depthLeft` how much tree is under it. Only the root of a
/// tensor is special, because its word count is hashed on top of the tree: see `_committed`.
///
/// Accounting of open games: `contest` counts one up; whoever ends a game counts it down once, with `refute` when the game is what refutes the
/// answer, else with `release`.
contract Disputes is IDisputes, Payouts {
    using Clock for Game;
    using SafeERC20 for IERC20;

    /* BOUNDS */

    /// @inheritdoc IDisputes
    uint256 public constant MIN_STAKES = 1e18;
    /// @inheritdoc IDisputes
    uint256 public constant MAX_STAKES = 10_000_000e18;
    /// @inheritdoc IDisputes
    uint256 public constant MIN_CLOCK_SECONDS = 10 minutes;
    /// @inheritdoc IDisputes
    uint256 public constant MAX_CLOCK_SECONDS = 14 days;
    /// @inheritdoc IDisputes
    uint256 public constant MIN_MOVE_SECONDS = 1 minutes;
    /// @inheritdoc IDisputes
    uint256 public constant MAX_MOVE_SECONDS = 1 days;

    /// @inheritdoc IDisputes
    uint256 public constant MAX_LEVEL_BITS = 8;

    /// @inheritdoc IDisputes
    /// @dev A trace of 2^20 ops and a tensor of 2^22 chunks have three levels each; the operator
    /// reveals all of them and a chunk, the challenger picks in all but the last of the trace, blames, and proves: seven and seven.
    uint256 public constant MAX_MOVES_PER_SIDE = 7;

    bytes32 private constant MACHINE = keccak256("OPG tensor machine 1");
    uint256 private constant WORD_BYTES = 4;

    /* PARTS AND PARAMETERS */

    /// @inheritdoc IDisputes
    IModels public immutable models;
    /// @inheritdoc IDisputes
    IStaking public immutable staking;
    /// @inheritdoc IDisputes
    IInference public immutable inference;
    /// @inheritdoc IDisputes
    IReferee public immutable referee;

    /// @inheritdoc IDisputes
    uint256 public immutable bond;
    /// @inheritdoc IDisputes
    uint256 public immutable penalty;
    /// @inheritdoc IDisputes
    uint256 public immutable clockSeconds;
    /// @inheritdoc IDisputes
    uint256 public immutable moveSeconds;

    /* STORAGE */

    mapping(bytes32 gameId => Game) private _games;

    /* CONSTRUCTOR */

    constructor(
        IERC20 opg,
        IModels models_,
        IStaking staking_,
        IInference inference_,
        IReferee referee_,
        DisputeParams memory params
    ) Payouts(opg) {
        Bounds.check("bond", params.bond, MIN_STAKES, MAX_STAKES);
        Bounds.check("penalty", params.penalty, MIN_STAKES, MAX_STAKES);
        Bounds.check("clockSeconds", params.clockSeconds, MIN_CLOCK_SECONDS, MAX_CLOCK_SECONDS);
        Bounds.check("moveSeconds", params.moveSeconds, MIN_MOVE_SECONDS, MAX_MOVE_SECONDS);
        models = models_;
        staking = staking_;
        inference = inference_;
        referee = referee_;
        bond = params.bond;
        penalty = params.penalty;
        clockSeconds = params.clockSeconds;
        moveSeconds = params.moveSeconds;
        // An answer can be surfaced for one window and disputed for another; its last game must still find the stake.
        uint256 longest = 2 * inference_.windowSeconds() + maxGameSeconds();
        uint256 thawing = staking_.thawingSeconds();
        Bounds.check("thawingSeconds", thawing, longest, type(uint256).max);
        // So long a vote about the minimum stake leaves operators to answer what they were asked before.
        Bounds.check("maxResponseSeconds", inference_.maxResponseSeconds(), 0, thawing);
    }

    /* BEGINNING */

    /// @inheritdoc IDisputes
    function open(Answer calldata answer, Evidence calldata evidence) external returns (bytes32 gameId) {
        (bytes32 answerHash, uint256 disputableUntil) = inference.liability(answer, evidence);
        if (block.timestamp > disputableUntil) revert WindowOver(disputableUntil);
        models.programRoot(answer.version); // reverts when there is no program to judge by
        gameId = gameIdOf(answerHash, msg.sender);
        Game storage g = _games[gameId];
        if (g.phase != Phase.NONE) revert AlreadyOpened(gameId);

        g.challenger = msg.sender;
        g.phase = Phase.REVEAL_TRACE;
        g.turnSince = uint40(block.timestamp);
        g.operatorSeconds = uint24(clockSeconds);
        g.challengerSeconds = uint24(clockSeconds);
        emit Opened(gameId, answerHash, msg.sender, answer, bond, penalty);

        inference.contest(answerHash); // reverts when the answer is refuted already
        _opg.safeTransferFrom(msg.sender, address(this), bond);
    }

    /* THE OPERATOR'S MOVES */

    /// @inheritdoc IDisputes
    function revealTrace(
        bytes32 gameId,
        Answer calldata answer,
        Header calldata header,
        bytes32[] calldata children,
        bytes32[] calldata outputRoots,
        bytes32[][] calldata outputPaths
    ) external {
        Game storage g = _turn(gameId, Phase.REVEAL_TRACE, Phase.REVEAL_TRACE);
        _answerOf(gameId, g, answer);
        if (!staking.actsFor(answer.operator, msg.sender)) revert NotTheOperator(msg.sender);
        bytes32 programRoot = models.programRoot(answer.version);
        if (keccak256(abi.encode(MACHINE, header)) != programRoot) revert WrongProgram(programRoot);

        uint256 depth = TensorTree.depthOf(header.opCount);
        bytes32 traceRoot = _fold(children, depth);
        _checkOutputs(answer.output, header, outputRoots, outputPaths, traceRoot, depth);

        g.depthLeft = uint8(depth);
        g.node = traceRoot;
        g.traceRoot = traceRoot;
        g.phase = _levelBits(depth) == depth ? Phase.BLAME : Phase.PICK_TRACE;
        emit TraceRevealed(gameId, traceRoot, children);
    }

    /// @inheritdoc IDisputes
    function revealNodes(bytes32 gameId, bytes32[] calldata children) external {
        Game storage g = _turn(gameId, Phase.REVEAL_TRACE_NODES, Phase.REVEAL_NODES);
        uint256 depth = g.depthLeft;
        _checkNode(_committed(g, _fold(children, depth)), g.node);

        if (g.phase == Phase.REVEAL_NODES) g.phase = Phase.PICK_NODE;
        else g.phase = _levelBits(depth) == depth ? Phase.BLAME : Phase.PICK_TRACE;
        emit NodesRevealed(gameId, children);
    }

    /// @inheritdoc IDisputes
    function revealChunk(bytes32 gameId, bytes calldata chunk) external {
        Game storage g = _turn(gameId, Phase.REVEAL_CHUNK, Phase.REVEAL_CHUNK);
        if (chunk.length != TensorTree.CHUNK_BYTES) revert WrongChunkLength(chunk.length, TensorTree.CHUNK_BYTES);
        _checkNode(_committed(g, keccak256(chunk)), g.node);
        _checkPadding(chunk, g.wordCount - g.index * TensorTree.CHUNK_WORDS);

        g.phase = Phase.PROVE;
        emit ChunkRevealed(gameId, chunk);
    }

    /* THE CHALLENGER'S MOVES */

    /// @inheritdoc IDisputes
    function pick(bytes32 gameId, Answer calldata answer, uint32 child, bytes32 node, bytes32[] calldata path) external {
        Game storage g = _challengersTurn(gameId, Phase.PICK_TRACE, Phase.PICK_NODE);
        uint256 index = _descend(g, child, node, path);
        uint256 depth = g.depthLeft - path.length;
        emit Picked(gameId, index, node);

        bool inTrace = g.phase == Phase.PICK_TRACE;
        if (!inTrace && depth == 0 && index >= TensorTree.chunkCount(g.wordCount)) {
            // Nothing is there, and that is written as zero. Whatever else the operator has put there is no tensor.
            if (node == bytes32(0)) revert NothingThere(index);
            _challengerWins(gameId, g, _answerOf(gameId, g, answer), answer.operator);
            return;
        }
        g.node = node;
        g.index = uint32(index);
        g.depthLeft = uint8(depth);
        if (inTrace) g.phase = Phase.REVEAL_TRACE_NODES;
        else g.phase = depth == 0 ? Phase.REVEAL_CHUNK : Phase.REVEAL_NODES;
    }

    /// @inheritdoc IDisputes
    function blame(
        bytes32 gameId,
        Answer calldata answer,
        uint32 child,
        bytes32 tensorRoot,
        bytes32[] calldata path,
        OpProof calldata opProof
    ) external {
        Game storage g = _challengersTurn(gameId, Phase.BLAME, Phase.BLAME);
        _answerOf(gameId, g, answer);
        uint32 opIndex = uint32(_descend(g, child, tensorRoot, path));
        uint32 words = referee.wordCount(models.programRoot(answer.version), opIndex, opProof);

        uint256 depth = TensorTree.depthOf(TensorTree.chunkCount(words));
        g.node = tensorRoot;
        g.opIndex = opIndex;
        g.wordCount = words;
        g.index = 0;
        g.depthLeft = uint8(depth);
        g.phase = depth == 0 ? Phase.REVEAL_CHUNK : Phase.REVEAL_NODES;
        emit Blamed(gameId, opIndex, tensorRoot, words);
    }

    /// @inheritdoc IDisputes
    function prove(
        bytes32 gameId,
        Answer calldata answer,
        OpProof calldata opProof,
        uint32 element,
        bytes calldata chunk,
        Operand[] calldata operands
    ) external {
        Game storage g = _challengersTurn(gameId, Phase.PROVE, Phase.PROVE);
        bytes32 answerHash = _answerOf(gameId, g, answer);
        _checkNode(_committed(g, keccak256(chunk)), g.node);
        if (element / TensorTree.CHUNK_WORDS != g.index) revert NotInChunk(element, g.index);

        uint32 right = _judge(g, answer, opProof, element, operands);
        uint32 claimed = _wordOf(chunk, element % TensorTree.CHUNK_WORDS);
        if (claimed == right) revert NoContradiction(element, right);

        emit Proven(gameId, g.opIndex, element, claimed, right);
        _challengerWins(gameId, g, answerHash, answer.operator);
    }

    /* ENDING */

    /// @inheritdoc IDisputes
    function claimTimeout(bytes32 gameId, Answer calldata answer) external {
        Game storage g = _running(gameId);
        bytes32 answerHash = _answerOf(gameId, g, answer);
        uint256 last = g.lastSecond(moveSeconds);
        if (block.timestamp <= last) revert NotTimedOut(last);
        if (g.waitsForOperator()) _challengerWins(gameId, g, answerHash, answer.operator);
        else if (inference.answerState(answerHash).refuted) _moot(gameId, g, answerHash);
        else _operatorWins(gameId, g, answerHash, answer.operator);
    }

    /// @inheritdoc IDisputes
    function closeMoot(bytes32 gameId, Answer calldata answer) external {
        Game storage g = _running(gameId);
        bytes32 answerHash = _answerOf(gameId, g, answer);
        if (!inference.answerState(answerHash).refuted) revert AnswerNotRefuted(answerHash);
        _moot(gameId, g, answerHash);
    }

    /* VIEWS */

    /// @inheritdoc IDisputes
    function game(bytes32 gameId) external view returns (Game memory) {
        return _games[gameId];
    }

    /// @inheritdoc IDisputes
    function gameIdOf(bytes32 answerHash, address challenger) public pure returns (bytes32) {
        return keccak256(abi.encode(answerHash, challenger));
    }

    /// @inheritdoc IDisputes
    function deadline(bytes32 gameId) external view returns (uint256) {
        Game storage g = _games[gameId];
        return g.isRunning() ? g.lastSecond(moveSeconds) : 0;
    }

    /// @inheritdoc IDisputes
    /// @dev A move takes at most what is left on the clock, or `moveSeconds`.
    function maxGameSeconds() public view returns (uint256) {
        return 2 * (clockSeconds + MAX_MOVES_PER_SIDE * moveSeconds);
    }

    /* OUTCOMES */

    function _judge(
        Game storage g,
        Answer calldata answer,
        OpProof calldata opProof,
        uint32 element,
        Operand[] calldata operands
    ) private view returns (uint32 right) {
        bytes32 programRoot = models.programRoot(answer.version);
        return referee.element(Claim(programRoot, answer.input, g.traceRoot, g.opIndex, element), opProof, operands);
    }

    function _challengerWins(bytes32 gameId, Game storage g, bytes32 answerHash, address operator) private {
        address challenger = g.challenger;
        bool alreadyRefuted = inference.answerState(answerHash).refuted;
        g.phase = Phase.CHALLENGER_WON;
        _credit(challenger, bond);

        uint256 slashed;
        uint256 bounty;
        if (alreadyRefuted) {
            inference.release(answerHash);
        } else if (inference.refute(answerHash)) {
            (slashed, bounty) = Penalty.impose(staking, operator, penalty, challenger);
        }
        emit ChallengerWon(gameId, answerHash, slashed, bounty);
    }

    function _operatorWins(bytes32 gameId, Game storage g, bytes32 answerHash, address operator) private {
        g.phase = Phase.OPERATOR_WON;
        _credit(operator, bond);
        emit OperatorWon(gameId, answerHash, bond);
        inference.release(answerHash);
    }

    /// @dev Also for a challenger who fell silent: there was nothing left to play for.
    function _moot(bytes32 gameId, Game storage g, bytes32 answerHash) private {
        g.phase = Phase.CHALLENGER_WON;
        _credit(g.challenger, bond);
        emit Mooted(gameId, answerHash);
        inference.release(answerHash);
    }

    /* TURNS */

    function _running(bytes32 gameId) private view returns (Game storage g) {
        g = _games[gameId];
        if (g.phase == Phase.NONE) revert NoSuchGame(gameId);
        if (!g.isRunning()) revert WrongPhase(gameId, g.phase);
    }

    /// @dev A move that belongs into phase `a`, or into phase `b`.
    function _turn(bytes32 gameId, Phase a, Phase b) private returns (Game storage g) {
        g = _running(gameId);
        if (g.phase != a && g.phase != b) revert WrongPhase(gameId, g.phase);
        g.press(moveSeconds);
    }

    /// @dev Nobody else may pick or prove: every path that leads nowhere is a way to lose the challenger's bond.
    function _challengersTurn(bytes32 gameId, Phase a, Phase b) private returns (Game storage g) {
        g = _turn(gameId, a, b);
        if (msg.sender != g.challenger) revert NotTheChallenger(msg.sender);
    }

    function _answerOf(bytes32 gameId, Game storage g, Answer calldata answer) private view returns (bytes32 answerHash) {
        answerHash = inference.hashAnswer(answer);
        if (gameIdOf(answerHash, g.challenger) != gameId) revert WrongAnswer(gameId);
    }

    /* TREES */

    /// @dev `depth` bits of tree are revealed in the least number of levels, evenly.
    function _levelBits(uint256 depth) private pure returns (uint256) {
        if (depth == 0) return 0;
        uint256 levels = (depth + MAX_LEVEL_BITS - 1) / MAX_LEVEL_BITS;
        return (depth + levels - 1) / levels;
    }

    /// @dev The node above all children of the next level, when `depth` bits of tree are left.
    function _fold(bytes32[] calldata children, uint256 depth) private pure returns (bytes32) {
        uint256 needed = 1 << _levelBits(depth);
        if (children.length != needed) revert WrongChildCount(children.length, needed);
        return TensorTree.fold(children);
    }

    /// @dev One level down to `child`: its index among the nodes of its height.
    function _descend(Game storage g, uint256 child, bytes32 node, bytes32[] calldata path) private view returns (uint256 index) {
        uint256 bits = _levelBits(g.depthLeft);
        if (child >> bits != 0) revert NoSuchChild(child, 1 << bits);
        _checkNode(_committed(g, _climb(node, child, path, bits)), g.node);
        return (uint256(g.index) << bits) | child;
    }

    function _climb(bytes32 node, uint256 index, bytes32[] calldata path, uint256 bits) private pure returns (bytes32) {
        if (path.length != bits) revert WrongPathLength(path.length, bits);
        return TensorTree.climb(node, index, path);
    }

    /// @dev What stands in the game for `node`: at the top of the blamed tensor, its root with the word count.
    function _committed(Game storage g, bytes32 node) private view returns (bytes32) {
        uint256 words = g.wordCount;
        bool atTop = words != 0 && g.depthLeft == TensorTree.depthOf(TensorTree.chunkCount(words));
        return atTop ? TensorTree.tensorRoot(words, node) : node;
    }

    function _checkOutputs(
        bytes32 output,
        Header calldata header,
        bytes32[] calldata roots,
        bytes32[][] calldata paths,
        bytes32 traceRoot,
        uint256 depth
    ) private pure {
        bytes32 bundle = keccak256(abi.encodePacked(roots));
        uint256 count = header.outputs.length;
        if (bundle != output || roots.length != count || paths.length != count) revert WrongOutputs(bundle, output);
        for (uint256 k = 0; k < count; ++k) {
            bytes32 root = _climb(roots[k], header.outputs[k], paths[k], depth);
            if (root != traceRoot) revert WrongOutputs(root, traceRoot);
        }
    }

    function _checkNode(bytes32 given, bytes32 needed) private pure {
        if (given != needed) revert WrongNode(given, needed);
    }

    /// @dev A tensor has one commitment only because of this: an operator that hides words behind its end cannot open them.
    function _checkPadding(bytes calldata chunk, uint256 words) private pure {
        for (uint256 i = words; i < TensorTree.CHUNK_WORDS; ++i) {
            if (_wordOf(chunk, i) != 0) revert PaddingNotZero();
        }
    }

    function _wordOf(bytes calldata chunk, uint256 place) private pure returns (uint32) {
        return uint32(bytes4(chunk[place * WORD_BYTES:]));
    }
}
