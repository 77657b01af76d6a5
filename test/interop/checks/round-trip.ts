/**
 * hf_xet of three versions and `xorbit`, each writing what the other reads: byte-identical, with the same file hash and
 * SHA-256; and a second upload of a large file sends only what changed, counted on the wire.
 */
import assert from 'node:assert/strict'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT, runProgram } from '../../farm/hub-process.ts'
import { ToxicProxy } from '../../farm/toxic-proxy.ts'
import type { Check } from '../check.ts'
import { mustEnd, type Stand, sha256Of } from '../stand.ts'
import { HF_XET_VERSIONS, type HfXetVersion, hub2 } from '../venvs.ts'

const MIB = 1 << 20
const SMALL: readonly number[] = [0, 1, 8191, 8192]
const MIDDLE = 70 * MIB
const LARGE = 600 * MIB
const CHANGED_SHARE_MAX = 0.02

interface Files {
  readonly folder: string
  readonly sha256: ReadonlyMap<string, string>
}

async function makeFiles(stand: Stand, seed: string, sizes: readonly number[]): Promise<Files> {
  const folder = join(await stand.scratch(), 'files')
  await mkdir(folder)
  const sha256 = new Map<string, string>()
  for (const size of sizes) {
    const name = `f${size}.bin`
    await stand.randomFile(join(folder, name), size, `${seed} ${size}`)
    sha256.set(name, await sha256Of(join(folder, name)))
  }
  return { folder, sha256 }
}

async function assertSame(folder: string, { sha256 }: Files): Promise<void> {
  for (const [name, expected] of sha256) assert.equal(await sha256Of(join(folder, name)), expected, `${name} differs`)
}

/** What the Hub says of each file is what `xorbit xet hash` finds in it. */
async function assertHashes(stand: Stand, repo: string, files: Files): Promise<void> {
  const tree = await stand.tree(repo)
  const paths = [...files.sha256.keys()].map((name) => join(files.folder, name))
  const hashed = await stand.xorbit(['xet', 'hash', ...paths])
  mustEnd(hashed, 'xet hash')
  const events = hashed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; path: string; fileHash: string; sha256: string })
  for (const { event, path, fileHash, sha256 } of events) {
    if (event !== 'file') continue
    const name = path.slice(path.lastIndexOf('/') + 1)
    const entry = tree.get(name)
    assert.ok(entry, `${name} is not in the tree`)
    assert.equal(sha256, files.sha256.get(name))
    if (entry.size === 0) continue
    assert.equal(entry.xetHash, fileHash, `file hash of ${name}`)
    assert.equal(entry.lfs?.oid, sha256, `sha256 of ${name}`)
  }
}

export function roundTripChecks(stand: Stand, full: boolean): Check[] {
  return [
    ...HF_XET_VERSIONS.flatMap((version) => versionChecks(stand, version, full || version === '1.8.0')),
    { name: 'second upload sends under 2 %', run: () => countChanged(stand) },
  ]
}

function versionChecks(stand: Stand, version: HfXetVersion, large: boolean): Check[] {
  const sizes = [...SMALL, MIDDLE, ...(large ? [LARGE] : [])]
  const theirs = `alice/by-hf-${version}`
  const ours = `alice/by-xorbit-${version}`
  let files: Files | null = null
  const input = async () => {
    files ??= await makeFiles(stand, version, sizes)
    return files
  }
  return [
    {
      name: `hf_xet ${version} uploads`,
      run: async () => {
        const { folder } = await input()
        mustEnd(await stand.hf(await hub2(version), ['upload', theirs, folder, '.']), 'hf upload')
        await assertHashes(stand, theirs, await input())
      },
    },
    {
      name: `hf_xet ${version} downloads its own`,
      run: async () => downloadByHf(stand, version, theirs, await input()),
    },
    { name: `xorbit pulls what hf_xet ${version} sent`, run: async () => pullByXorbit(stand, theirs, await input()) },
    {
      name: `xorbit pushes for hf_xet ${version}`,
      run: async () => {
        const files = await makeFiles(stand, `xorbit ${version}`, sizes)
        mustEnd(await stand.xorbit(['push', ours, files.folder]), 'push')
        await assertHashes(stand, ours, files)
        await downloadByHf(stand, version, ours, files)
      },
    },
    { name: `hf_xet ${version} without a Hub`, run: () => withoutHub(stand, version) },
  ]
}

async function downloadByHf(stand: Stand, version: HfXetVersion, repo: string, files: Files): Promise<void> {
  const target = join(await stand.scratch(), 'down')
  mustEnd(await stand.hf(await hub2(version), ['download', repo, '--local-dir', target]), 'hf download')
  await assertSame(target, files)
}

async function pullByXorbit(stand: Stand, repo: string, files: Files): Promise<void> {
  const target = join(await stand.scratch(), 'down')
  mustEnd(await stand.xorbit(['pull', repo, '--local-dir', target]), 'pull')
  await assertSame(target, files)
}

/** Straight to the CAS, also a file of no bytes, which the Hub would keep in git. */
async function withoutHub(stand: Stand, version: HfXetVersion): Promise<void> {
  const create = { name: `cas-${version}`, organization: 'alice', type: 'model' }
  await stand.send('/api/repos/create', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: create,
  })
  const token = (await stand.send(`/api/models/alice/cas-${version}/xet-write-token/main`)).json() as {
    casUrl: string
    accessToken: string
  }
  const script = join(ROOT, 'test', 'interop', 'peers', 'hf_xet_roundtrip.py')
  const scratch = await stand.scratch()
  const python = join(await hub2(version), 'python')
  const env = { ...process.env, TOKEN: token.accessToken }
  mustEnd(
    await runProgram(python, [script, token.casUrl, scratch, '8'], { env, timeoutMs: 180_000 }),
    'hf_xet_roundtrip.py',
  )
}

async function countChanged(stand: Stand): Promise<string> {
  const bin = await hub2('1.8.0')
  const folder = join(await stand.scratch(), 'files')
  const path = join(folder, 'large.bin')
  await stand.randomFile(path, LARGE, 'count')
  mustEnd(await stand.hf(bin, ['upload', 'alice/count', folder, '.']), 'first upload')
  const changed = join(await stand.scratch(), 'changed.bin')
  await stand.randomFile(changed, MIB, 'changed')
  const file = await open(path, 'r+')
  const piece = await open(changed, 'r')
  const { buffer } = await piece.read(Buffer.alloc(MIB), 0, MIB, 0)
  await file.write(buffer, 0, MIB, LARGE / 2)
  await piece.close()
  await file.close()
  const proxy = await ToxicProxy.start(stand.hub.url)
  try {
    // A fresh home is a fresh cache: only the server can know what is there.
    mustEnd(await stand.hf(bin, ['upload', 'alice/count', folder, '.'], { endpoint: proxy.url }), 'second upload')
    const share = proxy.bytesUp / LARGE
    const target = join(await stand.scratch(), 'down')
    mustEnd(await stand.xorbit(['pull', 'alice/count', '--local-dir', target]), 'pull')
    assert.equal(await sha256Of(join(target, 'large.bin')), await sha256Of(path))
    assert.ok(share < CHANGED_SHARE_MAX, `sent ${(100 * share).toFixed(2)} %`)
    return `${(100 * share).toFixed(2)} % sent`
  } finally {
    await proxy.close()
  }
}
