/**
 * Against a Xet CAS that is not ours, the simulation server of Hugging Face's own client crate: what `xorbit push` sent is
 * sound by its own judgement and is what it gives back; what `xorbit pull` brings from it is right.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT, runProgram } from '../../farm/hub-process.ts'
import type { Check } from '../check.ts'
import { ForeignHub } from '../foreign-hub.ts'
import { mustEnd, type Stand, sha256Of } from '../stand.ts'

const MIB = 1 << 20
const SCRIPT = join(ROOT, 'test', 'interop', 'peers', 'xet-cas.sh')
const FOLDER = join(ROOT, '.venvs', 'xet-cas')
/** A first install compiles some three hundred crates. */
const START_MS = 1_800_000
const PORT = 7080
const LARGE = 'large.bin'

interface Sent {
  readonly hub: ForeignHub
  readonly cas: string
  readonly folder: string
  readonly names: readonly string[]
}

export function foreignCasChecks(stand: Stand): Check[] {
  let sent: Sent | null = null
  const push = async () => {
    sent ??= await pushAll(stand)
    return sent
  }
  return [
    { name: 'foreign CAS: takes what xorbit pushes, and finds it sound', run: async () => judge(await push()) },
    { name: 'foreign CAS: gives back what was pushed', run: async () => readBack(await push()) },
    { name: 'foreign CAS: xorbit pulls it, byte for byte', run: async () => pullAll(stand, await push()) },
    { name: 'foreign CAS: xorbit pulls by plans of version 1', run: async () => pullByVersion1(stand, await push()) },
    { name: 'foreign CAS: xorbit sends no byte of it again', run: async () => pushAgain(stand, await push()) },
    {
      name: 'foreign CAS: ends',
      run: async () => {
        await sent?.hub.close()
        mustEnd(await runProgram(SCRIPT, ['stop', FOLDER]), 'stop')
      },
    },
  ]
}

/** Bytes of every kind: none of one chunk, of many xorbs, repeating, and one file with a piece put into another. */
async function pushAll(stand: Stand): Promise<Sent> {
  const started = await runProgram(SCRIPT, ['start', FOLDER, String(PORT)], {
    env: { ...process.env, XET_SIM_MEMORY: '1' },
    timeoutMs: START_MS,
  })
  mustEnd(started, 'the start of the foreign CAS')
  const cas = started.stdout.trim().split('\n').at(-1) ?? ''
  const hub = await ForeignHub.start(cas)
  const folder = join(await stand.scratch(), 'files')
  await mkdir(join(folder, 'sub'), { recursive: true })
  await stand.randomFile(join(folder, LARGE), 80 * MIB, 'foreign large')
  const large = await readFile(join(folder, LARGE))
  const middle = 40 * MIB + 12_345
  await writeFile(
    join(folder, 'sub', 'edited.bin'),
    Buffer.concat([large.subarray(0, middle), Buffer.from('a piece put in'), large.subarray(middle)]),
  )
  await writeFile(join(folder, 'text.bin'), 'the same line again and again\n'.repeat(200_000))
  await writeFile(join(folder, 'zeros.bin'), Buffer.alloc(5 * MIB))
  await writeFile(join(folder, 'small.bin'), large.subarray(0, 100_000))
  await writeFile(join(folder, 'one-byte.bin'), 'x')
  await writeFile(join(folder, 'config.json'), '{"model_type":"none"}\n')
  const names = [LARGE, 'sub/edited.bin', 'text.bin', 'zeros.bin', 'small.bin', 'one-byte.bin', 'config.json']
  const pushed = await stand.xorbit(['push', 'alice/foreign', folder], { endpoint: hub.url })
  mustEnd(pushed, 'push')
  for (const event of eventsOf(pushed.stdout)) {
    if (event.event === 'file' && event.fileHash) hub.hashes.set(event.sha256 ?? '', event.fileHash)
  }
  return { hub, cas, folder, names }
}

async function judge({ cas }: Sent): Promise<string> {
  for (const verdict of ['verify_integrity', 'verify_all_reachable']) {
    const reply = await fetch(`${cas}/simulation/${verdict}`, { method: 'POST' })
    assert.equal(reply.status, 200, `${verdict}: ${reply.status} ${await reply.text()}`)
  }
  const xorbs = (await (await fetch(`${cas}/simulation/xorbs`)).json()) as unknown[]
  return `${xorbs.length} xorbs`
}

async function readBack({ hub, cas, folder }: Sent): Promise<string> {
  for (const [sha256, hash] of hub.hashes) {
    const reply = await fetch(`${cas}/simulation/files/${hash}/data`)
    assert.equal(reply.status, 200, `file ${hash}: ${reply.status}`)
    const path = join(await mkdirIn(folder), hash)
    await writeFile(path, Buffer.from(await reply.arrayBuffer()))
    assert.equal(await sha256Of(path), sha256, `file ${hash} differs`)
  }
  return `${hub.hashes.size} files`
}

async function mkdirIn(folder: string): Promise<string> {
  const back = `${folder}-back`
  await mkdir(back, { recursive: true })
  return back
}

async function pullAll(stand: Stand, { hub, folder, names }: Sent): Promise<void> {
  const target = join(await stand.scratch(), 'down')
  mustEnd(await stand.xorbit(['pull', 'alice/foreign', '--local-dir', target], { endpoint: hub.url }), 'pull')
  for (const name of names) {
    assert.equal(await sha256Of(join(target, name)), await sha256Of(join(folder, name)), `${name} differs`)
  }
}

async function pullByVersion1(stand: Stand, sent: Sent): Promise<void> {
  const setConfig = (status: number) =>
    fetch(`${sent.cas}/simulation/set_config?config=disable_v2_endpoints&value=${status}`, { method: 'POST' })
  assert.equal((await setConfig(404)).status, 200)
  try {
    await pullAll(stand, sent)
  } finally {
    await setConfig(0)
  }
}

/** Another machine pushes the same: the CAS is asked for chunks, and only listings go up. */
async function pushAgain(stand: Stand, { hub, folder }: Sent): Promise<string> {
  const again = await stand.xorbit(['push', 'alice/foreign', folder], { endpoint: hub.url })
  mustEnd(again, 'the second push')
  const done = eventsOf(again.stdout).at(-1)
  const share = (done?.bytes?.sent ?? 0) / (done?.bytes?.total ?? 1)
  assert.ok(share < 0.02, `${(100 * share).toFixed(1)} % were sent again`)
  return `${(100 * share).toFixed(2)} % sent`
}

interface Event {
  readonly event: string
  readonly fileHash?: string | null
  readonly sha256?: string | null
  readonly bytes?: { readonly sent: number; readonly total: number }
}

function eventsOf(stdout: string): Event[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)
}
