/** Meanings of the codes of generation: sampling, text, scheduling. */
export const GENERATION_MEANINGS: Readonly<Record<string, string>> = {
  ENGINE_NAN: 'The model computed no numbers: its weights, or an adapter, are broken. Verify or replace them.',
  SAMPLING_PARAMETER_BAD: 'A sampling parameter is outside what is taken. The message says the bounds.',
  STOP_STRINGS_BAD: 'There are too many stop strings, or one is empty or too long. The message says the bounds.',
  TEMPLATE_BAD:
    "The model's chat template is broken or asks for more than it may. Use another model, or mend its template.",
  TEMPLATE_REFUSED:
    "The model's chat template takes no such conversation; the message is its own. Change the messages.",
  TOKENIZER_BAD: 'The tokenizer.json of the model is broken. Get it again.',
  TOKENIZER_UNSUPPORTED: 'The tokenizer of the model is of a kind that is not supported here.',
}
