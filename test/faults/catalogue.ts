/**
 * Every fault that the product must survive, as data. Besides what a row expects, it always holds: nothing acknowledged
 * is lost, no unverified byte gets a final name, the next good request is served within five seconds, and nothing
 * leaks. The experiments that inject them are in experiments/, by the same ids.
 */
import { GROUP_A } from './catalogue/a.ts'
import { GROUP_B } from './catalogue/b.ts'
import { GROUP_C } from './catalogue/c.ts'
import { GROUP_D } from './catalogue/d.ts'
import { GROUP_E } from './catalogue/e.ts'
import { GROUP_F } from './catalogue/f.ts'
import { GROUP_G } from './catalogue/g.ts'
import { GROUP_H } from './catalogue/h.ts'
import { GROUP_I } from './catalogue/i.ts'
import { GROUP_J } from './catalogue/j.ts'
import { GROUP_K } from './catalogue/k.ts'
import { GROUP_L } from './catalogue/l.ts'
import { GROUP_M } from './catalogue/m.ts'
import { GROUP_N } from './catalogue/n.ts'
import { GROUP_O } from './catalogue/o.ts'
import type { FaultRow } from './fault-row.ts'

export const CATALOGUE: readonly FaultRow[] = [
  ...GROUP_A,
  ...GROUP_B,
  ...GROUP_C,
  ...GROUP_D,
  ...GROUP_E,
  ...GROUP_F,
  ...GROUP_G,
  ...GROUP_H,
  ...GROUP_I,
  ...GROUP_J,
  ...GROUP_K,
  ...GROUP_L,
  ...GROUP_M,
  ...GROUP_N,
  ...GROUP_O,
]
