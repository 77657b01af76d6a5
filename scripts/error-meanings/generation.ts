/** Meanings of the codes of generation: sampling, text, scheduling. */
export const GENERATION_MEANINGS: Readonly<Record<string, string>> = {
  ENGINE_NAN: 'The model computed no numbers: its weights, or an adapter, are broken. Verify or replace them.',
  SAMPLING_PARAMETER_BAD: 'A sampling parameter is outside what is taken. The message says the bounds.',
}
