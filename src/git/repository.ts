/**
 * A bare git repository that we made: objects are read and written through git, refs move by compare-and-set, and what
 * a call promised is durable when it resolves. One process works on a repository (the home's lock); writers of one
 * repository take turns by `queue`.
 */
import { copyFile, link, mkdir, open, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../base/app-error.ts'
import { syncFolder } from '../base/atomic-file.ts'
import { Semaphore } from '../base/semaphore.ts'
import { BATCH_CONTENT_BYTES_MAX, BatchProcess, type GitObject } from './batch-process.ts'
import {
  diffText,
  findMergeBase,
  type Introduction,
  listChanges,
  listIntroductions,
  type PathChange,
} from './compare.ts'
import { type GitCommand, gitFailed } from './git-command.ts'
import { type CommitInfo, type CommitPage, countCommits, findLastCommits, listCommits } from './history.ts'
import { type CommitSpec, ObjectWriter, QUARANTINE_PREFIX } from './object-writer.ts'
import { type Oid, parseOid, ZERO_OID } from './oid.ts'
import { HistoryRewrite } from './rewrite-history.ts'
import { listTree, type TreeEntry } from './tree-listing.ts'

/** Above this many packs they are joined; each commit adds one. */
const PACKS_MAX = 50

export interface Ref {
  /** Full, such as `refs/heads/main`. */
  readonly name: string
  /** The commit, also for an annotated tag. */
  readonly commit: Oid
}

export interface RefChange {
  readonly ref: string
  /** Null: the ref must not exist. */
  readonly from: Oid | null
  /** Null removes it. */
  readonly to: Oid | null
}

export class Repository {
  readonly gitDir: string
  /** One writer at a time; compare-and-set guards against those that do not ask. */
  readonly queue = new Semaphore(1)
  readonly #git: GitCommand
  readonly #infos: BatchProcess
  readonly #contents: BatchProcess

  constructor(git: GitCommand, gitDir: string) {
    this.#git = git
    this.gitDir = gitDir
    this.#infos = new BatchProcess(git, gitDir, { withContent: false })
    this.#contents = new BatchProcess(git, gitDir, { withContent: true })
  }

  /** Makes an empty repository whose HEAD is `main`; the caller makes its place durable. */
  static async init(git: GitCommand, gitDir: string): Promise<Repository> {
    const args = [
      'init',
      '--quiet',
      '--bare',
      '--template=',
      '--initial-branch=main',
      '--object-format=sha1',
      '--',
      gitDir,
    ]
    await git.run({ gitDir: null, args })
    return new Repository(git, gitDir)
  }

  /** Removes what a killed server left: half-written objects and locks that nobody holds. */
  async recover(): Promise<void> {
    for (const name of await readdir(this.gitDir)) {
      const left = name.startsWith(QUARANTINE_PREFIX) || name.startsWith('fast_import_crash_') || name.endsWith('.lock')
      if (left) await rm(join(this.gitDir, name), { recursive: true, force: true })
    }
    const refs = join(this.gitDir, 'refs')
    for (const name of await readdir(refs, { recursive: true })) {
      if (name.endsWith('.lock')) await rm(join(refs, name), { force: true })
    }
    const objects = join(this.gitDir, 'objects')
    for (const below of await readdir(objects)) {
      if (!/^(pack|[0-9a-f]{2})$/.test(below)) continue
      for (const name of await readdir(join(objects, below))) {
        if (name.startsWith('tmp_') || name.startsWith('.tmp-')) await rm(join(objects, below, name), { force: true })
      }
    }
  }

  /** The commit that a full ref name, or 4 to 40 hexadecimal digits, leads to. Names are checked by the caller. */
  async findCommit(name: string): Promise<Oid | null> {
    return (await this.#infos.ask(`${name}^{commit}`))?.oid ?? null
  }

  /** What a full ref name holds itself: for an annotated tag the tag object. */
  async findRef(ref: string): Promise<Oid | null> {
    return (await this.#infos.ask(ref))?.oid ?? null
  }

  /** Of a blob or tree; null when there is none. */
  async findObject(oid: Oid): Promise<Omit<GitObject, 'content'> | null> {
    return this.#infos.ask(oid)
  }

  /** A blob of at most BATCH_CONTENT_BYTES_MAX bytes. */
  async getBlob(oid: Oid): Promise<Buffer> {
    const object = await this.#contents.ask(oid)
    if (object?.type !== 'blob') throw new AppError('damaged', 'GIT_OBJECT_MISSING', `No blob ${oid} in ${this.gitDir}`)
    return object.content
  }

  /** The blob's bytes; `size` as the tree listing says. */
  async *openBlob(oid: Oid, size: number): AsyncGenerator<Uint8Array> {
    if (size <= BATCH_CONTENT_BYTES_MAX) {
      yield await this.getBlob(oid)
      return
    }
    const call = { gitDir: this.gitDir, args: ['cat-file', 'blob', oid] }
    const child = this.#git.start(call)
    child.stderr.resume()
    child.stdin.end()
    const exit = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)))
    try {
      for await (const part of child.stdout) yield part
      const code = await exit
      if (code !== 0) throw gitFailed(call, code, '')
    } finally {
      child.kill('SIGKILL')
    }
  }

  listTree(commit: Oid): Promise<TreeEntry[]> {
    return listTree(this.#git, this.gitDir, commit)
  }

  async listRefs(): Promise<Ref[]> {
    const format = '%(refname)%00%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)'
    const args = ['for-each-ref', `--format=${format}`, 'refs/heads', 'refs/tags', 'refs/pr', 'refs/convert']
    const { stdout } = await this.#git.run({ gitDir: this.gitDir, args })
    const lines = stdout
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
    return lines.map((line) => {
      const [name = '', commit = ''] = line.split('\0')
      return { name, commit: parseOid(commit) }
    })
  }

  listCommits(from: Oid, page: CommitPage): Promise<CommitInfo[]> {
    return listCommits(this.#git, this.gitDir, from, page)
  }

  countCommits(from: Oid): Promise<number> {
    return countCommits(this.#git, this.gitDir, from)
  }

  findLastCommits(from: Oid, paths: readonly string[]): Promise<ReadonlyMap<string, CommitInfo>> {
    return findLastCommits(this.#git, this.gitDir, from, paths)
  }

  /** The newest commit that both lead back to. */
  findMergeBase(a: Oid, b: Oid): Promise<Oid | null> {
    return findMergeBase(this.#git, this.gitDir, a, b)
  }

  /** As git shows it, cut at `bytesMax`. */
  diff(from: Oid, to: Oid, bytesMax: number): Promise<string> {
    return diffText(this.#git, this.gitDir, { from, to, bytesMax })
  }

  listChanges(from: Oid, to: Oid): Promise<PathChange[]> {
    return listChanges(this.#git, this.gitDir, from, to)
  }

  listIntroductions(refs: readonly string[]): Promise<Introduction[]> {
    return listIntroductions(this.#git, this.gitDir, refs)
  }

  openWriter(): Promise<ObjectWriter> {
    return ObjectWriter.open(this.#git, this.gitDir)
  }

  /** An annotated tag object for `commit`, durable. */
  async putTag(name: string, commit: Oid, message: string, tagger: string, seconds: number): Promise<Oid> {
    const who = tagger.replace(/[<>\p{Cc}]/gu, '') || 'unknown'
    const input = `object ${commit}\ntype commit\ntag ${name}\ntagger ${who} <${who}@localhost> ${seconds} +0000\n\n${message}\n`
    const { stdout } = await this.#git.run({ gitDir: this.gitDir, args: ['mktag', '--no-strict'] }, { input })
    const oid = parseOid(stdout.toString().trim())
    await this.#syncLoose(oid)
    return oid
  }

  /** A commit without a parent that holds what `commit` holds, durable; no ref leads to it yet. */
  async putSquashed(commit: Oid, { message, author, seconds }: Pick<CommitSpec, 'message' | 'author' | 'seconds'>) {
    const tree = (await this.#infos.ask(`${commit}^{tree}`))?.oid
    const clean = (text: string) => text.replace(/[<>\p{Cc}]/gu, '').trim() || 'unknown'
    const who = `${clean(author.name)} <${clean(author.email)}> ${seconds} +0000`
    const input = `tree ${tree}\nauthor ${who}\ncommitter ${who}\n\n${message}`
    const args = ['hash-object', '-t', 'commit', '-w', '--stdin']
    const { stdout } = await this.#git.run({ gitDir: this.gitDir, args }, { input })
    const oid = parseOid(stdout.toString().trim())
    await this.#syncLoose(oid)
    return oid
  }

  /** Whether the ref was where the change says, and has moved, durably. All changes or none. */
  async changeRefs(changes: readonly RefChange[]): Promise<boolean> {
    const input = changes.map(({ ref, from, to }) => `update ${ref}\0${to ?? ZERO_OID}\0${from ?? ZERO_OID}\0`).join('')
    const env = { GIT_COMMITTER_NAME: 'xorbit', GIT_COMMITTER_EMAIL: 'xorbit@localhost' }
    const call = { gitDir: this.gitDir, env, args: ['update-ref', '--stdin', '-z', '-m', 'xorbit'] }
    const { exit, stderr } = await this.#git.run(call, { input, answers: [128] })
    if (exit === 0) {
      for (const { ref } of changes) await this.#syncRef(ref)
      return true
    }
    if (/is at [0-9a-f]{40} but expected|reference already exists|unable to resolve reference/.test(stderr))
      return false
    if (/exists; cannot create|cannot lock ref .*: '.*' exists/.test(stderr)) return false
    throw gitFailed(call, exit, stderr)
  }

  /**
   * What all refs are to be so that none of their commits holds one of these blobs. The new objects are durable; nothing
   * refers to them until the caller, in its turn of the queue, makes the changes.
   */
  async planWithout(blobs: ReadonlySet<Oid>): Promise<RefChange[]> {
    const refs = await this.listRefs()
    const tips = [...new Set(refs.map(({ commit }) => commit))]
    if (tips.length === 0) return []
    const args = ['rev-list', '--topo-order', '--reverse', '--stdin']
    const { stdout } = await this.#git.run({ gitDir: this.gitDir, args }, { input: `${tips.join('\n')}\n` })
    const rewrite = new HistoryRewrite({ gitDir: this.gitDir, ask: (oid) => this.#contents.ask(oid) }, blobs)
    for (const oid of stdout.toString('latin1').split('\n')) if (oid !== '') await rewrite.addCommit(parseOid(oid))
    const changes: RefChange[] = []
    for (const { name } of refs) {
      const from = (await this.findRef(name)) as Oid
      const to = await rewrite.refTarget(from)
      if (to !== from) changes.push({ ref: name, from, to })
    }
    await rewrite.finish()
    return changes
  }

  /** Into an empty repository: the objects, branches and tags of `other`, whose writers wait meanwhile. */
  async takeAll(other: Repository): Promise<void> {
    await linkTree(join(other.gitDir, 'objects'), join(this.gitDir, 'objects'))
    const shared = (await other.listRefs()).filter(({ name }) => /^refs\/(heads|tags)\//.test(name))
    const changes = await Promise.all(
      shared.map(async ({ name }) => ({ ref: name, from: null, to: await other.findRef(name) })),
    )
    await this.changeRefs(changes)
  }

  /** Joins packs when there are many. Objects stay, also those that nothing reaches. */
  async maintain(): Promise<void> {
    const packs = (await readdir(join(this.gitDir, 'objects', 'pack'))).filter((name) => name.endsWith('.pack'))
    if (packs.length <= PACKS_MAX) return
    await this.#git.run({ gitDir: this.gitDir, args: ['repack', '--geometric=2', '-d', '-q'] })
    await syncFolder(join(this.gitDir, 'objects', 'pack'))
  }

  /** Ends the idle processes; the repository can still be used. */
  close(): void {
    this.#infos.end()
    this.#contents.end()
  }

  /** The folders that name a loose object; git has flushed the object itself. */
  async #syncLoose(oid: Oid): Promise<void> {
    const objects = join(this.gitDir, 'objects')
    await syncFolder(join(objects, oid.slice(0, 2)))
    await syncFolder(objects)
  }

  /** Flushes the loose ref, where there is one, and the folders that name it. */
  async #syncRef(ref: string): Promise<void> {
    const path = join(this.gitDir, ref)
    await syncIfThere(path)
    for (let at = dirname(path); at.length >= this.gitDir.length; at = dirname(at)) await syncIfThere(at)
  }
}

/** The same files under other names: git never changes an object. Copies where links cannot be made. */
async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await linkTree(source, target)
    else if (!entry.name.startsWith('tmp_')) {
      await link(source, target).catch((error: NodeJS.ErrnoException) => {
        if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(error.code ?? '')) throw error
        return copyFile(source, target)
      })
    }
  }
}

async function syncIfThere(path: string): Promise<void> {
  try {
    const file = await open(path)
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
  }
}
