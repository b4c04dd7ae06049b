// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice value · 10^-decimals.
struct Number {
    int128 value;
    int128 decimals;
}

struct NumberTensor {
    string name;
    Number[] values; // row by row
    uint32[] shape;
}

struct StringTensor {
    string name;
    string[] values;
}

struct JsonScalar {
    string name;
    string value;
}

struct ModelInput {
    NumberTensor[] numbers;
    StringTensor[] strings;
}

struct ModelOutput {
    NumberTensor[] numbers;
    StringTensor[] strings;
    JsonScalar[] jsons;
    bool is_simulation_result;
}

struct ModelInferenceRequest {
    uint8 mode;
    string modelCID;
    ModelInput input;
}

/// @title What the `opengradient` SDK 1.1.4 calls and reads
/// @notice Names, types and their order are the SDK's: it is used as it is.
interface IOpenGradient {
    /// @notice The answer, when it is there at once. Empty: it is asked for by the id of `ModelInferenceEvent`.
    event InferenceResult(ModelOutput output);
    /// @notice A model was asked; `GET {api_url}/artela-network/artela-rollkit/inference/tx/{inferenceID}` has the answer.
    event ModelInferenceEvent(string inferenceID, ModelInferenceRequest request, ModelOutput response);

    /// @notice Asks a model.
    /// @param modelId Content identifier of the model's file.
    /// @param inferenceMode 0: plain, 1: zero-knowledge proof, 2: trusted hardware.
    function run(string calldata modelId, uint8 inferenceMode, ModelInput calldata modelInput)
        external
        returns (ModelOutput memory output);
}
