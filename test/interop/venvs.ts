/** Python environments with exactly the clients of one version each, kept in .venvs/ between runs. */
import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT, runProgram } from '../farm/hub-process.ts'

export const HF_XET_VERSIONS = ['1.6.0', '1.7.1', '1.8.0'] as const
export type HfXetVersion = (typeof HF_XET_VERSIONS)[number]

const INSTALL_MS = 300_000

/** Returns the folder of its programs. */
async function makeVenv(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(ROOT, '.venvs', name)
  const bin = join(folder, 'bin')
  if (await exists(join(bin, 'hf'))) return bin
  await mkdir(join(ROOT, '.venvs'), { recursive: true })
  await mustRun('python3', ['-m', 'venv', folder])
  await mustRun(join(bin, 'pip'), ['-q', '--disable-pip-version-check', 'install', ...packages])
  return bin
}

/** huggingface_hub 2.x with this hf_xet. */
export function hub2(version: HfXetVersion): Promise<string> {
  return makeVenv(`hub2-xet${version}`, ['huggingface_hub==2.4.0', `hf_xet==${version}`])
}

export function hub1(): Promise<string> {
  return makeVenv('hub1', ['huggingface_hub==1.33.0'])
}

async function mustRun(file: string, args: readonly string[]): Promise<void> {
  const { code, stderr, stdout } = await runProgram(file, args, { timeoutMs: INSTALL_MS })
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`)
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
