/** The thread's side of record-threads.ts: takes tasks from its port, one after the other. */
import { createHash, type Hash } from 'node:crypto'
import { AppError } from '../base/app-error.ts'
import type { Answer, RecordPort, Task, TaskMessage, WireError } from './record-threads.ts'
import { addPlain, decodeRecords, hashRecords } from './record-work.ts'

interface Done {
  readonly value: unknown
  readonly moved: readonly ArrayBuffer[]
}

export function serveRecordWork(port: RecordPort): void {
  const passes = new Map<number, Hash>()
  port.on('message', ({ id, task }: TaskMessage) => {
    try {
      const { value, moved } = run(task, passes)
      if (id >= 0) port.postMessage({ id, value } satisfies Answer, [...moved])
    } catch (error) {
      port.postMessage({ id, error: wireOf(error) } satisfies Answer)
    }
  })
}

function run(task: Task, passes: Map<number, Hash>): Done {
  switch (task.verb) {
    case 'hash': {
      const pairs = hashRecords(task.records, task.firstIndex)
      return { value: pairs, moved: [pairs.buffer] }
    }
    case 'decode': {
      const decoded = decodeRecords(task.records, task.pairs)
      return { value: decoded, moved: [decoded.plain.buffer] }
    }
    case 'sha256': {
      const pass = passes.get(task.pass) ?? createHash('sha256')
      passes.set(task.pass, pass)
      addPlain(pass, task.records)
      return { value: undefined, moved: [] }
    }
    case 'digest': {
      const pass = passes.get(task.pass) ?? createHash('sha256')
      passes.delete(task.pass)
      return { value: pass.digest('hex'), moved: [] }
    }
    case 'forget':
      passes.delete(task.pass)
      return { value: undefined, moved: [] }
  }
}

function wireOf(error: unknown): WireError {
  if (error instanceof AppError) {
    return { kind: error.kind, code: error.code, message: error.message, data: error.data }
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { kind: null, code: 'BUG', message, data: {} }
}
