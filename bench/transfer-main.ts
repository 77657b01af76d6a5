/**
 * `npm run bench:transfer -- [--rounds 5] [--mib 1024] [--only push|pull|hash] [--corpus rand|bf16] [--results FILE]`: ours
 * beside hf_xet's in the same run. With `--results` each finished round is a line of FILE; a later call goes on where it
 * ends, so that a run may be taken in parts, and shows all of it. Nothing is said of rounds whose bytes differ: they throw.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { benchChunkHash } from './chunk-hash.ts'
import type { Corpus } from './corpora.ts'
import { type Round, runRounds, type Verb } from './transfer.ts'
import { formatChunkHash, formatRounds } from './transfer-report.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    mib: { type: 'string', default: '1024' },
    only: { type: 'string' },
    corpus: { type: 'string' },
    results: { type: 'string' },
  },
})
const [count, mib] = [values.rounds, values.mib].map(Number) as [number, number]
const done = readResults(values.results)
process.stdout.write(`${cpus().length} cores, ${cpus()[0]?.model.trim()}, Node ${process.versions.node}\n`)

for (const verb of ['push', 'pull'] satisfies Verb[]) {
  if (values.only !== undefined && values.only !== verb) continue
  for (const corpus of ['rand', 'bf16'] satisfies Corpus[]) {
    if (values.corpus !== undefined && values.corpus !== corpus) continue
    const isOurs = (round: Round) => round.verb === verb && round.corpus === corpus && round.mib === mib
    const first = done.filter(isOurs).length
    const rounds = Array.from({ length: Math.max(count - first, 0) }, (_, i) => first + i)
    for await (const round of runRounds({ verb, corpus, mib, rounds })) {
      done.push(round)
      if (values.results !== undefined) appendFileSync(values.results, `${JSON.stringify(round)}\n`)
    }
  }
}
if (done.length > 0) process.stdout.write(`${formatRounds(done)}\n`)
if (values.only === undefined || values.only === 'hash') {
  process.stdout.write(`${formatChunkHash(await benchChunkHash({ mib, rounds: count }))}\n`)
}

function readResults(file: string | undefined): Round[] {
  if (file === undefined || !existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Round)
}
