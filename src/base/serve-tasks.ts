/** The thread's side of task-thread.ts: takes tasks from its port, one after the other, and answers each. */
import type { MessagePort } from 'node:worker_threads'
import { type Answer, type TaskMessage, wireOf } from './task-thread.ts'

export type TaskPort = Pick<MessagePort, 'on' | 'postMessage'>

export interface Done {
  readonly value: unknown
  /** Memory of the value that is the other thread's from now on. */
  readonly moved: readonly ArrayBuffer[]
}

export function serveTasks<Task>(port: TaskPort, run: (task: Task) => Done): void {
  port.on('message', ({ id, task }: TaskMessage<Task>) => {
    try {
      const { value, moved } = run(task)
      if (id >= 0) port.postMessage({ id, value } satisfies Answer, [...moved])
    } catch (error) {
      port.postMessage({ id, error: wireOf(error) } satisfies Answer)
    }
  })
}
