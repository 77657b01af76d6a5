/** One Hugging Face cache, used by huggingface_hub and by xorbit: each sees, and removes, what the other made. */
import assert from 'node:assert/strict'
import { copyFile, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { cleanEnvironment, type Finished, runProgram, xorbit } from '../../farm/hub-process.ts'
import type { Check } from '../check.ts'
import { mustEnd, type Stand } from '../stand.ts'
import { hub2 } from '../venvs.ts'

const FILE_BYTES = 3 << 20
const ROUNDS = 8

export function cacheChecks(stand: Stand): Check[] {
  return [
    {
      name: 'one cache: hf and xorbit see the same, and what one removes the other misses',
      run: () => sameView(stand),
    },
    { name: 'one cache: hf downloads while xorbit removes, and the other way round', run: () => atOnce(stand) },
  ]
}

async function prepare(stand: Stand, owner: string): Promise<void> {
  const shared = await stand.scratch()
  await stand.randomFile(join(shared, 'shared.bin'), FILE_BYTES, 'shared by two')
  for (const name of ['one', 'two']) {
    const folder = await stand.scratch()
    await copyFile(join(shared, 'shared.bin'), join(folder, 'shared.bin'))
    await stand.randomFile(join(folder, 'own.bin'), FILE_BYTES, `own of ${name}`)
    mustEnd(await ours(stand, folder, ['push', `alice/${owner}-${name}`, folder]), 'push')
  }
}

/** The xorbit command with the cache of `home`, as `stand.hf` uses it. */
function ours(stand: Stand, home: string, words: readonly string[]) {
  return xorbit(home, words, { env: { HF_ENDPOINT: stand.hub.url, HF_TOKEN: stand.alice } })
}

function ended(finished: Finished, what: string): Finished {
  mustEnd(finished, what)
  return finished
}

async function compareViews(stand: Stand, bin: string, home: string) {
  const script = [
    'import json; from huggingface_hub import scan_cache_dir; info = scan_cache_dir()',
    'print(json.dumps({"size": info.size_on_disk, "warnings": [str(w) for w in info.warnings],',
    '"repos": {r.repo_id: sorted(v.commit_hash for v in r.revisions) for r in info.repos}}))',
  ].join('\n')
  const { stdout } = ended(
    await runProgram(join(bin, 'python'), ['-c', script], { env: cleanEnvironment(home) }),
    'scan_cache_dir',
  )
  const theirs = JSON.parse(stdout) as { size: number; warnings: string[]; repos: Record<string, string[]> }
  const { stdout: lines } = ended(await ours(stand, home, ['cache', 'ls', '--revisions', '--json']), 'cache ls')
  const events = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const repos: Record<string, string[]> = {}
  for (const { event, repo, commit } of events) {
    if (event === 'revision') repos[String(repo)] = [...(repos[String(repo)] ?? []), String(commit)].sort()
  }
  return { theirs, repos, diskBytes: Number(events.at(-1)?.diskBytes) }
}

async function sameView(stand: Stand): Promise<string> {
  const bin = await hub2('1.8.0')
  const home = await stand.scratch()
  await prepare(stand, 'view')
  mustEnd(await stand.hf(bin, ['download', 'alice/view-one'], { home }), 'hf download')
  mustEnd(await ours(stand, home, ['pull', 'alice/view-two']), 'xorbit pull')
  const both = await compareViews(stand, bin, home)
  assert.deepEqual(both.theirs.warnings, [])
  assert.deepEqual(both.repos, both.theirs.repos)
  assert.ok(both.theirs.size < 3.5 * FILE_BYTES, 'the shared file lies there once')
  assert.ok(Math.abs(both.diskBytes - both.theirs.size) < 64 * 1024)
  mustEnd(await ours(stand, home, ['cache', 'verify']), 'cache verify of what both made')

  mustEnd(await ours(stand, home, ['cache', 'rm', 'alice/view-one', '--yes']), 'cache rm')
  const one = await compareViews(stand, bin, home)
  assert.deepEqual([Object.keys(one.theirs.repos), one.theirs.warnings], [['alice/view-two'], []])
  assert.ok(one.theirs.size < 2.5 * FILE_BYTES)
  mustEnd(await stand.hf(bin, ['cache', 'verify', 'alice/view-two'], { home }), 'hf cache verify')

  mustEnd(await stand.hf(bin, ['cache', 'rm', 'model/alice/view-two', '--yes'], { home }), 'hf cache rm')
  const none = await compareViews(stand, bin, home)
  assert.deepEqual([none.theirs.repos, none.repos], [{}, {}])
  assert.ok(none.diskBytes < 64 * 1024, `${none.diskBytes} bytes are left`)
  return `${both.theirs.size} bytes on disk, ${both.diskBytes} by our count`
}

/** The repository that stays is whole after each round, whoever removed and fetched beside it. */
async function atOnce(stand: Stand): Promise<string> {
  const bin = await hub2('1.8.0')
  const home = await stand.scratch()
  await prepare(stand, 'race')
  mustEnd(await stand.hf(bin, ['download', 'alice/race-one'], { home }), 'hf download')
  for (let round = 0; round < ROUNDS; round++) {
    const isOurs = round % 2 === 0
    const remove = isOurs
      ? ours(stand, home, ['cache', 'rm', 'alice/race-one', '--yes'])
      : stand.hf(bin, ['cache', 'rm', 'model/alice/race-one', '--yes'], { home })
    const fetch = isOurs
      ? stand.hf(bin, ['download', 'alice/race-two'], { home })
      : ours(stand, home, ['pull', 'alice/race-two'])
    const [removed, fetched] = await Promise.all([remove, fetch])
    mustEnd(removed, `round ${round}: remove`)
    mustEnd(fetched, `round ${round}: fetch`)
    mustEnd(await ours(stand, home, ['cache', 'verify', 'alice/race-two']), `round ${round}: verify`)
    const cache = join(home, 'hf', 'hub')
    const blobs = join(cache, 'models--alice--race-two', 'blobs')
    for (const name of await readdir(blobs)) assert.ok((await stat(join(blobs, name))).isFile())
    await checkLists(cache)
    mustEnd(await ours(stand, home, ['cache', 'rm', 'alice/race-two', '--yes']), 'cache rm')
    mustEnd(await ours(stand, home, ['pull', 'alice/race-one']), 'xorbit pull')
  }
  return `${ROUNDS} rounds`
}

/** Every link into the shared store is on the list of what it leads to. */
async function checkLists(cache: string): Promise<void> {
  const folder = join(cache, 'models--alice--race-two', 'blobs')
  const store = join(cache, 'blobs')
  const lists = new Map<string, string>()
  for (const prefix of await readdir(store)) {
    if (prefix.length !== 2) continue
    for (const name of await readdir(join(store, prefix))) {
      if (name.endsWith('.refs')) lists.set(name, await readFile(join(store, prefix, name), 'utf8'))
    }
  }
  const listed = [...lists.values()].join('')
  for (const name of await readdir(folder)) {
    if ((await stat(join(folder, name))).size < FILE_BYTES) continue
    assert.ok(listed.includes(`models--alice--race-two/blobs/${name}`), `${name} is on no list`)
  }
}
