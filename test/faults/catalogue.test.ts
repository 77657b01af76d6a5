import { describe, expect, it } from 'vitest'
import { CATALOGUE } from './catalogue.ts'
import { EXPERIMENTS } from './experiments.ts'
import { STAGES } from './fault-row.ts'
import { LATER } from './later.ts'
import { selectRows } from './runner.ts'

describe('the fault catalogue', () => {
  it('has 259 rows, numbered without gaps in each group', () => {
    expect(CATALOGUE).toHaveLength(259)
    const groups = new Map<string, number>()
    for (const { id } of CATALOGUE) {
      const group = id.slice(0, 1)
      groups.set(group, (groups.get(group) ?? 0) + 1)
      expect(id).toBe(`${group}${groups.get(group)}`)
    }
    expect([...groups].map(([group, count]) => `${group}${count}`).join(' ')).toBe(
      'A19 B20 C10 D35 E33 F16 G27 H12 I18 J10 K18 L18 M11 N6 O6',
    )
  })

  it('says what is injected and what is expected', () => {
    for (const { injection, expected } of CATALOGUE) {
      expect(injection).not.toBe('')
      expect(expected).not.toBe('')
    }
  })

  it('brings all earlier stages with a stage', () => {
    const counts = STAGES.map((stage) => selectRows({ stage }).length)
    expect(counts[0]).toBe(71)
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    expect(counts.at(-1)).toBe(259)
  })

  it('has an experiment for every fault of the stages that are reached, and none without a row', () => {
    const untried = selectRows({ stage: 'engine' }).filter(({ id }) => !(id in EXPERIMENTS) && !(id in LATER))
    expect(untried).toEqual([])
    expect(Object.keys(LATER).filter((id) => id in EXPERIMENTS)).toEqual([])
    const ids = new Set(CATALOGUE.map(({ id }) => id))
    expect([...Object.keys(EXPERIMENTS), ...Object.keys(LATER)].filter((id) => !ids.has(id))).toEqual([])
  })
})
