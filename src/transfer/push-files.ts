/**
 * Local files to a repository as one commit: what the Hub wants inline goes with the commit, what it wants large goes to
 * its CAS (or by LFS where it has none) before. A file that is there already as it is costs no operation; when nothing is
 * left there is no commit. What is left out was compared with one commit, so the new one must come right after it: when
 * another came between, all is planned again.
 */
import { readFile } from 'node:fs/promises'
import { AppError, systemCode } from '../base/app-error.ts'
import { eachAtOnce } from '../base/at-once.ts'
import { Semaphore } from '../base/semaphore.ts'
import { type CommitOperation, commitLines, gitBlobId } from './commit-lines.ts'
import type { HubClient, PreuploadAnswer } from './hub-client.ts'
import { formatRepo, type HubRepo, webPath } from './hub-repo.ts'
import { hashLocal, type LargeFile, uploadByLfs } from './lfs-upload.ts'
import { type LocalFile, openLocal, readSample } from './local-files.ts'
import type { OnProgress } from './progress.ts'
import { RemoteCas } from './remote-cas.ts'
import { SentXorbs } from './sent-xorbs.ts'
import type { TransferLimits } from './transfer-limits.ts'
import type { UploadFile } from './upload-file.ts'
import { UploadSession } from './upload-session.ts'
import { uploadSizes } from './upload-sizes.ts'
import { XetSession } from './xet-session.ts'

/** Large files are read one after another, small ones together. */
const READING_BYTES_MAX = 16 * 1024 * 1024
const READING_BYTES_MIN = 256 * 1024
const READING_FILES_MAX = READING_BYTES_MAX / READING_BYTES_MIN
/** Small files of one commit; what is above goes as large ones, since a Hub bounds the body of a commit. */
const INLINE_BYTES_MAX = 256 * 1024 * 1024
const PLANS_MAX = 4

export interface PushJob {
  readonly hub: HubClient
  readonly repo: HubRepo
  readonly revision: string
  readonly files: readonly LocalFile[]
  readonly summary: string
  readonly description: string
  readonly parent: string | null
  readonly uploads: number
  readonly useXet: boolean
  readonly inlineBytesMax?: number
  readonly limits?: TransferLimits | undefined
  /** Where unfinished pushes note what they have sent. */
  readonly sentXorbsFolder?: string | undefined
  readonly onProgress: OnProgress
  readonly signal?: AbortSignal | undefined
}

export interface PushOutcome {
  readonly commit: string
  readonly url: string
  /** False when the repository held all of it already. */
  readonly changed: boolean
  readonly bytes: { readonly total: number; readonly sent: number; readonly deduplicated: number }
  /** Files that the repository's `.gitignore` leaves out. */
  readonly ignored: readonly string[]
}

export interface PushPlan {
  readonly inline: readonly LocalFile[]
  readonly large: readonly LocalFile[]
  readonly ignored: readonly string[]
  readonly answers: ReadonlyMap<string, PreuploadAnswer>
  readonly commit: string | null
}

/** Asks the Hub how it wants each file. */
export async function planPush({ hub, repo, revision, files, signal }: PushJob): Promise<PushPlan> {
  const asked = files.map(({ path, size, localPath }) => ({ path, size, sample: () => readSample(localPath) }))
  const { answers, commit } = await hub.preupload(repo, revision, asked, signal)
  const isIgnored = ({ path }: LocalFile) => answers.get(path)?.ignore === true
  const isLarge = ({ path, size }: LocalFile) => answers.get(path)?.mode === 'lfs' && size > 0
  const wanted = files.filter((file) => !isIgnored(file))
  return {
    inline: wanted.filter((file) => !isLarge(file)),
    large: wanted.filter(isLarge),
    ignored: files.filter(isIgnored).map(({ path }) => path),
    answers,
    commit,
  }
}

export async function pushFiles(job: PushJob): Promise<PushOutcome> {
  const { files, parent, onProgress } = job
  const sizes = new Map(files.map(({ path, size }) => [path, size]))
  onProgress({ event: 'plan', files: files.length, bytes: sizeOf(files), sizes })
  let sent = 0
  const onSent = (bytes: number) => {
    sent += bytes
    onProgress({ event: 'sent', bytes })
  }
  for (let plans = 1; ; plans++) {
    try {
      // Files are reported once, whatever is planned again.
      const outcome = await pushOnce(plans === 1 ? job : { ...job, onProgress: () => undefined }, onSent)
      return { ...outcome, bytes: { ...outcome.bytes, sent } }
    } catch (error) {
      const isStale = error instanceof AppError && error.code === 'PARENT_STALE'
      if (!isStale || parent !== null || plans === PLANS_MAX) throw error
    }
  }
}

async function pushOnce(job: PushJob, onSent: (bytes: number) => void): Promise<PushOutcome> {
  const { hub, repo, revision, files, summary, description, signal } = job
  const plan = await planPush(job)
  let deduplicated = 0
  const fresh: LocalFile[] = []
  for (const file of plan.inline) {
    const oid = plan.answers.get(file.path)?.oid ?? null
    const isSame = oid !== null && gitBlobId(await readFile(file.localPath)) === oid
    if (isSame) deduplicated += file.size
    else fresh.push(file)
    if (isSame) reportSmall(job, file)
  }
  const { inline, large } = splitInline(fresh, job.inlineBytesMax ?? INLINE_BYTES_MAX)
  for (const file of inline) reportSmall(job, file)
  const operations: CommitOperation[] = inline.map((file) => ({ op: 'inline', ...file, oid: null }))
  const larges = await sendLarge(job, { ...plan, large: [...plan.large, ...large] }, onSent)
  for (const { file, sha256, newBytes } of larges) {
    deduplicated += file.size - newBytes
    if (plan.answers.get(file.path)?.oid !== sha256)
      operations.push({ op: 'large', path: file.path, sha256, size: file.size })
  }
  const bytes = { total: sizeOf(files), sent: 0, deduplicated }
  if (operations.length === 0) {
    const commit = plan.commit ?? (await hub.getCommit(repo, revision, signal))
    const url = `${hub.endpoint}${webPath(repo)}/commit/${commit}`
    return { bytes, ignored: plan.ignored, commit, url, changed: false }
  }
  const isPartial = operations.length < files.length - plan.ignored.length
  const parent = job.parent ?? (isPartial ? plan.commit : null)
  const { commit, url } = await hub.commit(
    repo,
    revision,
    commitLines({ summary, description, parent, operations }),
    signal,
  )
  onSent(sizeOf(inline))
  return { bytes, ignored: plan.ignored, commit, url, changed: true }
}

function reportSmall(job: PushJob, file: LocalFile): void {
  job.onProgress({ event: 'bytes', path: file.path, bytes: file.size })
  reportFile(job, file, { fileHash: null, sha256: null })
}

/** The largest go as large files until the rest fits. */
function splitInline(files: readonly LocalFile[], bytesMax: number) {
  let bytes = sizeOf(files)
  const large = new Set<LocalFile>()
  for (const file of [...files].sort((a, b) => b.size - a.size)) {
    if (bytes <= bytesMax) break
    bytes -= file.size
    large.add(file)
  }
  return { inline: files.filter((file) => !large.has(file)), large: [...large] }
}

function sizeOf(files: readonly LocalFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0)
}

interface SentFile {
  readonly file: LocalFile
  readonly sha256: string
  /** Plain bytes that the Hub did not have. */
  readonly newBytes: number
}

async function sendLarge(job: PushJob, plan: PushPlan, onSent: (bytes: number) => void): Promise<SentFile[]> {
  const { hub, repo, revision, useXet, signal } = job
  if (plan.large.length === 0) return []
  const session = new XetSession({ hub, repo, scope: 'write', revision, signal })
  const hasXet = useXet && (await session.find()) !== null
  return hasXet ? sendByXet(job, plan, session, onSent) : sendByLfs(job, plan, onSent)
}

async function sendByXet(job: PushJob, plan: PushPlan, session: XetSession, onSent: (bytes: number) => void) {
  const sentXorbs = await openSentXorbs(job, session)
  try {
    const sent = await sendOnce(job, plan, { session, sentXorbs, onSent })
    await sentXorbs?.remove()
    return sent
  } catch (error) {
    const isLost = error instanceof AppError && error.kind === 'integrity'
    if (!isLost || sentXorbs === null || sentXorbs.earlier.length === 0) {
      await sentXorbs?.close()
      throw error
    }
    // The server does not have what it acknowledged to an earlier push: all is sent again.
    await sentXorbs.remove()
    return sendOnce(job, plan, { session, sentXorbs: null, onSent })
  }
}

async function openSentXorbs({ sentXorbsFolder, repo }: PushJob, session: XetSession): Promise<SentXorbs | null> {
  if (sentXorbsFolder === undefined) return null
  const { casUrl } = await session.get()
  try {
    return await SentXorbs.open(sentXorbsFolder, `${formatRepo(repo)} ${casUrl}`)
  } catch (error) {
    // It only spares bytes after a kill: where there is no place for it the push goes on without.
    if (systemCode(error) === null && !(error instanceof AppError)) throw error
    return null
  }
}

interface XetSending {
  readonly session: XetSession
  readonly sentXorbs: SentXorbs | null
  readonly onSent: (bytes: number) => void
}

async function sendOnce(job: PushJob, plan: PushPlan, { session, sentXorbs, onSent }: XetSending): Promise<SentFile[]> {
  const { hub, uploads, limits, onProgress, signal } = job
  const cas = new RemoteCas({ http: hub.http, session, signal })
  const sizes = uploadSizes(uploads, limits)
  const upload = new UploadSession({ cas, ...sizes, onSent, signal, ...(sentXorbs === null ? {} : { sentXorbs }) })
  const reading = new Semaphore(READING_BYTES_MAX)
  try {
    const sent: Read[] = new Array(plan.large.length)
    await eachAtOnce(plan.large, READING_FILES_MAX, async (file, index) => {
      const units = Math.max(file.size, READING_BYTES_MIN)
      sent[index] = await reading.run(() => readInto(upload, file, onProgress), units, signal)
    })
    // What the repository holds unchanged needs no entry, unless the CAS turned out to lack some of its bytes.
    const isNeeded = ({ upload: one, file }: Read) =>
      one.newBytes > 0 || plan.answers.get(file.path)?.oid !== one.sha256
    await upload.finish(sent.filter(isNeeded).map(({ upload: one }) => one))
    for (const { file, upload: one } of sent) reportFile(job, file, one)
    return sent.map(({ file, upload: { sha256, newBytes } }) => ({ file, sha256, newBytes }))
  } catch (error) {
    await upload.abandon(error)
    throw error
  }
}

interface Read {
  readonly file: LocalFile
  readonly upload: UploadFile
}

async function readInto(session: UploadSession, file: LocalFile, onProgress: OnProgress): Promise<Read> {
  const handle = await openLocal(file.localPath)
  try {
    const onRead = (bytes: number) => onProgress({ event: 'bytes', path: file.path, bytes })
    return { file, upload: await session.add(file.localPath, handle, onRead) }
  } finally {
    await handle.close()
  }
}

async function sendByLfs(job: PushJob, plan: PushPlan, onSent: (bytes: number) => void): Promise<SentFile[]> {
  const { hub, repo, onProgress, signal } = job
  const hashed: LargeFile[] = []
  for (const file of plan.large) {
    const onRead = (bytes: number) => onProgress({ event: 'bytes', path: file.path, bytes })
    hashed.push({ ...file, sha256: await hashLocal(file.localPath, onRead, signal) })
  }
  const isNew = ({ path, sha256 }: LargeFile) => plan.answers.get(path)?.oid !== sha256
  let sentBytes = 0
  const count = (bytes: number) => {
    sentBytes += bytes
    onSent(bytes)
  }
  await uploadByLfs(hashed.filter(isNew), { hub, repo, onSent: count, signal })
  for (const file of hashed) reportFile(job, file, { fileHash: null, sha256: file.sha256 })
  const sentAny = sentBytes > 0
  return hashed.map((file) => ({ file, sha256: file.sha256, newBytes: sentAny && isNew(file) ? file.size : 0 }))
}

function reportFile(
  { onProgress }: PushJob,
  { path, size, localPath }: LocalFile,
  { fileHash, sha256 }: { readonly fileHash: string | null; readonly sha256: string | null },
): void {
  onProgress({ event: 'file', file: { path, bytes: size, fileHash, sha256, localPath, source: 'disk' } })
}
