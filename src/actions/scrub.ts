/** Reads all that is stored and checks it against its names, at a rate that leaves the disk to others. */
import { scrubKinds } from '../cas/verify-stored.ts'
import { type ScrubProblem, type ScrubState, scrub } from '../store/scrub.ts'
import type { Store } from './open-store.ts'

export type { ScrubProblem }

export interface ScrubWish {
  readonly bytesPerSecond?: number | undefined
  /** From the beginning, also when an earlier one was stopped. */
  readonly restart: boolean
  readonly signal?: AbortSignal | undefined
}

const BYTES_PER_SECOND = 64 * 1024 * 1024

export function scrubStore(store: Store, { bytesPerSecond = BYTES_PER_SECOND, restart, signal }: ScrubWish) {
  const { catalog, clock, holdings } = store
  const kinds = scrubKinds(holdings)
  return scrub({ catalog, clock, kinds, bytesPerSecond, restart, signal }) as Promise<ScrubState>
}
