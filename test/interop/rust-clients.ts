/** The programs of test/interop/peers/hf-hub, built by cargo into .venvs/ and kept there between runs. */
import { join } from 'node:path'
import { ROOT, runProgram } from '../farm/hub-process.ts'

/** A first build compiles some three hundred crates. */
const BUILD_MS = 900_000
const FOLDER = join(ROOT, 'test', 'interop', 'peers', 'hf-hub')
const TARGET = join(ROOT, '.venvs', 'rust')

/** Paths of the programs: `newest` is hf-hub 1.x, which speaks Xet, `plain` hf-hub 0.5. */
export async function rustClients(): Promise<{ newest: string; plain: string }> {
  const args = ['build', '--locked', '--manifest-path', join(FOLDER, 'Cargo.toml'), '--target-dir', TARGET]
  const { code, stderr } = await runProgram('cargo', args, { timeoutMs: BUILD_MS })
  if (code !== 0) throw new Error(`cargo build ended with ${code}: ${stderr.slice(-2000)}`)
  return { newest: join(TARGET, 'debug', 'newest'), plain: join(TARGET, 'debug', 'plain') }
}
