/**
 * A parser to be fed with anything: it may return, or throw an AppError that is not a `bug`. Anything else, or more time
 * than a parser may take, is a finding.
 */
export interface FuzzTarget {
  /** Also the name of its folders in corpus/ and regressions/. */
  readonly name: string
  /** Good inputs to mutate, besides those in corpus/. */
  readonly seeds: () => readonly Uint8Array[]
  /** May check what must hold for whatever was accepted, by throwing anything. */
  readonly run: (bytes: Uint8Array) => void | Promise<void>
}

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
/** As a network would give it; never fails. */
export const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** A target for a parser of text. */
export function textTarget(name: string, seeds: readonly string[], run: (text: string) => void): FuzzTarget {
  return { name, seeds: () => seeds.map(encode), run: (bytes) => run(decode(bytes)) }
}

/** Says what is wrong with an accepted input. */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`broken promise: ${what}`)
}
