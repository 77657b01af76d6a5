/**
 * One commit: lines become blobs in a quarantine while they arrive, large files are looked up among what was verified
 * for the committer, then in turn with other writers the tree is planned on the branch's tip and the ref moved by
 * compare-and-set. Order: the repository holds the files in the CAS -> git objects durable -> ref. Without a parent
 * named by the client the plan is made anew on a tip that moved; with one, a moved tip is PARENT_STALE.
 */
import { AppError } from '../base/app-error.ts'
import type { CasFiles, StoredFile } from '../cas/cas-files.ts'
import { Attributes } from '../git/attributes.ts'
import { formatPointer, parsePointer } from '../git/lfs-pointer.ts'
import type { ObjectWriter, Person, TreeChange } from '../git/object-writer.ts'
import type { Oid } from '../git/oid.ts'
import type { Repository } from '../git/repository.ts'
import type { FileHash } from '../xet/hash.ts'
import { repoAccount } from './accounts.ts'
import { type CommitHeader, type CommitLine, readCommitLines } from './commit-lines.ts'
import { TreeDraft, type TreeOperation } from './commit-plan.ts'
import { lfsLine } from './default-attributes.ts'
import { revisionNotFound } from './hub-error.ts'
import type { Snapshot } from './repo-reader.ts'

const ROOT = '.gitattributes'
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const ATTEMPTS_MAX = 20
const MISSING_LISTED_MAX = 100
/** Contents of .gitattributes that the same commit brings are kept to decide which paths they cover. */
const ATTRIBUTES_BYTES_MAX = 256 * 1024

export interface CommitParts {
  readonly repository: Repository
  readonly files: CasFiles
  /** In the CAS's references. */
  readonly repoId: string
  readonly account: string
  readonly author: Person
  /** The branch that moves; with `pull`, the one that the pull request starts at. */
  readonly ref: string
  /** Makes a new ref instead of moving one. */
  readonly pull?: NewPull | undefined
  nowSeconds(): number
  /** Throws when the repository was deleted meanwhile. */
  checkStillThere(): void
  snapshot(commit: Oid): Snapshot
  /** Counts what the commit adds to the repository, once; throws when it is too much. */
  takeBytes(bytes: number): void
  /** For `copyFile` with a revision: the blob at that path. */
  findAt(revision: string, path: string): Promise<Oid>
}

/** Both are called in the repository's turn. */
export interface NewPull {
  nextRef(): Promise<string>
  /** The ref is there, durably. */
  opened(ref: string, header: CommitHeader): void
}

interface Draft {
  readonly header: CommitHeader
  readonly operations: readonly TreeOperation[]
  /** Paths that must be under git-lfs. */
  readonly lfsPaths: readonly string[]
  readonly files: readonly FileHash[]
  /** Of files that this repository did not hold. */
  readonly addedBytes: number
  /** Texts of .gitattributes files by path, as the commit brings them. */
  readonly attributeTexts: ReadonlyMap<string, string>
}

export async function applyCommit(parts: CommitParts, body: AsyncIterable<Uint8Array>): Promise<Oid> {
  let writer: ObjectWriter | null = await parts.repository.openWriter()
  try {
    const draft = await readDraft(parts, body, writer)
    return await parts.repository.queue.run(async () => {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        writer ??= await parts.repository.openWriter()
        const done = await tryCommit(parts, draft, writer)
        if (done !== null) return done
        writer = null
      }
      throw new AppError('busy', 'REF_BUSY', `Others kept moving ${parts.ref}: try again`)
    })
  } finally {
    await writer?.abort()
  }
}

/** Null when the ref moved meanwhile and the client named no parent. */
async function tryCommit(parts: CommitParts, draft: Draft, writer: ObjectWriter): Promise<Oid | null> {
  const { repository, ref, pull } = parts
  const { header, files } = draft
  parts.checkStillThere()
  const parent = await repository.findCommit(ref)
  if (parent === null) throw revisionNotFound(ref)
  if (header.parentCommit !== null && !parent.startsWith(header.parentCommit)) throw parentStale(parent)
  const changes = await planChanges({ repository, snapshot: parts.snapshot(parent), writer }, draft)
  if (changes.length === 0) return pull === undefined ? parent : open(parts, pull, { header, commit: parent })
  parts.takeBytes(draft.addedBytes)
  const message = `${`${header.summary}\n\n${header.description}`.trimEnd()}\n`
  const spec = { parent, changes, message, author: parts.author, seconds: parts.nowSeconds() }
  const commit = await writer.putCommit(spec)
  if (files.length > 0) await parts.files.attach(parts.repoId, files)
  await writer.finish()
  parts.checkStillThere()
  if (pull !== undefined) return open(parts, pull, { header, commit })
  if (await repository.changeRefs([{ ref, from: parent, to: commit }])) return commit
  if (header.parentCommit !== null) throw parentStale(parent)
  return null
}

async function open({ repository }: CommitParts, pull: NewPull, made: { header: CommitHeader; commit: Oid }) {
  const ref = await pull.nextRef()
  if (!(await repository.changeRefs([{ ref, from: null, to: made.commit }]))) return null
  pull.opened(ref, made.header)
  return made.commit
}

interface Place {
  readonly repository: Repository
  readonly snapshot: Snapshot
  readonly writer: ObjectWriter
}

async function planChanges(place: Place, draft: Draft): Promise<TreeChange[]> {
  const tree = new TreeDraft(await place.snapshot.list())
  for (const operation of draft.operations) tree.apply(operation)
  const text = await coverLfsPaths(place, draft, tree)
  if (text !== null) tree.apply({ kind: 'put', path: ROOT, oid: await place.writer.putBlob(Buffer.from(text)) })
  return tree.changes()
}

/** The root's .gitattributes with a line for each large file that none covers; null when all are covered. */
async function coverLfsPaths({ repository, snapshot }: Place, draft: Draft, tree: TreeDraft): Promise<string | null> {
  const paths = draft.lfsPaths.filter((path) => tree.find(path) !== null)
  if (paths.length === 0) return null
  const texts = draft.attributeTexts
  const oid = tree.find(ROOT)
  const root = texts.get(ROOT) ?? (oid === null ? '' : (await repository.getBlob(oid)).toString('utf8'))
  const kept = (await snapshot.attributeFiles()).filter(({ folder }) => {
    const path = `${folder}/.gitattributes`
    return folder !== '' && tree.find(path) !== null && !texts.has(path)
  })
  const brought = [...texts].filter(([path]) => path !== ROOT)
  const nested = brought.map(([path, text]) => ({ folder: path.slice(0, path.lastIndexOf('/')), text }))
  const attributes = new Attributes([{ folder: '', text: root }, ...kept, ...nested])
  const uncovered = [...new Set(paths)].filter((path) => !attributes.isLfs(path))
  if (uncovered.length === 0) return null
  const start = root === '' || root.endsWith('\n') ? root : `${root}\n`
  return `${start}${uncovered.map(lfsLine).join('\n')}\n`
}

async function readDraft(parts: CommitParts, body: AsyncIterable<Uint8Array>, writer: ObjectWriter): Promise<Draft> {
  const draft = {
    operations: [] as TreeOperation[],
    lfsPaths: [] as string[],
    attributeTexts: new Map<string, string>(),
  }
  const large = new LargeFiles(parts)
  let header: CommitHeader | null = null
  let smallBytes = 0
  for await (const line of readCommitLines(body)) {
    if (line.key === 'file') smallBytes += line.content.length
    if (line.key === 'header') header = line.value
    else draft.operations.push(await toOperation(parts, line, { draft, large, writer }))
  }
  const files = large.finish()
  return { ...draft, header: header as CommitHeader, files, addedBytes: smallBytes + large.addedBytes }
}

interface Collected {
  readonly draft: { lfsPaths: string[]; attributeTexts: Map<string, string> }
  readonly large: LargeFiles
  readonly writer: ObjectWriter
}

async function toOperation(
  parts: CommitParts,
  line: Exclude<CommitLine, { key: 'header' }>,
  { draft, large, writer }: Collected,
): Promise<TreeOperation> {
  const { path } = line
  switch (line.key) {
    case 'file': {
      const pointer = parsePointer(line.content)
      // Text that reads as a pointer is one: it gives the same right, so it needs the same proof.
      if (pointer !== null) await large.take(path, pointer)
      if (/(^|\/)\.gitattributes$/.test(path) && line.content.length <= ATTRIBUTES_BYTES_MAX) {
        draft.attributeTexts.set(path, line.content.toString('utf8'))
      }
      return { kind: 'put', path, oid: await writer.putBlob(line.content) }
    }
    case 'lfsFile': {
      if (line.sha256 === EMPTY_SHA256 && (line.size ?? 0) === 0) {
        return { kind: 'put', path, oid: await writer.putBlob(new Uint8Array(0)) }
      }
      const size = await large.take(path, line)
      draft.lfsPaths.push(path)
      const pointer = formatPointer({ sha256: line.sha256, size })
      return { kind: 'put', path, oid: await writer.putBlob(Buffer.from(pointer)) }
    }
    case 'copyFile': {
      if (line.revision === null) return { kind: 'copy', path, from: line.from }
      return { kind: 'put', path, oid: await parts.findAt(line.revision, line.from) }
    }
    default:
      return { kind: line.key === 'deletedFile' ? 'delete-file' : 'delete-folder', path }
  }
}

/** The large files a commit names, each looked up once among what was verified for the committer. */
class LargeFiles {
  readonly #parts: CommitParts
  readonly #found = new Map<string, StoredFile>()
  readonly #missing: { path: string; oid: string }[] = []
  #missingCount = 0
  /** Of those that the repository did not hold. */
  addedBytes = 0

  constructor(parts: CommitParts) {
    this.#parts = parts
  }

  /** The file's size; of a missing one the size named, as `finish` will throw. */
  async take(path: string, { sha256, size }: { sha256: string; size: number | null }): Promise<number> {
    const { files, account, repoId } = this.#parts
    const known = this.#found.get(sha256)
    const stored = known ?? (await files.findVerified(account, sha256))
    if (stored === null || (size !== null && stored.size !== size)) {
      this.#missingCount++
      if (this.#missing.length < MISSING_LISTED_MAX) this.#missing.push({ path, oid: sha256 })
      return size ?? 0
    }
    this.#found.set(sha256, stored)
    const isHeld = known !== undefined || (await files.findVerified(repoAccount(repoId), sha256)) !== null
    if (!isHeld) this.addedBytes += stored.size
    return stored.size
  }

  finish(): FileHash[] {
    if (this.#missingCount > 0) {
      const [first] = this.#missing
      const message = `${this.#missingCount} large files were not uploaded by you, first ${first?.path} (sha256 ${first?.oid}): upload them, then commit again`
      const data = { body: { missing: this.#missing } }
      throw new AppError('malformed', 'LFS_OBJECT_MISSING', message, { data })
    }
    return [...this.#found.values()].map(({ hash }) => hash)
  }
}

function parentStale(tip: Oid): AppError {
  const message = 'A commit has happened since. Please refresh and try again.'
  return new AppError('conflict', 'PARENT_STALE', message, { data: { tip } })
}
