/**
 * The Rust client of the Hub: its newest version, which speaks Xet, and the one before 1.0, which speaks plain HTTP. Both
 * download small files and large ones, of a public repository without a token and of a private one with it alone.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cleanEnvironment, type Finished, runProgram } from '../../farm/hub-process.ts'
import type { Check } from '../check.ts'
import { rustClients } from '../rust-clients.ts'
import { mustEnd, type Stand, sha256Of } from '../stand.ts'

const MODEL_BYTES = 20 << 20
const PART = [1_000_000, 1_000_100] as const
/** As hf-hub's caches name repositories. */
const REPOS = { open: 'crate-open', closed: 'crate-closed' } as const

interface Files {
  readonly folder: string
  readonly names: readonly string[]
}

export function crateChecks(stand: Stand): Check[] {
  let files: Files | null = null
  const publish = async () => {
    files ??= await publishAll(stand)
    return files
  }
  return [
    { name: 'hf-hub crate: is built', run: async () => Object.keys(await rustClients()).join(', ') },
    ...([1, 0] as const).flatMap((version) => [
      {
        name: `hf-hub crate ${version}.x downloads a public repository without a token`,
        run: async () => download(stand, version, { repo: REPOS.open, token: '', files: await publish() }),
      },
      {
        name: `hf-hub crate ${version}.x downloads a private repository with a token`,
        run: async () => download(stand, version, { repo: REPOS.closed, token: stand.alice, files: await publish() }),
      },
      {
        name: `hf-hub crate ${version}.x gets nothing of a private repository without one, or with another's`,
        run: async () => refuse(stand, version, await publish()),
      },
    ]),
  ]
}

/** Small files that git keeps, one that comes as a large file, names that need escaping. */
async function publishAll(stand: Stand): Promise<Files> {
  const folder = join(await stand.scratch(), 'files')
  const names = ['config.json', 'sub folder/é.txt', 'model.bin', 'empty.txt']
  await mkdir(join(folder, 'sub folder'), { recursive: true })
  await writeFile(join(folder, 'config.json'), '{"model_type":"none"}\n')
  await writeFile(join(folder, 'sub folder/é.txt'), 'é\n'.repeat(1000))
  await writeFile(join(folder, 'empty.txt'), '')
  await stand.randomFile(join(folder, 'model.bin'), MODEL_BYTES, 'crate')
  mustEnd(await stand.xorbit(['push', `alice/${REPOS.open}`, folder]), 'push')
  mustEnd(await stand.xorbit(['push', `alice/${REPOS.closed}`, folder, '--private']), 'push --private')
  return { folder, names }
}

interface Wanted {
  readonly repo: string
  readonly token: string
  readonly files: Files
}

async function download(stand: Stand, version: 0 | 1, { repo, token, files }: Wanted): Promise<string> {
  const before = await reconstructionCount(stand)
  const ended = await run(stand, version, { repo, token, files })
  mustEnd(ended, `hf-hub ${version}.x`)
  for (const got of await filesGot(ended, version, files)) {
    for (const name of namesFor(version, files)) {
      const [actual, expected] = [await sha256Of(join(got, name)), await sha256Of(join(files.folder, name))]
      assert.equal(actual, expected, `${name} differs`)
    }
  }
  const asked = (await reconstructionCount(stand)) - before
  if (version === 0) assert.equal(asked, 0, 'the plain client spoke Xet')
  else assert.ok(asked > 0, 'the newest client did not speak Xet')
  return version === 0 ? 'plain HTTP' : `Xet, ${asked} reconstructions`
}

/** hf-hub 0.5 puts names into addresses as they are. */
function namesFor(version: 0 | 1, { names }: Files): readonly string[] {
  return version === 0 ? names.filter((name) => /^[\w.-]+$/.test(name)) : names
}

/** The folders that hold what was downloaded. */
async function filesGot({ stdout, folder }: Ended, version: 0 | 1, files: Files): Promise<string[]> {
  const [first = ''] = stdout.trim().split('\n')
  if (version === 0) return [dirname(first)]
  const content = await readFile(join(files.folder, 'model.bin'))
  assert.deepEqual(await readFile(`${folder}.part`), content.subarray(...PART), 'the part differs')
  return [first, folder]
}

type Ended = Finished & { readonly folder: string }

async function run(stand: Stand, version: 0 | 1, { repo, token, files }: Wanted): Promise<Ended> {
  const { newest, plain } = await rustClients()
  const home = await stand.scratch()
  const folder = join(home, 'down')
  const env = cleanEnvironment(home, { HF_ENDPOINT: stand.hub.url, ...(token === '' ? {} : { HF_TOKEN: token }) })
  const [file, rest] = version === 1 ? [newest, [folder]] : [plain, namesFor(0, files)]
  return { ...(await runProgram(file, ['alice', repo, ...rest], { env, timeoutMs: 120_000 })), folder }
}

async function refuse(stand: Stand, version: 0 | 1, files: Files): Promise<void> {
  for (const [token, status] of [
    ['', 401],
    [stand.bob, 404],
  ] as const) {
    const { code, stderr, stdout } = await run(stand, version, { repo: REPOS.closed, token, files })
    assert.notEqual(code, 0, stdout)
    assert.match(stderr, status === 404 ? /404|RepoNotFound|not ?found/i : /401|AuthRequired|unauthorized/i)
  }
}

/** How often anybody asked how a file is made of xorbs. */
async function reconstructionCount(stand: Stand): Promise<number> {
  const { body } = await stand.send('/metrics', { token: stand.hub.adminToken })
  const lines = body.toString().match(/^xorbit_http_requests_total\{[^}]*reconstructions[^}]*\} \d+$/gm) ?? []
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}
