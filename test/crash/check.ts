/**
 * What must hold of a world after a crash, whatever it left: a server starts on it; every fact is so; whatever a commit
 * of any ref reaches is there and git finds the repositories sound; both databases are sound; the catalog says nothing
 * that a rebuild would not find, and holds all that repositories reach; no temporary file is left; the same operation
 * works, and afterwards a rebuild gives the very same catalog. Every breach is one line.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { collectGarbage } from '../../src/actions/gc.ts'
import { rebuildCatalog } from '../../src/actions/rebuild.ts'
import { restoreHome } from '../../src/actions/restore.ts'
import type { Composition } from '../../src/app/compose.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { LargeFileList } from '../../src/hub/large-file-list.ts'
import type { FileHash } from '../../src/xet/hash.ts'
import { type CatalogDump, dumpCatalog } from '../care/catalog-dump.ts'
import { type Client, sha256 } from './client.ts'
import { type Fact, Facts, subjectOf } from './facts.ts'
import { copyTree } from './lay-out.ts'
import type { Scenario } from './scenarios.ts'
import { withServer, withStand } from './stand.ts'

const run = promisify(execFile)
const NOBODY = new Facts().say()
const LEFTOVER = /(^|\/)(tmp|incoming-[^/]*)\/.|\.tmp$|\.lock$|(^|\/)(tmp_|\.tmp-)|fast_import_crash|\.(new|old)$|catalog\.db\.new/

export async function checkWorld(world: string, facts: readonly Fact[], scenario: Scenario): Promise<string[]> {
  const home = join(world, 'home')
  const losses: string[] = []
  const step = async (name: string, action: () => Promise<string[]>) => {
    try {
      losses.push(...(await action()).map((line) => `${name}: ${line}`))
    } catch (error) {
      losses.push(`${name}: ${(error as Error).stack ?? error}`)
    }
  }
  await step('start', () => checkStart(home))
  if (losses.length > 0) return losses
  await step('after the crash', () => checkServed(world, facts))
  await step('leftovers', () => findLeftovers(home))
  await step('catalog', () => checkCatalog(world))
  const done = new Facts(facts)
  await step('again', async () => {
    await scenario.run(world, done.say())
    return []
  })
  await step('after doing it again', () => checkServed(world, done.list(), { sweeps: true }))
  await step('rebuild', () => checkRebuild(home))
  await step('at the end', () => checkServed(world, done.list()))
  return losses
}

async function checkStart(home: string): Promise<string[]> {
  await withServer(home, NOBODY, async (client) => {
    await client.ask('/api/whoami-v2', {})
  })
  return []
}

async function checkServed(world: string, facts: readonly Fact[], { sweeps = false } = {}): Promise<string[]> {
  return withStand(join(world, 'home'), { say: NOBODY }, async ({ client, parts }) => {
    if (sweeps) await collectGarbage(parts.store, { dryRun: false, now: false })
    const losses: string[] = []
    for (const fact of facts) {
      const problem = await checkFact({ world, client, parts }, fact)
      if (problem !== null) losses.push(`${subjectOf(fact)}: ${problem}`)
    }
    losses.push(...(await checkRepositories(parts)))
    for (const name of ['accounts.db', 'catalog.db']) losses.push(...checkDatabase(join(world, 'home', name)))
    return losses
  })
}

interface Place {
  readonly world: string
  readonly client: Client
  readonly parts: Composition
}

/** Null when it is so. */
async function checkFact({ world, client, parts }: Place, fact: Fact): Promise<string | null> {
  switch (fact.is) {
    case 'file': {
      const { status, body } = await client.send(fact.url)
      return status === 200 && sha256(body) === fact.sha256 ? null : `gives ${status} and ${body.length} other bytes`
    }
    case 'gone': {
      const { status } = await client.send(fact.url)
      return status === 404 ? null : `gives ${status} and was deleted`
    }
    case 'commit': {
      const { status, body } = await client.send(`/api/models/${fact.repo}/commits/${fact.revision}`)
      return status === 200 && body.includes(fact.oid) ? null : `is not in the history (${status})`
    }
    case 'ref': {
      const { status, body } = await client.send(`/api/models/${fact.repo}/refs`)
      return status === 200 && body.includes(`"${fact.name}"`) ? null : `is not listed (${status})`
    }
    case 'xorb': {
      const bytes = await joined(parts.store.blobs.open({ kind: 'xorb', name: fact.hash }))
      const isKnown = (await parts.store.catalog.findRecord('xorb', fact.hash)) !== null
      return isKnown && sha256(bytes) === fact.sha256 ? null : 'is not as it was sent'
    }
    case 'stored':
      return checkStored(parts, fact.sha256)
    case 'backup': {
      const home = join(world, `restored-${fact.folder}`)
      await rm(home, { recursive: true, force: true })
      await restoreHome({ folder: join(world, fact.folder), home, clock: systemClock })
      return withStand(home, { say: NOBODY }, async (stand) => (await checkRepositories(stand.parts))[0] ?? null)
    }
  }
}

async function checkStored({ store }: Composition, digest: string): Promise<string | null> {
  const [hash] = await store.catalog.findIndex('sha256', digest, 1)
  if (hash === undefined) return 'is not known to the catalog'
  const found = createHash('sha256')
  for await (const part of store.files.open(hash as FileHash)) found.update(part)
  return found.digest('hex') === digest ? null : 'has other bytes'
}

/** Also what was not acknowledged is whole: git's objects, and every large file that any commit names. */
async function checkRepositories(parts: Composition): Promise<string[]> {
  const { accounts, store } = parts
  const losses: string[] = []
  const list = new LargeFileList(store.repositories)
  for (const id of accounts.repos.listIds()) {
    const record = accounts.repos.findById(id)
    if (record === null) continue
    const name = `${record.namespace}/${record.name}`
    const { gitDir } = await store.repositories.open(record)
    const fsck = ['-c', 'safe.directory=*', `--git-dir=${gitDir}`, 'fsck', '--strict', '--full', '--no-dangling']
    await run('git', fsck).catch((error: { stderr: string }) => losses.push(`git fsck of ${name}: ${error.stderr}`))
    for (const large of await list.list(record)) {
      const problem = await checkStored(parts, large.sha256).catch(String)
      if (problem !== null) losses.push(`${name} ${large.path}: ${problem}`)
      const [hash] = await store.catalog.findIndex('sha256', large.sha256, 1)
      const holders = hash === undefined ? [] : await store.catalog.findHolders(`file:${hash}`, 100)
      if (!holders.includes(`repo:${id}`)) losses.push(`${name} ${large.path}: the catalog does not say that it is held`)
    }
  }
  return losses
}

function checkDatabase(path: string): string[] {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const lines = [...db.prepare('PRAGMA integrity_check').all(), ...db.prepare('PRAGMA foreign_key_check').all()]
    return lines.map((row) => Object.values(row).join(' ')).filter((line) => line !== 'ok').map((line) => `${path}: ${line}`)
  } finally {
    db.close()
  }
}

async function findLeftovers(home: string): Promise<string[]> {
  const names = await readdir(home, { recursive: true, withFileTypes: true })
  const files = names.filter((entry) => !entry.isDirectory())
  const paths = files.map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1))
  return paths.filter((path) => LEFTOVER.test(path)).map((path) => `${path} is left`)
}

/** Nothing stands in the catalog that is not derived from blobs and repositories, but what a repository held before. */
async function checkCatalog(world: string): Promise<string[]> {
  const live = dumpCatalog(join(world, 'home', 'catalog.db'))
  const copy = join(world, 'rebuilt')
  await copyTree(join(world, 'home'), copy)
  const { problems } = await rebuildCatalog({ home: copy, clock: systemClock, log: silentLog })
  const made = dumpCatalog(join(copy, 'catalog.db'))
  await rm(copy, { recursive: true })
  const isHeld = (row: unknown) => String((row as { source?: unknown }).source ?? '').startsWith('repo:')
  return [
    ...problems,
    ...missing(live, made, (row) => !isHeld(row)).map((row) => `a rebuild does not find ${row}`),
    ...missing(made, live, isHeld).map((row) => `the catalog lacks ${row}`),
  ]
}

async function checkRebuild(home: string): Promise<string[]> {
  const path = join(home, 'catalog.db')
  const live = dumpCatalog(path)
  const { problems } = await rebuildCatalog({ home, clock: systemClock, log: silentLog })
  const made = dumpCatalog(path)
  return [
    ...problems,
    ...missing(live, made).map((row) => `is lost: ${row}`),
    ...missing(made, live).map((row) => `is new: ${row}`),
  ]
}

function missing(wanted: CatalogDump, found: CatalogDump, isAsked: (row: unknown) => boolean = () => true): string[] {
  const rows = (dump: CatalogDump) => [...dump.records, ...dump.references, ...dump.entries].filter(isAsked)
  const there = new Set(rows(found).map((row) => JSON.stringify(row)))
  return rows(wanted)
    .map((row) => JSON.stringify(row))
    .filter((row) => !there.has(row))
    .map((row) => row.slice(0, 200))
}

async function joined(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return Buffer.concat(all)
}
