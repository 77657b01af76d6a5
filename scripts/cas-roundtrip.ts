/**
 * Runs the real hf_xet against our CAS, both ways: `npm run cas-roundtrip -- [MiB] [VERSION,...]`. Each version gets a
 * server of its own with a fresh home; what it uploads it downloads again and compares. The exit code tells.
 *
 * Installs the clients into CAS_ROUNDTRIP_DIR, by default a folder of the system's temporary directory.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { casUrl } from '../src/cas/cas-address.ts'
import { tokenFor } from '../test/cas/cas-server.ts'

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const [mib = '600', versions = '1.6.0,1.7.1,1.8.0'] = process.argv.slice(2)
const clients = process.env.CAS_ROUNDTRIP_DIR ?? join(tmpdir(), 'xorbit-clients')

async function startServer(home: string): Promise<{ server: ChildProcess; origin: string }> {
  const server = spawn(process.execPath, [pathOf('../test/cas/cas-server.ts'), home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of server.stdout) return { server, origin: String(line).trim() }
  throw new Error('The server ended before it said where it listens')
}

function roundTrip(version: string, cas: string): Promise<number> {
  const peer = pathOf('../test/interop/peers/hf-xet.sh')
  const env = { ...process.env, HF_XET: version, TOKEN: tokenFor() }
  const client = spawn('bash', [peer, 'roundtrip', join(clients, `hf-xet-${version}`), cas, mib], {
    env,
    stdio: 'inherit',
  })
  return new Promise((resolve) => client.on('close', (code) => resolve(code ?? 1)))
}

let failed = 0
for (const version of versions.split(',')) {
  const home = await mkdtemp(join(tmpdir(), 'xorbit-roundtrip-'))
  const { server, origin } = await startServer(home)
  try {
    const cas = casUrl(origin, 'e1', 'ann')
    process.stdout.write(`\nhf_xet ${version}: ${mib} MiB against ${cas}\n`)
    if ((await roundTrip(version, cas)) !== 0) failed++
  } finally {
    server.kill('SIGKILL')
    await rm(home, { recursive: true })
  }
}
process.stdout.write(`cas-roundtrip: ${failed} of ${versions.split(',').length} versions failed\n`)
process.exitCode = failed > 0 ? 1 : 0
