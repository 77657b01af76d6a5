/** The tracer in a process of its own: while it waits for the next stop it does nothing else, and it takes every child. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type TraceJob, type TraceResult, trace } from './tracer.ts'

export class TracerProcess {
  readonly #child: ChildProcess = fork(fileURLToPath(import.meta.url), { serialization: 'advanced' })

  async trace(job: TraceJob): Promise<TraceResult> {
    const answered = once(this.#child, 'message')
    const ended = once(this.#child, 'exit').then(() => Promise.reject(new Error('The tracer ended')))
    ended.catch(() => 'told by the race')
    this.#child.send(job)
    const [answer] = (await Promise.race([answered, ended])) as [TraceResult | { failure: string }]
    if ('failure' in answer) throw new Error(answer.failure)
    return answer
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}

function answer(job: TraceJob): TraceResult | { failure: string } {
  try {
    return trace(job)
  } catch (error) {
    return { failure: String((error as Error).stack) }
  }
}

if (import.meta.main) process.on('message', (job: TraceJob) => process.send?.(answer(job)))
