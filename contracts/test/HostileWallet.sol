// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IChannels, Redemption} from "../interfaces/IChannels.sol";

/// @dev A payer that does other things than judge when it is asked to judge a signature.
contract HostileWallet {
    enum Way {
        REENTER,
        BURN_GAS,
        RETURN_BOMB
    }

    Way public immutable way;
    Redemption private _redemption;

    constructor(Way way_) {
        way = way_;
    }

    /// @dev The voucher to redeem in the middle of another redemption.
    function prepare(Redemption calldata redemption) external {
        _redemption = redemption;
    }

    function execute(address target, bytes calldata data) external {
        (bool done,) = target.call(data);
        require(done);
    }

    function isValidSignature(bytes32, bytes calldata) external returns (bytes4) {
        Way todo = way;
        if (todo == Way.REENTER) IChannels(msg.sender).redeem(_redemption.voucher, _redemption.signer, _redemption.signature);
        while (todo == Way.BURN_GAS) {}
        if (todo == Way.RETURN_BOMB) {
            assembly {
                mstore(0, shl(224, 0x1626ba7e)) // the right word first
                return(0, 1000000)
            }
        }
        return 0x1626ba7e;
    }
}
