/**
 * `npm run engine:compare -- [--seed N] [--python PYTHON]`: freshly seeded weights of every family, plain and under an
 * adapter, through both drivers; with a Python that has torch and transformers, through transformers in the same run.
 * Ends with 1 if any differ by more than float32 explains.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { LlamaEngine } from '../../src/engine/llama/llama-engine.ts'
import { ReferenceEngine } from '../../src/engine/reference/reference-engine.ts'
import type { TokenEngine } from '../../src/engine/token-engine.ts'
import { worstDifference } from '../vectors/golden-model.ts'
import { FRESH_FAMILIES, type FreshModel, makeFreshModel } from './fresh-model.ts'

const TOLERANCE = 3e-5
/** llama.cpp's GELU is a table of float16. */
const GEMMA_TOLERANCE = 3e-3

/** Logits of all prompts, plain and then adapted. */
async function logitsOf(engine: TokenEngine, model: FreshModel): Promise<Float32Array[]> {
  const options = { kvType: 'f32', contextTokens: 256, threadCount: 1 } as const
  await using loaded = await engine.load({ kind: 'hf-directory', path: model.path, dtype: 'f32' }, options)
  await loaded.attachAdapter({ id: 'a', path: model.adapterPath })
  const all: Float32Array[] = []
  for (const adapters of [[], [{ id: 'a', weight: model.weight }]]) {
    for (const tokens of model.prompts) {
      const [rows] = await loaded.decode([{ slot: 0, tokens, adapters, logits: 'all' }])
      all.push(rows as Float32Array)
      await loaded.truncateSlot(0, 0)
    }
  }
  return all
}

/** The same of transformers: the adapter merged into the weights. */
async function transformersLogits(
  python: string,
  folder: string,
  models: readonly FreshModel[],
): Promise<Float32Array[][]> {
  const outOf = (index: number, which: string) => join(folder, `${index}-${which}.f32`)
  const jobs = models.flatMap(({ path, mergedPath, prompts }, index) => [
    { path, prompts, out: outOf(index, 'plain') },
    { path: mergedPath, prompts, out: outOf(index, 'merged') },
  ])
  writeFileSync(join(folder, 'jobs.json'), JSON.stringify({ jobs }))
  const script = new URL('./transformers_logits.py', import.meta.url).pathname
  await promisify(execFile)(python, [script, join(folder, 'jobs.json')], { maxBuffer: 1 << 24 })
  return models.map(({ prompts }, index) =>
    ['plain', 'merged'].flatMap((which) => {
      const bytes = new Uint8Array(readFileSync(outOf(index, which)))
      const floats = new Float32Array(bytes.buffer)
      const tokenCount = prompts.reduce((sum, { length }) => sum + length, 0)
      let start = 0
      return prompts.map(({ length }) => {
        const from = start
        start += (length * floats.length) / tokenCount
        return floats.subarray(from, start)
      })
    }),
  )
}

const most = (got: readonly Float32Array[], want: readonly Float32Array[]) =>
  got.reduce((worst, rows, i) => Math.max(worst, worstDifference(rows, want[i])), 0)

const { values } = parseArgs({ options: { seed: { type: 'string' }, python: { type: 'string' } } })
const seed = Number(values.seed ?? 0) || 1 + Math.floor(Math.random() * 0x7fffffff)
const folder = mkdtempSync(join(tmpdir(), 'xorbit-compare-'))
try {
  const names = [...FRESH_FAMILIES.keys()]
  const models = names.map((name, index) => {
    const place = join(folder, String(index))
    mkdirSync(place)
    return makeFreshModel(place, name, seed + index)
  })
  const truth = values.python === undefined ? null : await transformersLogits(values.python, folder, models)
  process.stdout.write(`seed ${seed}; worst difference of a logit, plain and adapted\n`)
  for (const [index, model] of models.entries()) {
    const [reference, llama] = [await logitsOf(new ReferenceEngine(), model), await logitsOf(new LlamaEngine(), model)]
    const name = names[index] as string
    const tolerance = name === 'gemma 3' ? GEMMA_TOLERANCE : TOLERANCE
    const pairs: [string, number, number][] = [['llama.cpp and reference', most(llama, reference), tolerance]]
    const theirs = truth?.[index]
    if (theirs !== undefined) {
      pairs.push(['reference and transformers', most(reference, theirs), TOLERANCE])
      pairs.push(['llama.cpp and transformers', most(llama, theirs), tolerance])
    }
    for (const [, difference, limit] of pairs) if (!(difference < limit)) process.exitCode = 1
    const shown = pairs.map(([who, difference]) => `${who} ${difference.toExponential(1)}`).join(', ')
    process.stdout.write(`${name.padEnd(9)} ${shown}\n`)
  }
} finally {
  rmSync(folder, { recursive: true })
}
