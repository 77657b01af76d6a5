/**
 * The library: `import { pull, push } from 'xorbit/client'`. The same transfers as the commands of these names, for a
 * program: typed, with progress as events and an AbortSignal, no output, no exit, nothing changed in the process. docs:
 * docs/library.md.
 *
 * Importing this loads nothing else: what a transfer needs comes with the first call.
 */
import type * as pulling from '../actions/pull.ts'
import type * as pushing from '../actions/push.ts'
import { AppError, type ErrorKind } from '../base/app-error.ts'
import type * as progress from '../transfer/progress.ts'

/** What the compiled sources were made for. */
const NODE_FLOOR = [24, 15] as const

/** Where, what and how to pull. Only `ref` is needed: `NS/NAME`, `NS/NAME@REVISION`, `hf://…` or an address. */
export type PullOptions = Omit<pulling.PullOptions, 'clock'>
/** The commit, the folder that holds its files, and what came from where. */
export type PullResult = pulling.PullResult
/** Where, what and how to push. Only `repo` is needed; without `paths` it is the current folder. */
export type PushOptions = Omit<pushing.PushOptions, 'clock'>
/** The commit, its address, and how many bytes were sent. */
export type PushResult = pushing.PushResult
/** What `onProgress` is told. */
export type TransferEvent = progress.TransferEvent
/** One file of a transfer. */
export type FileOutcome = progress.FileOutcome
/** What a failed call rejects with: `kind` for a program to decide by, `code` of docs/errors.md, a message for a person. */
export type TransferError = AppError
export type TransferErrorKind = ErrorKind

/**
 * Files of a repository into the Hugging Face cache, or into `localDir`. Every byte is proved before it gets its name;
 * what is here already is not fetched. A broken pull goes on where it was when it is called again.
 */
export async function pull(options: PullOptions): Promise<PullResult> {
  const [action] = await Promise.all([import('../actions/pull.ts'), prepare()])
  return action.pull(options)
}

/** Local files to a repository as one commit; it and the branch are made when missing. Only new bytes are sent. */
export async function push(options: PushOptions): Promise<PushResult> {
  const [action] = await Promise.all([import('../actions/push.ts'), prepare()])
  return action.push(options)
}

/** Whether a transfer failed for a reason that has a kind and a code. */
export function isTransferError(error: unknown): error is TransferError {
  return error instanceof AppError
}

let ready: Promise<void> | null = null

/** The fast kernels, once. */
function prepare(): Promise<void> {
  ready ??= start(process.versions.node)
  return ready
}

async function start(nodeVersion: string): Promise<void> {
  checkNode(nodeVersion)
  const { installBestKernels } = await import('./install-kernels.ts')
  await installBestKernels()
}

/** The command brings its own Node; a program brings the user's. */
export function checkNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > NODE_FLOOR[0] || (major === NODE_FLOOR[0] && minor >= NODE_FLOOR[1])) return
  const message = `xorbit/client needs Node ${NODE_FLOOR.join('.')} or newer, this is ${version}`
  throw new AppError('unsupported', 'NODE_TOO_OLD', message)
}
