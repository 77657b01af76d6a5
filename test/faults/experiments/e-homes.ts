/** Group E: homes whose catalog is gone, damaged, of another version, or half migrated; and single rows that make no sense. */
import assert from 'node:assert/strict'
import { cp, open, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { dumpCatalog } from '../../care/catalog-dump.ts'
import { send } from '../../farm/http-send.ts'
import { HubProcess, xorbit } from '../../farm/hub-process.ts'
import { FILES, GOLDEN, TOKEN } from '../../vectors/golden-home.ts'
import type { Experiments } from '../experiment.ts'
import { seededChunks } from '../forge.ts'
import { assertRefused, type Lab, type Published } from '../lab.ts'

export const HOME_EXPERIMENTS: Experiments = {
  E31: rebuildsCatalog,
  E32: refusesNewerResumesOlder,
  E33: skipsOneBad,
  async O6(lab) {
    const hub = await goldenHub(lab)
    await hub.start()
    await serveGolden(hub)
    // Opened once it has the newest version: that is opened too.
    await hub.stop()
    await hub.start()
    await serveGolden(hub)
    await hub.stop()
  },
}

function publish(lab: Lab, repo: string): Promise<Published> {
  return lab.publish(repo, 'model.bin', seededChunks(lab.next(), [40_000, 50_000]))
}

async function assertServed(lab: Lab, files: readonly Published[]): Promise<void> {
  for (const { repo, path, content } of files) {
    const reply = await lab.send(`/${repo}/resolve/main/${path}`, { token: lab.alice })
    assert.ok(reply.body.equals(content), `${repo}: ${reply.status}`)
  }
}

function serve(lab: Lab, home: string) {
  return xorbit(lab.folder, ['serve', '--port', '0', '--home', home, '--json'], { timeoutMs: 20_000 })
}

async function overwrite(path: string, position: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.write(bytes, 0, bytes.length, position)
  } finally {
    await file.close()
  }
}

/** E31: without a sound catalog nothing is served, and nothing is lost: it is made anew as it was. */
async function rebuildsCatalog(lab: Lab): Promise<void> {
  await lab.withAnother({}, async (own) => {
    const files = [
      await publish(own, await own.freshRepo()),
      await publish(own, await own.freshRepo({ private: true })),
    ]
    const { home } = own.hub
    const catalog = join(home, 'catalog.db')
    await own.hub.stop()
    const before = dumpCatalog(catalog)
    const harms: Readonly<Record<string, () => Promise<void>>> = {
      CATALOG_MISSING: () => rm(catalog),
      CATALOG_DAMAGED: () => overwrite(catalog, 0, Buffer.alloc(100, 7)),
    }
    for (const [code, harm] of Object.entries(harms)) {
      await harm()
      const refused = await serve(own, home)
      assert.equal(refused.code, 13, refused.stdout + refused.stderr)
      assert.match(refused.stdout, new RegExp(`${code}.*rebuild`))
      const rebuilt = await own.run(['rebuild', '--home', home, '--json'])
      assert.equal(rebuilt.code, 0, rebuilt.stdout + rebuilt.stderr)
      assert.match(rebuilt.stdout, /"problems":0/)
      assert.deepEqual(dumpCatalog(catalog), before)
      await own.hub.start()
      await assertServed(own, files)
      await own.hub.stop()
    }
    // Damage further in is met by whoever asks: an answer of failure, and no write on top of it.
    const pages = new DatabaseSync(catalog)
    const root = Number(pages.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'records'").get()?.rootpage)
    const { page_size: size } = pages.prepare('PRAGMA page_size').get() as { page_size: number }
    pages.close()
    await overwrite(catalog, (root - 1) * size, Buffer.alloc(size, 7))
    await own.hub.start()
    await assert.rejects(publish(own, files[0]?.repo as string), /: \{.*(DATABASE_DAMAGED|error)/)
    assertRefused(await own.send(`/${files[0]?.repo}/resolve/main/model.bin`, { token: own.alice }), [500, 503])
    await own.hub.stop()
    const again = await own.run(['rebuild', '--home', home, '--json'])
    assert.equal(again.code, 0, again.stdout + again.stderr)
    assert.deepEqual(dumpCatalog(catalog).references, before.references)
    await own.hub.start()
    await assertServed(own, files)
  })
}

async function goldenHub(lab: Lab, before: readonly string[] = []): Promise<HubProcess> {
  const hub = new HubProcess(await lab.scratch(), { before })
  await cp(GOLDEN, hub.home, { recursive: true })
  return hub
}

async function serveGolden(hub: HubProcess): Promise<void> {
  for (const [path, content] of Object.entries(FILES)) {
    const reply = await send(hub.url, `/${path}`, { token: TOKEN })
    assert.ok(reply.body.equals(content), `${path}: ${reply.status}`)
  }
}

function versionOf(path: string, version?: number): number {
  const db = new DatabaseSync(path)
  try {
    if (version !== undefined) db.exec(`PRAGMA user_version = ${version}`)
    return Number(db.prepare('PRAGMA user_version').get()?.user_version)
  } finally {
    db.close()
  }
}

/** E32: what a newer program wrote is left alone; a migration that is killed anywhere is done again. */
async function refusesNewerResumesOlder(lab: Lab): Promise<string> {
  for (const name of ['catalog.db', 'accounts.db']) {
    const hub = await goldenHub(lab)
    versionOf(join(hub.home, name), 999)
    const refused = await serve(lab, hub.home)
    assert.equal(refused.code, 20, refused.stdout + refused.stderr)
    assert.match(refused.stdout, /DATABASE_NEWER.*999/)
    assert.equal(versionOf(join(hub.home, name)), 999)
  }
  const layout = await goldenHub(lab)
  await writeFile(join(layout.home, 'layout-version'), '999\n')
  const refused = await serve(lab, layout.home)
  assert.equal(refused.code, 2, refused.stdout + refused.stderr)
  assert.match(refused.stdout, /LAYOUT_UNKNOWN/)
  let killed = 0
  let halfWay = 0
  for (const [call, places] of [
    ['pwrite64', [40, 90]],
    ['fsync', [3, 7]],
  ] as const) {
    for (const nth of places) {
      const inject = `inject=${call}:signal=SIGKILL:when=${nth}`
      const before = ['strace', '-D', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject]
      const hub = await goldenHub(lab, before)
      const begun = await hub.start().then(
        () => true,
        () => false,
      )
      await hub.stop('SIGKILL')
      if (begun) continue
      killed++
      const version = versionOf(join(await copyOf(lab, hub.home), 'accounts.db'))
      if (version > 1) halfWay++
      const next = new HubProcess(hub.folder)
      await next.start()
      await serveGolden(next)
      await next.stop()
    }
  }
  assert.ok(killed > 2, `only ${killed} starts were killed`)
  return `${killed} starts killed, ${halfWay} between two versions`
}

/** To look at a database without changing it. */
async function copyOf(lab: Lab, home: string): Promise<string> {
  const folder = join(await lab.scratch(), 'copy')
  await cp(home, folder, { recursive: true })
  return folder
}

/** E33: one repository, one row and one shard that make no sense; the others are listed, read and rebuilt. */
async function skipsOneBad(lab: Lab): Promise<void> {
  await lab.withAnother({}, async (own) => {
    const bad = await publish(own, await own.freshRepo())
    const good = [await publish(own, await own.freshRepo()), await publish(own, await own.freshRepo())]
    const row = await publish(own, await own.freshRepo())
    const { home } = own.hub
    await own.hub.stop()
    const db = new DatabaseSync(join(home, 'catalog.db'))
    const changed = db
      .prepare("UPDATE records SET value = ? WHERE kind = 'file' AND key = ?")
      .run(Buffer.from('?'), row.fileHash)
    db.close()
    assert.equal(changed.changes, 1)
    const git = join(home, 'repos', 'models', `${bad.repo}.git`)
    for (const name of await readdir(join(git, 'objects'), { recursive: true, withFileTypes: true })) {
      if (name.isFile()) await writeFile(join(name.parentPath, name.name), 'garbage')
    }
    await own.hub.start()
    const listed = await own.send('/api/models?author=alice', { token: own.alice })
    assertRefused(listed, 200)
    for (const { repo } of [...good, row]) assert.ok(listed.body.includes(repo), `${repo} is not listed`)
    await assertServed(own, good)
    for (const { repo, path } of [bad, row]) {
      assertRefused(await own.send(`/${repo}/resolve/main/${path}`, { token: own.alice }), [404, 500, 502])
    }
    const pulled = await own.run([
      'pull',
      good[0]?.repo as string,
      '--local-dir',
      join(await own.scratch(), 'in'),
      '--json',
    ])
    assert.equal(pulled.code, 0, pulled.stdout + pulled.stderr)
    const care = (...words: string[]) =>
      own.run([...words, '--home', home, '--json'], { env: { HF_TOKEN: own.hub.adminToken } })
    const gc = await care('gc')
    assert.equal(gc.code, 0, gc.stdout + gc.stderr)
    assert.match(gc.stdout + gc.stderr, new RegExp(bad.repo), 'the unreadable repository is not named')
    const scrub = await care('scrub', '--restart')
    assert.equal(scrub.code, 15, scrub.stdout)
    await own.hub.stop()
    await harmOneShard(own, bad)
    await rm(join(home, 'catalog.db'))
    const rebuilt = await care('rebuild')
    assert.equal(rebuilt.code, 0, rebuilt.stdout + rebuilt.stderr)
    assert.match(rebuilt.stdout, /"event":"problem"/, 'what was skipped is not said')
    await own.hub.start()
    await assertServed(own, [...good, row])
  })
}

async function harmOneShard(lab: Lab, { fileHash }: Published): Promise<void> {
  const { home } = lab.hub
  const db = new DatabaseSync(join(home, 'catalog.db'), { readOnly: true })
  const sql = "SELECT target FROM refs WHERE source = ? AND target LIKE 'shard:%'"
  const target = db.prepare(sql).get(`file:${fileHash}`)?.target
  db.close()
  assert.ok(typeof target === 'string', 'the file has no shard')
  const name = target.slice('shard:'.length)
  await overwrite(join(home, 'blobs', 'shards', name.slice(0, 2), name), 60, Buffer.alloc(200, 7))
}
