/** An experiment injects one fault of the catalogue and throws when what comes of it is not what the row expects. */
import type { Lab } from './lab.ts'

/** A text that it returns is a measured figure worth printing. */
export type Experiment = (lab: Lab) => Promise<unknown>

export type Experiments = Readonly<Record<string, Experiment>>

export interface Verdict {
  readonly id: string
  readonly outcome: 'held' | 'failed' | 'untried'
  readonly ms: number
  /** Why it failed, or a measured figure. */
  readonly note: string
}
