/** The thread's side of record-threads.ts. */
import { createHash, type Hash } from 'node:crypto'
import { type Done, serveTasks, type TaskPort } from '../base/serve-tasks.ts'
import type { Task } from './record-threads.ts'
import { addPlain, decodeRecords, hashRecords } from './record-work.ts'

export function serveRecordWork(port: TaskPort): void {
  const passes = new Map<number, Hash>()
  serveTasks(port, (task: Task) => run(task, passes))
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
