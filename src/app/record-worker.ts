/** Entry of a thread that does RecordWork: kernels first, then tasks. */
import { parentPort } from 'node:worker_threads'
import { serveRecordWork } from '../cas/serve-record-work.ts'
import { installBestKernels } from './install-kernels.ts'

if (parentPort !== null) {
  await installBestKernels()
  serveRecordWork(parentPort)
}
