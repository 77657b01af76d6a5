/**
 * What must hold of a world after a crash, whatever it left: a server starts on it; every fact is so; whatever a commit
 * of any ref reaches is there and git finds the repositories sound; both databases are sound; whatever the catalog names
 * is there, and it holds all that repositories reach; no temporary file is left; the same operation works and reads back,
 * and after a sweep a rebuild gives the very same catalog. Every breach is one line.
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
import { AppError } from '../../src/base/app-error.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { LargeFileList } from '../../src/hub/large-file-list.ts'
import type { FileHash } from '../../src/xet/hash.ts'
import { type CatalogDump, dumpCatalog } from '../care/catalog-dump.ts'
import { type Client, sha256 } from './client.ts'
import { type Fact, Facts, subjectOf } from './facts.ts'
import type { Scenario } from './scenarios.ts'
import { openPlace, withServer, withStand } from './stand.ts'

const run = promisify(execFile)
const NOBODY = new Facts().say()
const DATABASES = ['accounts.db', 'catalog.db']
const LEFTOVER =
  /(^|\/)(tmp|incoming-[^/]*)\/.|\.tmp$|\.lock$|(^|\/)(tmp_|\.tmp-)|fast_import_crash|\.(new|old)$|catalog\.db\.new/

export async function checkWorld(world: string, facts: readonly Fact[], scenario: Scenario): Promise<string[]> {
  const home = join(world, 'home')
  const losses: string[] = []
  const step = async (name: string, action: () => Promise<string[]>) => {
    try {
      losses.push(...(await action()).map((line) => `${name}: ${line}`))
    } catch (error) {
      losses.push(`${name}: ${wordsOf(error)}`)
    }
  }
  const done = new Facts(facts)
  const say = done.say()
  const serve = () =>
    withStand(home, { say }, async (stand) => {
      const place = { world, ...stand }
      await step('facts', () => checkFacts(place, facts))
      await step('catalog', () => checkCatalog(stand.parts))
      await step('repositories', () => checkRepositories(stand.parts))
      // A repository is cleaned when it is first opened.
      await step('leftovers', () => findLeftovers(home))
      await step('again', async () => {
        await scenario.run(openPlace({ world, say }, stand))
        // What a crash left attached and uncommitted, or deleted and not let go of, goes.
        await collectGarbage(stand.parts.store, { dryRun: false, now: false })
        return []
      })
      await step('facts afterwards', () => checkFacts(place, done.list()))
      return DATABASES.flatMap((name) => checkDatabase(join(home, name)))
    })
  // What a server does before it serves is what these are about.
  if (['nothing', 'first-layout'].includes(scenario.from)) await step('start', () => checkStart(home))
  await step('serve', serve)
  if (losses.length === 0) await step('rebuild', () => checkRebuild(home))
  return losses
}

async function checkStart(home: string): Promise<string[]> {
  await withServer(home, NOBODY, async (client) => {
    await client.ask('/api/whoami-v2', {})
  })
  return []
}

async function checkFacts(place: Place, facts: readonly Fact[]): Promise<string[]> {
  const losses: string[] = []
  for (const fact of facts) {
    const problem = await checkFact(place, fact).catch(wordsOf)
    if (problem !== null) losses.push(`${subjectOf(fact)}: ${problem}`)
  }
  return losses
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
    case 'user': {
      const { status, body } = await client.send('/api/whoami-v2')
      return status === 200 && body.includes(`"${fact.name}"`) ? null : `cannot sign in (${status})`
    }
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
  const gitDirs: string[] = []
  for (const id of accounts.repos.listIds()) {
    const record = accounts.repos.findById(id)
    if (record === null) continue
    const name = `${record.namespace}/${record.name}`
    gitDirs.push((await store.repositories.open(record)).gitDir)
    for (const large of await list.list(record)) {
      const problem = await checkStored(parts, large.sha256).catch(wordsOf)
      if (problem !== null) losses.push(`${name} ${large.path}: ${problem}`)
      const [hash] = await store.catalog.findIndex('sha256', large.sha256, 1)
      const holders = hash === undefined ? [] : await store.catalog.findHolders(`file:${hash}`, 100)
      if (!holders.includes(`repo:${id}`))
        losses.push(`${name} ${large.path}: the catalog does not say that it is held`)
    }
  }
  // One process starts them all: starting one from here costs more than what it does.
  const script =
    'for d; do git --git-dir="$d" -c core.multiPackIndex=false fsck --strict --full --no-dangling || exit; done'
  await run('/bin/sh', ['-c', script, 'fsck', ...gitDirs]).catch((error: Error) => losses.push(error.message))
  return losses
}

function checkDatabase(path: string): string[] {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const lines = [...db.prepare('PRAGMA integrity_check').all(), ...db.prepare('PRAGMA foreign_key_check').all()]
    return lines
      .map((row) => Object.values(row).join(' '))
      .filter((line) => line !== 'ok')
      .map((line) => `${path}: ${line}`)
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

/** Whatever the catalog says is there, is there: else a client that is told so loses what it does not send. */
async function checkCatalog({ store }: Composition): Promise<string[]> {
  const losses: string[] = []
  for await (const name of store.catalog.listKeys('xorb')) {
    if (!(await store.blobs.has({ kind: 'xorb', name }))) losses.push(`the catalog names xorb ${name}, which is lost`)
  }
  for await (const { key, value } of store.catalog.listRecords('sha256')) {
    const found = createHash('sha256')
    for await (const part of store.files.open(key as FileHash)) found.update(part)
    if (!found.digest().equals(value)) losses.push(`file ${key} has other bytes than the catalog says`)
  }
  return losses
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

function missing(wanted: CatalogDump, found: CatalogDump): string[] {
  const rows = (dump: CatalogDump) => [...dump.records, ...dump.references, ...dump.entries]
  const there = new Set(rows(found).map((row) => JSON.stringify(row)))
  return rows(wanted)
    .map((row) => JSON.stringify(row))
    .filter((row) => !there.has(row))
    .map((row) => row.slice(0, 200))
}

/** Where our own refusals come from is told by their code; anything else needs its place. */
function wordsOf(error: unknown): string {
  return error instanceof AppError ? `${error.code}: ${error.message}` : String((error as Error).stack ?? error)
}

async function joined(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return Buffer.concat(all)
}
