/**
 * `npm run bench -- [--quick] [--json] [chunk-hash|transfer]`: our speed beside hf_xet's on this machine, in the same
 * minutes. `npm run bench:transfer` takes more rounds, in parts.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { benchChunkHash } from './chunk-hash.ts'
import { type Round, runRounds } from './transfer.ts'
import { formatChunkHash, formatRounds } from './transfer-report.ts'

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const wants = (name: string) => positionals.length === 0 || positionals.includes(name)

function write(text: string): void {
  if (!values.json) process.stdout.write(`${text}\n`)
}

function writeJson(bench: string, result: object): void {
  if (values.json) process.stdout.write(`${JSON.stringify({ event: 'bench', bench, ...result })}\n`)
}

write(`${cpus().length} cores, ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`)
if (wants('chunk-hash')) {
  const results = await benchChunkHash(values.quick ? { mib: 192, rounds: 2 } : { mib: 1024, rounds: 5 })
  for (const result of results) writeJson('chunk-hash', result)
  write(formatChunkHash(results))
}
if (wants('transfer')) {
  const plan = values.quick ? { mib: 128, rounds: [0] } : { mib: 1024, rounds: [0, 1, 2] }
  const rounds: Round[] = []
  for (const verb of ['push', 'pull'] as const) {
    for await (const round of runRounds({ verb, corpus: 'rand', ...plan })) {
      rounds.push(round)
      writeJson('transfer', round)
    }
  }
  write(formatRounds(rounds))
}
