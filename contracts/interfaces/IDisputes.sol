// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Answer, Evidence, IInference} from "./IInference.sol";
import {IModels} from "./IModels.sol";
import {Header, IReferee, OpProof, Operand} from "./IReferee.sol";
import {IStaking} from "./IStaking.sol";

/// @notice Whose move it is, and which.
enum Phase {
    NONE,
    REVEAL_TRACE, // operator: the first level of the trace
    PICK_TRACE, // challenger: a child of the revealed level
    REVEAL_TRACE_NODES, // operator: the next level of the trace
    BLAME, // challenger: one operation of the revealed level
    REVEAL_NODES, // operator: a level of the blamed tensor's tree
    PICK_NODE, // challenger: a child
    REVEAL_CHUNK, // operator: the 64 words
    PROVE, // challenger: one element
    OPERATOR_WON,
    CHALLENGER_WON
}

/// @notice One game. Times in seconds.
/// @dev In four slots; `open` writes only the first.
struct Game {
    address challenger;
    Phase phase;
    uint40 turnSince;
    uint24 operatorSeconds; // left on the clock
    uint24 challengerSeconds;
    uint8 depthLeft; // levels of the tree, in bits, still under `node`
    uint32 index; // position of `node` among the nodes of its height; once a leaf: of the op, then of the chunk
    uint32 opIndex;
    uint32 wordCount; // of the blamed tensor; zero before one is blamed
    bytes32 node; // what the next move has to open
    bytes32 traceRoot;
}

/// @notice The stakes and the times of all games. Fixed for ever, so nothing about a running game can change.
struct DisputeParams {
    uint256 bond; // wei of OPG
    uint256 penalty; // wei of OPG
    uint256 clockSeconds;
    uint256 moveSeconds;
}

/// @title The games
/// @notice One honest challenger who has the model and the input makes any wrong answer lose, by arithmetic alone.
/// The operator reveals its own trace, the challenger narrows down to one word of it, and the referee recomputes that word from the operator's own operands.
/// @dev Amounts are in wei of OPG, times in unix seconds.
///
/// A game is named by the answer and the challenger, and every move opens the node that stands in the game: a move cannot land on another position after a re-org.
/// Moves that prove themselves by hashing may be sent by anyone. Silence loses: each side has a chess clock, and at least `moveSeconds` for each move.
interface IDisputes {
    /// @notice `challenger` put up `bond` against an answer, and has begun a game; the operator stands to lose `penalty`. Both in wei of OPG.
    event Opened(bytes32 indexed gameId, bytes32 indexed answerHash, address indexed challenger, Answer answer, uint256 bond, uint256 penalty);
    /// @notice The operator bound itself to a trace. `children` are the nodes of its first level.
    event TraceRevealed(bytes32 indexed gameId, bytes32 traceRoot, bytes32[] children);
    /// @notice The operator (or anyone) opened the node that stood in the game: these are all nodes of the next level under it.
    event NodesRevealed(bytes32 indexed gameId, bytes32[] children);
    /// @notice The challenger goes on to `node`, which is number `index` among all nodes of its height.
    event Picked(bytes32 indexed gameId, uint256 index, bytes32 node);
    /// @notice The challenger says that the result of operation `opIndex` is wrong: a tensor of `wordCount` words that the operator committed to by `tensorRoot`.
    event Blamed(bytes32 indexed gameId, uint256 opIndex, bytes32 tensorRoot, uint256 wordCount);
    /// @notice The 64 words in which the challenger sees a wrong one.
    event ChunkRevealed(bytes32 indexed gameId, bytes chunk);
    /// @notice The referee computed `right` where the operator's trace has `claimed`.
    event Proven(bytes32 indexed gameId, uint256 opIndex, uint256 element, uint32 claimed, uint32 right);
    /// @notice The operator lost. `slashed` is zero when another game had refuted the answer before.
    event ChallengerWon(bytes32 indexed gameId, bytes32 indexed answerHash, uint256 slashed, uint256 bounty);
    /// @notice The challenger lost; its bond was credited to the operator.
    event OperatorWon(bytes32 indexed gameId, bytes32 indexed answerHash, uint256 bond);
    /// @notice Another game had refuted the answer; the bond went back.
    event Mooted(bytes32 indexed gameId, bytes32 indexed answerHash);

    /// @notice The answer could be disputed up to and including second `until`.
    error WindowOver(uint256 until);
    /// @notice This challenger already plays, or played, against this answer.
    error AlreadyOpened(bytes32 gameId);
    /// @notice Nobody opened such a game.
    error NoSuchGame(bytes32 gameId);
    /// @notice The game waits for another move.
    error WrongPhase(bytes32 gameId, Phase phase);
    /// @notice Only the operator or its serving key reveals its trace.
    error NotTheOperator(address caller);
    /// @notice Only who opened the game picks, blames and proves.
    error NotTheChallenger(address caller);
    /// @notice The time for this move is over; only `claimTimeout` is left.
    error TooLate(uint256 deadline);
    /// @notice The side to move has up to and including second `deadline`.
    error NotTimedOut(uint256 deadline);
    /// @notice The answer given is not the one that this game is about.
    error WrongAnswer(bytes32 gameId);
    /// @notice The header is not that of the version's program.
    error WrongProgram(bytes32 programRoot);
    /// @notice A level is revealed as a whole: `needed` nodes.
    error WrongChildCount(uint256 given, uint256 needed);
    /// @notice A path has one hash for each level of the tree that it climbs.
    error WrongPathLength(uint256 given, uint256 needed);
    /// @notice The children, chunk or path do not hash to the node that stands in the game.
    error WrongNode(bytes32 given, bytes32 needed);
    /// @notice The revealed output roots are not the signed output, or not part of the trace.
    error WrongOutputs(bytes32 given, bytes32 needed);
    /// @notice The revealed level has `count` nodes, from 0 on.
    error NoSuchChild(uint256 child, uint256 count);
    /// @notice The picked node lies in the padding and is right: there is nothing to prove there.
    error NothingThere(uint256 index);
    /// @notice The element is not one of the 64 words of the revealed chunk.
    error NotInChunk(uint256 element, uint256 chunk);
    /// @notice A chunk is 256 bytes.
    error WrongChunkLength(uint256 given, uint256 needed);
    /// @notice The words behind the end of the tensor are not zero.
    error PaddingNotZero();
    /// @notice The referee agrees with the operator.
    error NoContradiction(uint256 element, uint32 word);
    /// @notice No game has refuted the answer: this one is not moot.
    error AnswerNotRefuted(bytes32 answerHash);

    /// @notice Opens a game against an answer; takes the bond (needs an allowance). The caller is the challenger, once for each answer, while that can be disputed.
    function open(Answer calldata answer, Evidence calldata evidence) external returns (bytes32 gameId);

    /// @notice Operator: binds itself to a trace and reveals its first level. Only the operator or its serving key.
    /// @param header The program's header, for the number of ops and the outputs.
    /// @param children All nodes of the first level, left to right (one when there is a single op).
    /// @param outputRoots Tensor roots of the outputs; their bundle must be the signed output.
    /// @param outputPaths For each output its list-tree path to the trace root.
    function revealTrace(
        bytes32 gameId,
        Answer calldata answer,
        Header calldata header,
        bytes32[] calldata children,
        bytes32[] calldata outputRoots,
        bytes32[][] calldata outputPaths
    ) external;

    /// @notice Operator (or anyone): reveals the next level under the picked node, of the trace or of the blamed tensor.
    /// @param children All nodes of that level, left to right. For the first level of a tensor they hash, with its word count, to the tensor root.
    function revealNodes(bytes32 gameId, bytes32[] calldata children) external;

    /// @notice Challenger: picks a child of the revealed level.
    /// @param node The child's hash.
    /// @param path Its path to the node that stands in the game.
    /// @dev A leaf behind the end of the tensor that is not zero loses at once; `answer` is needed for that alone.
    function pick(bytes32 gameId, Answer calldata answer, uint32 child, bytes32 node, bytes32[] calldata path) external;

    /// @notice Challenger: names the operation whose result is wrong, a leaf of the revealed level of the trace.
    /// @param child Position within the revealed level.
    /// @param tensorRoot What the operator's trace has there.
    function blame(
        bytes32 gameId,
        Answer calldata answer,
        uint32 child,
        bytes32 tensorRoot,
        bytes32[] calldata path,
        OpProof calldata opProof
    ) external;

    /// @notice Operator (or anyone): reveals the 64 words of the picked chunk, 256 bytes.
    function revealChunk(bytes32 gameId, bytes calldata chunk) external;

    /// @notice Challenger: proves that one element of the revealed chunk contradicts the operator's own operands.
    /// @param element Index of the word in the whole tensor.
    function prove(
        bytes32 gameId,
        Answer calldata answer,
        OpProof calldata opProof,
        uint32 element,
        bytes calldata chunk,
        Operand[] calldata operands
    ) external;

    /// @notice Ends a game whose side to move let its time run out. Anyone may call; the other side wins. But for a challenger that fell silent when another game had refuted
    /// the answer: its bond goes back (`Mooted`).
    function claimTimeout(bytes32 gameId, Answer calldata answer) external;

    /// @notice Ends a game against an answer that another game has refuted; the bond goes back to the challenger. Anyone may call.
    function closeMoot(bytes32 gameId, Answer calldata answer) external;

    /// @notice A game as it stands.
    function game(bytes32 gameId) external view returns (Game memory);

    /// @notice The name of a game.
    function gameIdOf(bytes32 answerHash, address challenger) external pure returns (bytes32);

    /// @notice The last second of the running turn. Zero when the game is over.
    function deadline(bytes32 gameId) external view returns (uint256);

    /// @notice What a challenger puts up, and loses when it is wrong.
    function bond() external view returns (uint256);

    /// @notice What is taken from the stake of an operator whose answer is proven wrong.
    function penalty() external view returns (uint256);

    /// @notice The total time of each side.
    function clockSeconds() external view returns (uint256);

    /// @notice The time that a side has for a move even when its total is used up.
    function moveSeconds() external view returns (uint256);

    /// @notice The bounds within which an instance is deployed, else `OutOfBounds`: of `bond` and `penalty` in wei of OPG, of the clocks in seconds.
    function MIN_STAKES() external view returns (uint256);
    /// @notice See `MIN_STAKES`.
    function MAX_STAKES() external view returns (uint256);
    /// @notice See `MIN_STAKES`.
    function MIN_CLOCK_SECONDS() external view returns (uint256);
    /// @notice See `MIN_STAKES`.
    function MAX_CLOCK_SECONDS() external view returns (uint256);
    /// @notice See `MIN_STAKES`.
    function MIN_MOVE_SECONDS() external view returns (uint256);
    /// @notice See `MIN_STAKES`.
    function MAX_MOVE_SECONDS() external view returns (uint256);

    /// @notice Levels are revealed at most so many bits at a time: 256 nodes are 8 kB of calldata.
    function MAX_LEVEL_BITS() external view returns (uint256);

    /// @notice The most moves that one side can have to make in one game.
    function MAX_MOVES_PER_SIDE() external view returns (uint256);

    /// @notice Where the programs of the versions are.
    function models() external view returns (IModels);

    /// @notice Where the stake is that a liar loses.
    function staking() external view returns (IStaking);

    /// @notice Whose answers are disputed here.
    function inference() external view returns (IInference);

    /// @notice Who recomputes one element.
    function referee() external view returns (IReferee);

    /// @notice The longest that any game can last, in seconds.
    function maxGameSeconds() external view returns (uint256);
}
