/** As many threads for RecordWork as there are cores besides the one that answers, some at most. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Log } from '../base/log.ts'
import { RecordThreads } from '../cas/record-threads.ts'

const THREADS_MAX = 4
/** A checkout runs sources, the package compiled code. */
const ENTRY = new URL(`record-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

export function startRecordThreads(log: Log): RecordThreads {
  const count = Math.min(Math.max(availableParallelism() - 1, 1), THREADS_MAX)
  return new RecordThreads({ count, start: () => new Worker(ENTRY), log })
}
