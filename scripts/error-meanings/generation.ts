/** Meanings of the codes of generation: sampling, text, scheduling. */
export const GENERATION_MEANINGS: Readonly<Record<string, string>> = {
  ENGINE_NAN: 'The model computed no numbers: its weights, or an adapter, are broken. Verify or replace them.',
  SAMPLING_PARAMETER_BAD: 'A sampling parameter is outside what is taken. The message says the bounds.',
  STOP_STRINGS_BAD: 'There are too many stop strings, or one is empty or too long. The message says the bounds.',
  TEMPLATE_BAD:
    "The model's chat template is broken or asks for more than it may. Use another model, or mend its template.",
  TEMPLATE_REFUSED:
    "The model's chat template takes no such conversation; the message is its own. Change the messages.",
  TOKENIZER_BAD: 'The tokenizer.json of the model, or what its GGUF file has in its place, is broken. Get it again.',
  TOKENIZER_UNSUPPORTED: 'The tokenizer of the model is of a kind that is not supported here. The message names it.',
  TEMPLATE_MISSING: 'The model has no chat template: it was made for texts, not for chats. Ask it for a completion.',
  TEXT_BUSY: 'Too many texts wait for this model. Try again after the time given.',
  TEXT_CLOSED: 'The model was unloaded meanwhile. Ask again.',
  TEXT_PROCESS_DIED: "The process that does the model's text ended. Ask again; if it happens again, look into the log.",
  TEXT_TOO_COSTLY:
    "The model's template or tokenizer took too long or too much memory and was stopped. Use another model.",
  TEXT_TOO_LONG: 'The text is longer than any prompt may be. Send less.',
  TOKENIZER_MISSING: 'The directory has no tokenizer.json. Fetch it, or use another model.',
  ADAPTERS_UNSUPPORTED: 'The engine takes fewer adapters at once. Name fewer, or merge them.',
  ENGINE_CLOSED: 'The model was unloaded meanwhile. Ask again.',
  GRAMMAR_UNSUPPORTED: 'The engine does not bind answers to a grammar. Leave it out.',
  LOGITS_TOO_LARGE: 'Logits of all these tokens are more than is held at once. Ask for fewer tokens.',
  PROMPT_EMPTY: 'The prompt has no tokens. Send some text.',
  PROMPT_TOO_LONG: "The prompt leaves no room in the model's context. Send less, or load the model with a larger one.",
  QUEUE_FULL: 'As many requests wait for the model as may. Try again after the time given.',
  TOKEN_COUNT_BAD: 'The number of tokens asked for, or of stop tokens, is none that can be. The message says which.',
  CONTENT_UNSUPPORTED: 'A message holds something else than text. Send text.',
  MESSAGES_EMPTY: 'There is no message to answer. Send one.',
}
