/** The tracer in a process of its own: while it waits for the next stop it does nothing else, and it takes every child. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type TraceJob, type TraceResult, trace } from './tracer.ts'

export class TracerProcess {
  readonly #child: ChildProcess = fork(fileURLToPath(import.meta.url), { serialization: 'advanced' })

  trace(job: TraceJob): Promise<TraceResult> {
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error('The tracer ended'))
      this.#child.once('exit', onExit)
      this.#child.once('message', (answer: TraceResult | { failure: string }) => {
        this.#child.off('exit', onExit)
        if ('failure' in answer) reject(new Error(answer.failure))
        else resolve(answer)
      })
      this.#child.send(job)
    })
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
