/** Every parser of the project. A new one is added here with a good input or two. */
import type { FuzzTarget } from './fuzz-target.ts'
import { TEXT_TARGETS } from './text-targets.ts'
import { WEIGHT_TARGETS } from './weight-targets.ts'
import { XET_TARGETS } from './xet-targets.ts'

export const FUZZ_TARGETS: readonly FuzzTarget[] = [...XET_TARGETS, ...TEXT_TARGETS, ...WEIGHT_TARGETS]
