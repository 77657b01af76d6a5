/**
 * Runs the real hf_xet against our CAS: `npm run cas-roundtrip -- [MiB] [VERSION,...]`. Each version gets a server of its
 * own with a fresh home. What it uploads it downloads again and compares; then the server is killed (-9) at random
 * moments of uploads and the upload repeated; then a byte of every stored xorb is flipped: the download must fail, and
 * the next upload heal. The exit code tells.
 *
 * Installs the clients into CAS_ROUNDTRIP_DIR, by default a folder of the system's temporary directory.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { casUrl } from '../src/cas/cas-address.ts'
import { tokenFor } from '../test/cas/cas-server.ts'
import { flipByte } from '../test/cas/flip-byte.ts'

const KILLS = 5
const DAMAGE_MIB = '128'
const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const clients = process.env.CAS_ROUNDTRIP_DIR ?? join(tmpdir(), 'xorbit-clients')

interface Running {
  readonly process: ChildProcess
  readonly cas: string
}

async function startServer(home: string, port = '0'): Promise<Running> {
  const child = spawn(process.execPath, [pathOf('../test/cas/cas-server.ts'), home, port], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of child.stdout) return { process: child, cas: casUrl(String(line).trim(), 'e1', 'ann') }
  throw new Error('The server ended before it said where it listens')
}

function kill({ process: child }: Running): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

/** One run of the client: uploads, then downloads and compares. What it printed, and whether all was identical. */
async function roundTrip(
  version: string,
  cas: string,
  ...args: string[]
): Promise<{ isGood: boolean; output: string }> {
  const folder = join(clients, `hf-xet-${version}`)
  const env = { ...process.env, HF_XET: version, TOKEN: tokenFor() }
  const client = spawn('bash', [pathOf('../test/interop/peers/hf-xet.sh'), 'roundtrip', folder, cas, ...args], { env })
  let output = ''
  for (const stream of [client.stdout, client.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      output += bytes.toString()
    })
  }
  return new Promise((resolve) => client.on('close', (code) => resolve({ isGood: code === 0, output })))
}

/**
 * Kills the server at a random moment of each of some uploads and starts it again at once at the same address, where the
 * client tries again or gives up; then a repeated upload must succeed, with all that was acknowledged before.
 */
async function surviveKills(version: string, home: string): Promise<boolean> {
  for (let i = 0; i < KILLS; i++) {
    const dying = await startServer(home)
    const moment = 700 + Math.round(Math.random() * 2500)
    const cut = roundTrip(version, dying.cas, DAMAGE_MIB, 'random,edited')
    await wait(moment)
    await kill(dying)
    const server = await startServer(home, new URL(dying.cas).port)
    const { isGood: hasGoneOn } = await cut
    const { isGood, output } = await roundTrip(version, server.cas, DAMAGE_MIB, 'random,edited')
    await kill(server)
    print(
      `killed after ${moment} ms: the client ${hasGoneOn ? 'went on' : 'gave up'}; repeated: ${isGood ? 'good' : 'BAD'}`,
    )
    if (!isGood) return report(output)
    await rm(home, { recursive: true })
  }
  return true
}

/** A flipped byte is never delivered as good, and the upload after its discovery heals. */
async function healDamage(version: string, home: string): Promise<boolean> {
  const first = await startServer(home)
  const { isGood: isUploaded, output } = await roundTrip(version, first.cas, DAMAGE_MIB, 'random')
  await kill(first)
  if (!isUploaded) return report(output)
  const folder = join(home, 'blobs', 'xorbs')
  for (const name of await readdir(folder, { recursive: true })) {
    if (/\/[0-9a-f]{64}$/.test(name)) await flipByte(join(folder, name), 3000)
  }
  const server = await startServer(home)
  const damaged = await roundTrip(version, server.cas, DAMAGE_MIB, 'random')
  const healed = await roundTrip(version, server.cas, DAMAGE_MIB, 'random')
  await kill(server)
  print(
    `flipped bytes: refused ${!damaged.isGood}, delivered ${damaged.output.includes('DIFFERENT')}, healed ${healed.isGood}`,
  )
  const isRight = !damaged.isGood && !damaged.output.includes('DIFFERENT') && healed.isGood
  return isRight || report(damaged.output + healed.output)
}

async function tryVersion(version: string, mib: string): Promise<boolean> {
  const home = await mkdtemp(join(tmpdir(), 'xorbit-roundtrip-'))
  try {
    const server = await startServer(home)
    print(`\nhf_xet ${version}: ${mib} MiB against ${server.cas}`)
    const { isGood, output } = await roundTrip(version, server.cas, mib)
    process.stdout.write(output)
    await kill(server)
    const damaged = join(home, 'damaged')
    return isGood && (await surviveKills(version, damaged)) && (await healDamage(version, damaged))
  } finally {
    await rm(home, { recursive: true })
  }
}

function report(output: string): false {
  process.stdout.write(output)
  return false
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

const [mib = '600', versions = '1.6.0,1.7.1,1.8.0'] = process.argv.slice(2)
const failed: string[] = []
for (const version of versions.split(',')) if (!(await tryVersion(version, mib))) failed.push(version)
print(`cas-roundtrip: ${failed.length === 0 ? 'all versions passed' : `failed with ${failed.join(', ')}`}`)
process.exitCode = failed.length > 0 ? 1 : 0
