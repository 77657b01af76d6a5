/**
 * `node test/fuzz/main.ts [SECONDS=60] [TARGET...]`: feeds parsers for long. A finding is written to regressions/, where
 * every later run begins, and the exit code is 1.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installKernels } from '../../src/xet/active-kernels.ts'
import { createWasmKernels } from '../../src/xet/wasm-kernels.ts'
import { fuzz } from './fuzzer.ts'
import { FUZZ_TARGETS } from './registry.ts'

const [seconds = '60', ...names] = process.argv.slice(2)
const wasm = readFileSync(new URL('../../src/xet/kernels.wasm', import.meta.url))
installKernels(createWasmKernels(new Uint8Array(wasm)))
let findings = 0
for (const target of FUZZ_TARGETS.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const seed = 1 + Math.floor(Math.random() * 0x7fffffff)
  const { cases, accepted, finding } = await fuzz(target, { ms: Number(seconds) * 1000, seed })
  process.stdout.write(`fuzz ${target.name}: ${cases} cases, ${accepted} accepted, seed ${seed}\n`)
  if (finding === null) continue
  findings++
  const folder = join(import.meta.dirname, 'regressions', target.name)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, createHash('sha256').update(finding.input).digest('hex').slice(0, 16))
  writeFileSync(file, finding.input)
  process.stdout.write(`fuzz ${target.name}: FOUND ${file}\n${finding.why}\n`)
}
process.stdout.write(`fuzz: ${findings} findings\n`)
process.exitCode = findings > 0 ? 1 : 0
