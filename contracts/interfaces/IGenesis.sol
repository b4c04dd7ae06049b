// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Where the address of a part goes in an action's data: 20 bytes from `at` on.
struct Hole {
    uint32 at;
    uint8 part;
}

/// @notice Creates the next part with `data` as its init code (`to` is zero), or calls part `to` with `data`.
struct Action {
    uint8 to;
    bytes data;
    Hole[] holes;
}

/// @title The whole deployment, as one commitment
/// @notice Its constructor argument, and so its CREATE2 address, commits to every byte of every contract, every constructor argument and every call that
/// wires them. Its own nonce gives the addresses of the parts, so all of them are known before any is there, and actions may name parts that come later.
/// Steps run in order, each exactly once, sent by anybody: there is nothing to decide, so there is no deployer with powers.
interface IGenesis {
    /// @notice A step ran; `next` commits to those that are left.
    event StepRun(bytes32 next);
    /// @notice Part number `part` is at `at`.
    event PartCreated(uint8 indexed part, address indexed at);

    /// @notice Only the step that was committed to can run.
    error NotTheNextStep(bytes32 given, bytes32 next);
    /// @notice Parts have the numbers 1 to 127.
    error NoSuchPart(uint8 part);

    /// @notice Commits to the steps that are left: keccak256(abi.encode(step, commitment to those after it)). Zero when all have run.
    function next() external view returns (bytes32);

    /// @notice How many parts were created.
    function partCount() external view returns (uint8);

    /// @notice The address of part 1, 2, …; of Genesis itself for 0. Also of parts to come.
    function partAddress(uint8 part) external view returns (address);

    /// @notice Runs the next step; `rest` commits to those after it. All of its actions succeed, or nothing happened.
    function run(Action[] calldata step, bytes32 rest) external;
}
