/** Group E: what lies in the store is damaged, removed, planted or left over. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { link, mkdir, open, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { sendRaw } from '../../farm/http-send.ts'
import { xorbit } from '../../farm/hub-process.ts'
import type { Experiments } from '../experiment.ts'
import { forgeXorb, seededChunks } from '../forge.ts'
import { assertRefused, type Lab, type Published } from '../lab.ts'
import { startSlowUpload } from '../slow-upload.ts'

export const STORED_EXPERIMENTS: Experiments = {
  E21: containsDamage,
  E22: outlivesRemoval,
  E24: refusesPlantedLinks,
  E29: sweepsLeftovers,
}

const CHUNKS = [60_000, 70_000]

function blobPath(lab: Lab, hash: string): string {
  return join(lab.hub.home, 'blobs', 'xorbs', hash.slice(0, 2), hash)
}

function read(lab: Lab, { repo, path }: Published) {
  return lab.send(`/${repo}/resolve/main/${path}`, { token: lab.alice })
}

async function publish(lab: Lab, lengths: readonly number[] = CHUNKS): Promise<Published> {
  return lab.publish(await lab.freshRepo(), 'model.bin', seededChunks(lab.next(), lengths))
}

async function flipBit(path: string, position: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, position)
    await file.write(Buffer.from([(buffer[0] as number) ^ 1]), 0, 1, position)
  } finally {
    await file.close()
  }
}

/** E21: each kind of damage ends the reading of that file alone, is found, listed and healed. */
async function containsDamage(lab: Lab): Promise<void> {
  await lab.withAnother({}, async (own) => {
    const damages: Readonly<Record<string, (path: string) => Promise<void>>> = {
      flip: (path) => flipBit(path, 1000),
      cut: (path) => truncate(path, 70_000),
      empty: (path) => truncate(path, 0),
    }
    const files = new Map<string, Published>()
    for (const name of Object.keys(damages)) files.set(name, await publish(own))
    const good = await publish(own)
    // Half of them is noticed by a server that has just read them whole, half by one that has not.
    for (const restarted of [false, true]) {
      for (const [name, file] of files) await damages[name]?.(blobPath(own, file.xorb.hash))
      if (restarted) await own.restart('SIGTERM')
      const care = (...words: string[]) =>
        own.run([...words, '--home', own.hub.home, '--json'], { env: { HF_TOKEN: own.hub.adminToken } })
      const scrub = await care('scrub', '--restart')
      assert.equal(scrub.code, 15, `scrub ended with ${scrub.code}: ${scrub.stdout}`)
      const doctor = await care('doctor')
      assert.equal(doctor.code, 15, `doctor ended with ${doctor.code}: ${doctor.stdout}`)
      for (const [name, file] of files) {
        const reply = await read(own, file)
        assertRefused(reply, [404, 500, 502])
        for (const report of [scrub, doctor]) {
          assert.ok(
            report.stdout.includes(file.xorb.hash) || report.stdout.includes(file.fileHash),
            `${name} is not named: ${report.stdout}`,
          )
        }
      }
      assert.ok((await read(own, good)).body.equals(good.content), 'an undamaged file was not served')
      for (const file of files.values()) {
        assertRefused(await own.putXorb(await own.cas(file.repo), file.xorb.hash, file.xorb.body), 200)
        assert.ok((await read(own, file)).body.equals(file.content), 'sending it again did not heal it')
      }
      const healed = await care('scrub', '--restart')
      assert.equal(healed.code, 0, healed.stdout)
    }
  })
}

/** E22: a blob loses its name while somebody reads it. */
async function outlivesRemoval(lab: Lab): Promise<string> {
  const file = await publish(lab, Array(128).fill(131_072))
  const { hostname, port, host } = new URL(lab.hub.url)
  const socket = connect({ host: hostname, port: Number(port) })
  const head = `GET /${file.repo}/resolve/main/${file.path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
  const parts: Buffer[] = []
  socket.write(head)
  let isRemoved = false
  for await (const part of socket) {
    parts.push(part as Buffer)
    if (isRemoved) continue
    // The rest of so large a file fits into no buffer in between.
    await rm(blobPath(lab, file.xorb.hash))
    isRemoved = true
  }
  const answer = Buffer.concat(parts)
  const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4)
  assert.ok(file.content.subarray(0, body.length).equals(body), 'wrong bytes were sent')
  assertRefused(await read(lab, file), [404, 500, 502])
  assertRefused(await lab.putXorb(file.cas, file.xorb.hash, file.xorb.body), 200)
  assert.ok((await read(lab, file)).body.equals(file.content))
  return body.length === file.content.length ? 'the reader finished' : 'the reader was cut short'
}

/** E24: links to what is none of ours, where we are about to write, read, lock or clean. */
async function refusesPlantedLinks(lab: Lab): Promise<void> {
  const treasure = join(await lab.scratch(), 'treasure')
  await mkdir(treasure)
  const secret = join(treasure, 'secret.txt')
  await writeFile(secret, 'mine\n', { mode: 0o600 })
  const isUntouched = async () => {
    assert.deepEqual(await readdir(treasure), ['secret.txt'], 'the folder behind a link was changed')
    assert.equal(await readFile(secret, 'utf8'), 'mine\n', 'the file behind a link was changed')
  }
  await lab.withAnother({}, async (own) => {
    for (const plant of [symlink, link]) {
      const xorb = forgeXorb(seededChunks(own.next(), CHUNKS))
      const path = blobPath(own, xorb.hash)
      await mkdir(dirname(path), { recursive: true })
      await plant(secret, path)
      const cas = await own.cas()
      assertRefused(await own.putXorb(cas, xorb.hash, xorb.body), 200)
      await isUntouched()
    }
    const { home } = own.hub
    await own.hub.stop()
    for (const name of ['blobs/tmp', 'repos/tmp']) {
      await rm(join(home, name), { recursive: true, force: true })
      await symlink(treasure, join(home, name))
    }
    for (const name of ['run/url', 'run/pid', 'run/probe', 'run/lock-owner.json', 'reserve.tmp']) {
      await rm(join(home, name), { force: true })
      await symlink(secret, join(home, name))
    }
    await rm(join(home, 'reserve'), { force: true })
    await own.hub.start()
    await isUntouched()
    await own.send('/readyz')
    await isUntouched()
    await publish(own)
    await isUntouched()
    await own.hub.stop()
    for (const name of ['run/lock.db', 'run/token']) {
      const kept = await readFile(join(home, name))
      await rm(join(home, name))
      await symlink(secret, join(home, name))
      const started = await xorbit(own.folder, ['serve', '--port', '0', '--home', home, '--json'], {
        timeoutMs: 20_000,
      })
      assert.equal(started.code, 2, `serve with a link at ${name} ended with ${started.code}: ${started.stdout}`)
      assert.doesNotMatch(started.stdout + started.stderr, /mine/, 'what the link leads to was told')
      await isUntouched()
      await rm(join(home, name))
      await writeFile(join(home, name), kept, { mode: 0o600 })
    }
  })
  await refusesLinkedCache(lab, treasure, isUntouched)
}

/** The same in the cache of a client, and in a folder that it pulls into. */
async function refusesLinkedCache(lab: Lab, treasure: string, isUntouched: () => Promise<void>): Promise<void> {
  const file = await publish(lab)
  const name = `models--${file.repo.replace('/', '--')}`
  for (const planted of ['snapshots', 'blobs', 'refs']) {
    const folder = await lab.scratch()
    const repo = join(folder, 'cache', name)
    await mkdir(repo, { recursive: true })
    await symlink(treasure, join(repo, planted))
    const pulled = await lab.run(['pull', file.repo, '--cache-dir', join(folder, 'cache'), '--json'], { folder })
    assert.notEqual(pulled.code, 0, `pull wrote through a link at ${planted}`)
    assert.match(pulled.stdout, /"event":"error"/)
    await isUntouched()
  }
  const folder = await lab.scratch()
  await mkdir(join(folder, 'in'))
  await symlink(join(treasure, 'secret.txt'), join(folder, 'in', file.path))
  const pulled = await lab.run(['pull', file.repo, '--local-dir', join(folder, 'in'), '--json'], { folder })
  assert.equal(pulled.code, 0, pulled.stdout)
  await isUntouched()
  assert.ok((await readFile(join(folder, 'in', file.path))).equals(file.content))
}

/** E29: what a thousand crashes left is gone after a start; what others put there, and what runs, is not. */
async function sweepsLeftovers(lab: Lab): Promise<void> {
  await lab.withAnother({}, async (own) => {
    const file = await publish(own)
    const { home } = own.hub
    await own.hub.stop('SIGKILL')
    const uuid = (i: number) => `${i.toString(16).padStart(8, '0')}-1111-4222-8333-444444444444`
    const shelf = dirname(blobPath(own, file.xorb.hash))
    const repo = join(home, 'repos', 'models', `${file.repo}.git`)
    const ours: string[] = []
    const leave = async (path: string, isFolder = false) => {
      if (isFolder) await mkdir(path, { recursive: true })
      else await writeFile(path, 'half')
      ours.push(path)
    }
    await mkdir(join(home, 'repos', 'tmp'), { recursive: true })
    await mkdir(join(home, 'blobs', 'tmp', 'lfs'), { recursive: true })
    for (let i = 0; i < 250; i++) {
      await leave(join(home, 'blobs', 'tmp', uuid(i)))
      await leave(join(home, 'repos', 'tmp', uuid(i)), true)
      await leave(join(home, 'run', `url.${uuid(i)}.tmp`))
      await leave(join(repo, `incoming-${uuid(i)}`), true)
    }
    await leave(join(home, 'reserve.tmp'))
    await leave(join(home, `layout-version.${uuid(1)}.tmp`))
    const others = [join(home, 'notes.txt'), join(home, 'run', 'mine.tmp'), join(shelf, 'README')]
    for (const path of others) await writeFile(path, 'kept')
    await own.hub.start()
    assert.ok((await read(own, file)).body.equals(file.content))
    await own.commitText(file.repo, { 'a.txt': 'a' })
    const left = ours.filter((path) => existsSync(path))
    assert.deepEqual(left.slice(0, 5), [], `${left.length} leftovers are still there`)
    for (const path of others) assert.equal(await readFile(path, 'utf8'), 'kept', `${path} was none of ours`)
    // What a running server writes is no leftover, whoever else is started on its home.
    const upload = await startSlowUpload(own, await own.cas(file.repo))
    while ((await own.temporaryFiles()).length === 0) await sendRaw(own.hub.url, 'GET / HTTP/1.0\r\n\r\n')
    for (const words of [['gc'], ['serve', '--port', '0'], ['rebuild']]) await own.run([...words, '--home', home])
    assert.equal(await upload.finish(), 200)
  })
}
