/** What a home of the scale run holds, and what the load does with it: handed to the load processes as a file. */

/** A repository with a real bare repository and a real file in the store. */
export interface RealRepo {
  /** `namespace/name`. */
  readonly id: string
  /** Its one large file, `model.bin`, is `contentOf(seed, bytes)`. */
  readonly seed: string
  readonly bytes: number
  /** Of its owner; half of the repositories are private. */
  readonly token: string
}

export interface MadeHome {
  readonly real: readonly RealRepo[]
  /** Written to by the pushers, one each. */
  readonly pushed: readonly { readonly id: string; readonly token: string }[]
  /** The repository of many files. */
  readonly large: { readonly id: string; readonly files: number; readonly token: string }
  /** Some of the chunk hashes in the index. */
  readonly chunks: readonly string[]
}

export interface LoadPlan extends MadeHome {
  readonly url: string
  readonly seconds: number
  readonly pullers: number
  readonly pushers: number
  /** Which part of `pushed` is this process's. */
  readonly firstPusher: number
  readonly name: string
}

export interface LoadResult {
  readonly latencies: Record<string, number[]>
  readonly errors: readonly string[]
  readonly pulledBytes: number
  readonly pushedBytes: number
}

/** Namespaces among which the listed repositories are spread. */
export const NAMESPACES = 1_000
/** Every so many repositories have the rare tag. */
export const RARE_EVERY = 5_000
