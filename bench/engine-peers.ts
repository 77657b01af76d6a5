/** Installs the engines to compare with into a folder, by exact versions; once. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const NODE_LLAMA = ['node-llama-cpp@3.22.1', '@node-llama-cpp/linux-x64@3.22.1']
/** llama.cpp's own server as a wheel. */
const LLAMA_SERVER = 'xllamacpp==2026.10.11549'

/** Needs npm and a Python with venv, and the registries of both. */
export function installPeers(folder: string): void {
  const marker = join(folder, `installed ${LLAMA_SERVER} ${NODE_LLAMA[0]}`)
  if (existsSync(marker)) return
  mkdirSync(folder, { recursive: true })
  const run = (file: string, args: readonly string[]) => execFileSync(file, args, { cwd: folder, stdio: 'inherit' })
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  // Its optional packages would be 725 MB for machines that are not this one.
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional', ...NODE_LLAMA])
  run('python3', ['-m', 'venv', 'venv'])
  run(join(folder, 'venv/bin/pip'), ['-q', '--disable-pip-version-check', 'install', LLAMA_SERVER])
  writeFileSync(marker, '')
}
