// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAnswerReceiver, IInference, Request} from "../interfaces/IInference.sol";
import {IPayouts} from "../interfaces/IPayouts.sol";

/// @dev Remembers what it was given, and how much gas it had.
contract RecordingReceiver is IAnswerReceiver {
    uint256 public calls;
    uint256 public gasGiven;
    bytes32 public lastRequestId;
    bytes public lastOutput;

    function onAnswer(bytes32 requestId, uint256, bytes[] calldata outputs) external {
        gasGiven = gasleft();
        ++calls;
        lastRequestId = requestId;
        lastOutput = outputs[0];
    }
}

/// @dev Keeps the first words of the last answer, and no more: what a consumer costs at least.
contract FrugalReceiver is IAnswerReceiver {
    bytes32 public last;

    function onAnswer(bytes32, uint256, bytes[] calldata outputs) external {
        last = bytes32(outputs[0]);
    }
}

/// @dev Always refuses.
contract RevertingReceiver is IAnswerReceiver {
    error NoThanks();

    function onAnswer(bytes32, uint256, bytes[] calldata) external pure {
        revert NoThanks();
    }
}

/// @dev Burns all the gas that it gets.
contract GasBomb is IAnswerReceiver {
    uint256 public counter;

    function onAnswer(bytes32, uint256, bytes[] calldata) external {
        while (true) ++counter;
    }
}

/// @dev Returns, or reverts with, as many zero bytes as its gas can buy.
contract ReturnBomb is IAnswerReceiver {
    bool public immutable reverts;

    constructor(bool reverts_) {
        reverts = reverts_;
    }

    function onAnswer(bytes32, uint256, bytes[] calldata) external view {
        bool fails = reverts;
        assembly {
            // memory of n words costs 3n + n²/512 gas: 320,000 bytes for 225,000
            if fails { revert(0, 320000) }
            return(0, 320000)
        }
    }
}

/// @dev Tries, while it is called back, to be paid again, to be called again, and to fetch more than it is owed.
contract ReentrantReceiver is IAnswerReceiver {
    IInference public immutable inference;
    Request private _request;
    bytes[] private _outputs;
    uint256 public calls;
    uint256 public attempts;
    uint256 public successes;
    uint256 public fetched;

    constructor(IInference inference_) {
        inference = inference_;
    }

    function arm(Request calldata req, bytes[] calldata outputs) external {
        _request = req;
        for (uint256 i = 0; i < outputs.length; ++i) {
            _outputs.push(outputs[i]);
        }
    }

    function onAnswer(bytes32, uint256, bytes[] calldata) external {
        ++calls;
        _try(abi.encodeCall(IInference.finalise, (_request, _outputs)));
        _try(abi.encodeCall(IInference.refund, (_request)));
        _try(abi.encodeCall(IInference.expire, (_request)));
        _try(abi.encodeCall(IInference.fulfil, (_request, _outputs)));
        if (IPayouts(address(inference)).creditOf(address(this)) != 0) {
            fetched += IPayouts(address(inference)).withdrawCredit(address(this));
            _try(abi.encodeCall(IPayouts.withdrawCredit, (address(this))));
        }
    }

    function _try(bytes memory data) private {
        ++attempts;
        (bool success,) = address(inference).call(data);
        if (success) ++successes;
    }
}
