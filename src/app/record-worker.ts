/** Entry of a thread that does RecordWork: kernels first, then tasks. */
import { getPriority, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { serveRecordWork } from '../cas/serve-record-work.ts'
import { installBestKernels } from './install-kernels.ts'

/** Of this thread alone, on Linux: where cores are scarce, the thread that answers everybody goes first. */
const NICE = 5

if (parentPort !== null) {
  if (process.platform === 'linux') setPriority(Math.min(getPriority() + NICE, 19))
  await installBestKernels()
  serveRecordWork(parentPort)
}
