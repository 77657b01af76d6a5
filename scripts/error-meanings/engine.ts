/** Meanings of the codes that the engine throws. */
export const ENGINE_MEANINGS: Readonly<Record<string, string>> = {
  ADAPTER_MISMATCH: 'The adapter does not fit the loaded model; the message names the first differences.',
  ADAPTER_NOT_ATTACHED: 'The adapter is not attached to the loaded model. Attach it first.',
  ENGINE_CONTEXT_FULL: 'The context is used up. Send less, or load the model with a larger context.',
  ENGINE_MISUSED: 'The engine was asked for something impossible by this program itself. Report it.',
  ENGINE_NO_VOCABULARY: 'The weights bring no vocabulary. Their tokenizer.json is used instead.',
  ENGINE_WEIGHTS_UNSUPPORTED: 'This engine does not compute these weights in this type.',
  MODEL_FILE_CHANGED: 'A file of the model became shorter while it was read. Load the model again.',
  MODEL_FILE_IS_POINTER: 'A file of the model is only a pointer. Fetch its content with the command that is named.',
  MODEL_FILE_MISSING: 'A file of the model is missing. Pull the model again.',
  MODEL_FILE_TOO_LARGE: 'A configuration file of the model is larger than any should be.',
  MODEL_PICKLE_ONLY: 'The weights are a pickle, which is never loaded. Use a revision with safetensors.',
  MODEL_TENSORS_BAD: 'The weights are not those that config.json describes. Get both again.',
  MODEL_TOO_LARGE: 'The model needs more memory than it may have. Use a smaller or quantised one, or raise the limit.',
  TENSOR_DTYPE_UNSUPPORTED: 'A tensor has a type that is not computed with. Convert the model.',
  TENSOR_MISSING: 'A tensor of the model is missing. Get the files again.',
  TOKEN_UNKNOWN: 'A token id is outside of the vocabulary.',
}
