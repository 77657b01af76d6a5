/**
 * One cache for `hf` and `xorbit`: both at once, each after the other, with symbolic links and without; and one folder
 * whose notes huggingface_hub reads as its own. Who comes second fetches nothing.
 */
import assert from 'node:assert/strict'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from '../../farm/hub-process.ts'
import { ToxicProxy } from '../../farm/toxic-proxy.ts'
import type { Check } from '../check.ts'
import { type ClientOptions, mustEnd, type Stand, sha256Of } from '../stand.ts'
import { hub1, hub2 } from '../venvs.ts'

const MIB = 1 << 20
const REPO = 'alice/one-cache'
const SIZES = [100, 300_000, 3 * MIB, 40 * MIB] as const
/** Listings and heads of files, no file. */
const NOTHING_BYTES_MAX = 200_000
const ROUNDS = 3

interface Published {
  readonly folder: string
  readonly sha256: ReadonlyMap<string, string>
}

export function oneCacheChecks(stand: Stand): Check[] {
  let published: Published | null = null
  const publish = async () => {
    published ??= await publishAll(stand)
    return published
  }
  const noLinks = { HF_HUB_DISABLE_SYMLINKS: '1' }
  return [
    { name: 'one cache: hf and xorbit at once', run: async () => bothAtOnce(stand, await publish()) },
    { name: 'one cache: hf after xorbit fetches nothing', run: async () => hfSecond(stand, await publish(), {}) },
    { name: 'one cache: xorbit after hf fetches nothing', run: async () => xorbitSecond(stand, await publish(), {}) },
    {
      name: 'one cache: hf after xorbit, no symbolic links',
      run: async () => hfSecond(stand, await publish(), noLinks),
    },
    {
      name: 'one cache: xorbit after hf, no symbolic links',
      run: async () => xorbitSecond(stand, await publish(), noLinks),
    },
    { name: 'one cache: huggingface_hub 1.x reads it offline', run: async () => readByHub1(stand, await publish()) },
    {
      name: 'one folder: hf takes the notes of xorbit for its own',
      run: async () => oneFolder(stand, await publish()),
    },
  ]
}

async function publishAll(stand: Stand): Promise<Published> {
  const folder = join(await stand.scratch(), 'files')
  await mkdir(join(folder, 'sub'), { recursive: true })
  const sha256 = new Map<string, string>()
  for (const size of SIZES) {
    const name = `sub/f${size}.bin`
    await stand.randomFile(join(folder, name), size, `one cache ${size}`)
    sha256.set(name, await sha256Of(join(folder, name)))
  }
  await writeFile(join(folder, 'config.json'), '{"model_type":"none"}\n')
  sha256.set('config.json', await sha256Of(join(folder, 'config.json')))
  mustEnd(await stand.xorbit(['push', REPO, folder]), 'push')
  return { folder, sha256 }
}

async function assertWhole(root: string, { sha256 }: Published): Promise<void> {
  for (const [name, expected] of sha256) assert.equal(await sha256Of(join(root, name)), expected, `${name} differs`)
}

async function snapshotIn(home: string): Promise<string> {
  const snapshots = join(home, 'hf', 'hub', 'models--alice--one-cache', 'snapshots')
  const [commit = '', ...more] = await readdir(snapshots)
  assert.deepEqual(more, [])
  return join(snapshots, commit)
}

async function bothAtOnce(stand: Stand, published: Published): Promise<void> {
  const bin = await hub2('1.8.0')
  for (let round = 0; round < ROUNDS; round++) {
    const options = { home: await stand.scratch() }
    const [theirs, ours] = await Promise.all([
      stand.hf(bin, ['download', REPO], options),
      stand.xorbit(['pull', REPO], options),
    ])
    mustEnd(theirs, 'hf download')
    mustEnd(ours, 'pull')
    await assertWhole(await snapshotIn(options.home), published)
    await rm(options.home, { recursive: true })
  }
}

/** Runs `second` where `first` has been, through a proxy that counts what comes. */
async function fetchesNothing(
  stand: Stand,
  published: Published,
  env: NodeJS.ProcessEnv,
  order: readonly ['hf' | 'xorbit', 'hf' | 'xorbit'],
): Promise<string> {
  const bin = await hub2('1.8.0')
  const home = await stand.scratch()
  const run = (client: 'hf' | 'xorbit', options: ClientOptions) =>
    client === 'hf' ? stand.hf(bin, ['download', REPO], options) : stand.xorbit(['pull', REPO], options)
  mustEnd(await run(order[0], { home, env }), order[0])
  const proxy = await ToxicProxy.start(stand.hub.url)
  try {
    mustEnd(await run(order[1], { home, env, endpoint: proxy.url }), order[1])
    assert.ok(proxy.bytesDown < NOTHING_BYTES_MAX, `${order[1]} fetched ${proxy.bytesDown} bytes`)
    await assertWhole(await snapshotIn(home), published)
    return `${proxy.bytesDown} bytes came`
  } finally {
    await proxy.close()
  }
}

function hfSecond(stand: Stand, published: Published, env: NodeJS.ProcessEnv): Promise<string> {
  return fetchesNothing(stand, published, env, ['xorbit', 'hf'])
}

function xorbitSecond(stand: Stand, published: Published, env: NodeJS.ProcessEnv): Promise<string> {
  return fetchesNothing(stand, published, env, ['hf', 'xorbit'])
}

async function readByHub1(stand: Stand, published: Published): Promise<void> {
  const home = await stand.scratch()
  mustEnd(await stand.xorbit(['pull', REPO], { home }), 'pull')
  const read = await stand.hf(await hub1(), ['download', REPO], { home, env: { HF_HUB_OFFLINE: '1' } })
  mustEnd(read, 'hf download offline')
  await assertWhole(await snapshotIn(home), published)
}

const READ_NOTES = `
import sys
from pathlib import Path
from huggingface_hub._local_folder import read_download_metadata
for name in sys.argv[2:]:
    note = read_download_metadata(Path(sys.argv[1]), name)
    print(name, note.commit_hash, note.etag) if note else print(name, "none")
`

async function oneFolder(stand: Stand, published: Published): Promise<string> {
  const bin = await hub2('1.8.0')
  const target = join(await stand.scratch(), 'folder')
  mustEnd(await stand.xorbit(['pull', REPO, '--local-dir', target]), 'pull')
  const names = [...published.sha256.keys()]
  const notes = await runProgram(join(bin, 'python'), ['-c', READ_NOTES, target, ...names])
  mustEnd(notes, 'reading the notes')
  for (const name of names) assert.match(notes.stdout, new RegExp(`^${name} [0-9a-f]{40} [0-9a-f]{40,64}$`, 'm'))
  const proxy = await ToxicProxy.start(stand.hub.url)
  try {
    const again = await stand.hf(bin, ['download', REPO, '--local-dir', target], { endpoint: proxy.url })
    mustEnd(again, 'hf download')
    assert.ok(proxy.bytesDown < NOTHING_BYTES_MAX, `hf fetched ${proxy.bytesDown} bytes`)
    await assertWhole(target, published)
    return `${proxy.bytesDown} bytes came`
  } finally {
    await proxy.close()
  }
}
