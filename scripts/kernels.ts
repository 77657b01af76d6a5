/**
 * Builds `src/xet/kernels.wasm` from `kernels/`: run after a change there (`npm run kernels`) and commit the result.
 * The compiler's version is fixed in package.json, so equal sources give equal bytes; a test compares them.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blake3Source } from './blake3-source.ts'

const ROOT = join(import.meta.dirname, '..')
const BLAKE3 = join(ROOT, 'kernels', 'blake3.ts')
const COMMITTED = join(ROOT, 'src', 'xet', 'kernels.wasm')

/** Zero-filled memory keeps tables out of the file; the memory is the caller's. */
const FLAGS = [
  ...['--runtime', 'stub', '--importMemory', '--initialMemory', '16', '--zeroFilledMemory'],
  ...['-O3', '--noAssert', '--converge', '--enable', 'simd'],
]

export interface BuiltKernels {
  readonly blake3: string
  readonly wasm: Uint8Array
}

/** Throws when `kernels/blake3.ts` is not what its generator writes: what is compiled must be what is read. */
export function buildKernels(): BuiltKernels {
  const blake3 = blake3Source()
  const folder = mkdtempSync(join(tmpdir(), 'xorbit-kernels-'))
  try {
    const output = join(folder, 'kernels.wasm')
    const compiler = createRequire(import.meta.url).resolve('assemblyscript/bin/asc.js')
    execFileSync(process.execPath, [compiler, 'kernels/xet.ts', '-o', output, ...FLAGS], {
      cwd: ROOT,
      stdio: 'inherit',
    })
    return { blake3, wasm: new Uint8Array(readFileSync(output)) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export function readCommittedKernels(): BuiltKernels {
  return { blake3: readFileSync(BLAKE3, 'utf8'), wasm: new Uint8Array(readFileSync(COMMITTED)) }
}

if (import.meta.main) {
  writeFileSync(BLAKE3, blake3Source())
  const { wasm } = buildKernels()
  writeFileSync(COMMITTED, wasm)
  process.stdout.write(`kernels: ${wasm.length} bytes of WebAssembly\n`)
}
