/** Faults of a stage that is reached which wait for a part that is not there yet, and for which one. */
export const LATER: Readonly<Record<string, string>> = {
  K14: 'adapters by name',
  L9: 'schemas and grammars',
  L17: 'models that are loaded and unloaded while the server runs',
}
