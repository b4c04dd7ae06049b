// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC3009, IERC3009Cancel} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {IERC5805} from "@openzeppelin/contracts/interfaces/IERC5805.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title The token OPG
/// @notice 1,000,000,000 OPG exist from the first block on; nobody can make more, everybody can burn their own. There is no owner, no pause and no list.
/// @dev ERC-20, ERC-2612 (permit), ERC-5805 (votes, by timestamp), ERC-3009 (authorizations) in both signature forms: `(v, r, s)` is for accounts with a
/// private key; `bytes` is also for contract wallets, through ERC-1271.
/// Warning: an authorization is bound to a random nonce, so several may be pending at once; sign each nonce once.
interface IOPG is IERC20Metadata, IERC20Permit, IERC5805, IERC3009, IERC3009Cancel {
    /// @notice Moves `value` from `from` to `to`, as signed by `from`. Anyone may send it.
    /// @param validAfter Unix seconds; the authorization is good strictly after.
    /// @param validBefore Unix seconds; the authorization is good strictly before.
    /// @param signature 65 bytes `r ‖ s ‖ v`, or whatever the contract wallet `from` accepts.
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes memory signature
    ) external;

    /// @notice The same, but only `to` may send it: a contract that acts on what it receives cannot be front-run.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes memory signature
    ) external;

    /// @notice Makes an unused nonce unusable, as signed by `authorizer`.
    function cancelAuthorization(address authorizer, bytes32 nonce, bytes memory signature) external;
}
