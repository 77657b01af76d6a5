/**
 * `npm run faults -- [--stage NAME [--alone]] [GROUP...] [--id X,Y] [--json]`: tries the faults of the catalogue on a
 * real server and prints one line each, then totals. The exit code is 0 only if every selected fault was tried and held,
 * but for those that wait for a part that is not there yet, which are named.
 */
import { parseArgs } from 'node:util'
import '../install-kernels.ts'
import type { Verdict } from './experiment.ts'
import { type FaultRow, STAGES, type Stage } from './fault-row.ts'
import { Lab } from './lab.ts'
import { runRows, type Selection, selectRows } from './runner.ts'

function readSelection(): { selection: Selection; json: boolean } {
  const { values, positionals } = parseArgs({
    options: {
      stage: { type: 'string' },
      alone: { type: 'boolean', default: false },
      id: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const stage = values.stage as Stage | undefined
  if (stage !== undefined && !STAGES.includes(stage))
    throw new Error(`No stage ${stage}; there are ${STAGES.join(', ')}`)
  return {
    selection: {
      ...(stage === undefined ? {} : { stage, alone: values.alone }),
      ...(positionals.length === 0 ? {} : { groups: positionals.join('').toUpperCase() }),
      ...(values.id === undefined ? {} : { ids: values.id.toUpperCase().split(',') }),
    },
    json: values.json,
  }
}

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}

function printTotals(verdicts: readonly Verdict[]): void {
  const groups = new Map<string, Record<Verdict['outcome'], number>>()
  for (const { id, outcome } of verdicts) {
    const group = groups.get(id.slice(0, 1)) ?? { held: 0, failed: 0, untried: 0, later: 0 }
    group[outcome]++
    groups.set(id.slice(0, 1), group)
  }
  for (const [group, { held, failed, untried, later }] of groups) {
    write(`${group}      ${held} held, ${failed} failed, ${untried} untried${later > 0 ? `, ${later} later` : ''}`)
  }
}

const { selection, json } = readSelection()
const rows = selectRows(selection)
const lab = await Lab.open()
const verdicts: Verdict[] = []
try {
  for await (const verdict of runRows(lab, rows)) {
    verdicts.push(verdict)
    const { injection, expected } = rows.find(({ id }) => id === verdict.id) as FaultRow
    if (json) write(JSON.stringify({ event: 'fault', ...verdict, injection, expected }))
    else
      write(
        `${verdict.id.padEnd(4)} ${verdict.outcome.padEnd(8)} ${String(verdict.ms).padStart(6)} ms  ${verdict.note}`,
      )
  }
} finally {
  await lab.close()
}
const held = verdicts.filter(({ outcome }) => outcome === 'held').length
const later = verdicts.filter(({ outcome }) => outcome === 'later').length
const wanted = rows.length - later
if (json) write(JSON.stringify({ event: 'done', held, tried: wanted, later }))
else {
  printTotals(verdicts)
  write(`faults: ${held} passed, ${wanted - held} failed`)
}
process.exitCode = held === wanted && wanted > 0 ? 0 : 1
