import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { AppError } from '../../base/app-error.ts'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { Metrics } from '../../base/metrics.ts'
import { replyError } from '../error-reply.ts'
import { addMeasures } from './measure.ts'

test('bugs are counted by route, refusals are not', async () => {
  const metrics = new Metrics()
  const app = Fastify()
  addMeasures(app, metrics, systemClock)
  app.setErrorHandler((error, request, reply) => replyError(error, request, reply, silentLog))
  app.get('/bug', async () => {
    throw new TypeError('undefined is not a function')
  })
  app.get('/refused', async () => {
    throw new AppError('usage', 'FIELD_INVALID', 'size: invalid')
  })
  const statuses = []
  for (const url of ['/bug', '/bug', '/refused']) statuses.push((await app.inject({ url })).statusCode)
  expect(statuses).toEqual([500, 500, 400])
  expect(metrics.format().match(/^xorbit_bugs_total.*$/gm)).toEqual(['xorbit_bugs_total{route="/bug"} 2'])
})
