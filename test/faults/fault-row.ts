/** One row of the fault catalogue: what is done to the product, and what must come of it. */

/** The part of the product that answers for a fault, in the order in which the parts are built. */
export const STAGES = ['main-job', 'whole-hub', 'transfer', 'engine', 'upstream', 'git', 'swarm', 'training'] as const

export type Stage = (typeof STAGES)[number]

export interface FaultRow {
  /** Group letter and number, such as `A1`. */
  readonly id: string
  readonly stage: Stage
  readonly injection: string
  readonly expected: string
}
