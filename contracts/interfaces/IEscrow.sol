// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The purse of one user of a facade
/// @notice It asks in its own name, so what comes back, fees and bounties, comes back to it and to nobody else's. Only its user takes money out;
/// all that the facade can do is to ask for that user.
/// @dev It also holds whatever OPG is sent to it.
interface IEscrow {
    /// @notice The user sent `amount`, in wei of OPG, to `to`.
    event EscrowWithdrawn(address indexed to, uint256 amount);

    /// @notice Only `user` takes money out.
    error NotTheUser(address caller, address user);
    /// @notice Only `facade` asks.
    error NotTheFacade(address caller, address facade);
    /// @notice There is less than that, with all that came back.
    error NotEnoughEscrow(uint256 available, uint256 needed);

    /// @notice Asks on chain and pays. Only the facade.
    /// @param inputs As for `IInference.request`.
    function ask(uint256 versionId, address operator, bytes[] calldata inputs, uint8 mode, uint96 fee)
        external
        returns (bytes32 requestId);

    /// @notice Fetches what `Inference` and `Staking` owe this purse. Anyone may call; money goes nowhere but here.
    function collect() external;

    /// @notice Takes out `amount`, in wei of OPG. Only the user.
    function withdraw(address to, uint256 amount) external;

    /// @notice What can be spent or taken out now, in wei of OPG: held here, or owed by `Inference` and `Staking`.
    function available() external view returns (uint256);

    /// @notice Who asks for the user.
    function facade() external view returns (address);

    /// @notice Whose purse it is.
    function user() external view returns (address);
}
