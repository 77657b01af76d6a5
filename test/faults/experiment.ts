/** An experiment injects one fault of the catalogue and throws when what comes of it is not what the row expects. */
import type { Lab } from './lab.ts'

/** A text that it returns is a measured figure worth printing. */
export type Experiment = (lab: Lab) => Promise<unknown>

export type Experiments = Readonly<Record<string, Experiment>>

export interface Verdict {
  readonly id: string
  /** `later`: it waits for a part of the product that is not there yet (later.ts). */
  readonly outcome: 'held' | 'failed' | 'untried' | 'later'
  readonly ms: number
  /** Why it failed, what it waits for, or a measured figure. */
  readonly note: string
}
