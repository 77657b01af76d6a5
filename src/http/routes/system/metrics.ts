/**
 * `/metrics` for Prometheus: what the guards counted, and the process itself. While there is one user only, whoever asks
 * from this machine may read it; then a token of scope `metrics` may.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../../../base/app-error.ts'
import type { Metrics } from '../../../base/metrics.ts'
import type { Accounts } from '../../../hub/accounts.ts'
import { hasScope } from '../../../hub/caller.ts'
import { lacksScope } from '../../../hub/hub-error.ts'
import { isOwnMachine } from '../../guards/own-machine.ts'
import { callerOf } from '../hub/hub-service.ts'

const TYPE = 'text/plain; version=0.0.4; charset=utf-8'
const DELAY_RESOLUTION_MS = 10

export interface Measured {
  readonly metrics: Metrics
  readonly accounts: Accounts
}

export function metricsRoutes(app: FastifyInstance, { metrics, accounts }: Measured): void {
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  delay.enable()
  app.addHook('onClose', async () => void delay.disable())
  // What is measured is the time between two looks, which are meant to be this far apart.
  const late = (share: number) => () => Math.max(delay.percentile(share) / 1e9 - DELAY_RESOLUTION_MS / 1000, 0)
  const help = 'How late timers ran since the last reading'
  metrics.gauge('nodejs_eventloop_lag_p50_seconds', `${help}, median`, late(50))
  metrics.gauge('nodejs_eventloop_lag_p99_seconds', `${help}, 99th percentile`, late(99))
  const memory = () => process.memoryUsage.rss()
  metrics.gauge('process_resident_memory_bytes', 'Memory of this process', memory)
  const part = (name: 'heapUsed' | 'heapTotal' | 'external') => () => process.memoryUsage()[name]
  metrics.gauge('nodejs_heap_size_used_bytes', 'JavaScript objects', part('heapUsed'))
  metrics.gauge('nodejs_heap_size_total_bytes', 'Room for JavaScript objects', part('heapTotal'))
  metrics.gauge('nodejs_external_memory_bytes', 'Buffers, outside of that room', part('external'))
  const cpu = () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6
  metrics.gauge('process_cpu_seconds_total', 'Processor time of this process', cpu)
  metrics.gauge('process_uptime_seconds', 'Since this process started', () => process.uptime())

  app.get('/metrics', async (request, reply) => {
    await checkReader(accounts, request)
    const text = metrics.format()
    delay.reset()
    return reply.type(TYPE).header('cache-control', 'no-store').send(text)
  })
}

async function checkReader(accounts: Accounts, request: FastifyRequest): Promise<void> {
  const caller = await callerOf({ accounts }, request)
  if (hasScope(caller, 'metrics')) return
  if (isOwnMachine(accounts, request)) return
  if (caller.name !== null) throw lacksScope(caller, 'read the metrics')
  throw new AppError('unauthorized', 'TOKEN_MISSING', 'This needs a token of scope metrics')
}
