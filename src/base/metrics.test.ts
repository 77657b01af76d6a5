import { expect, test } from 'vitest'
import { Metrics } from './metrics.ts'

test('counters, gauges and histograms are written as Prometheus reads them', () => {
  const metrics = new Metrics()
  const requests = metrics.counter('requests_total', 'Requests')
  requests.add({ route: '/a', status: '200' })
  requests.add({ route: '/a', status: '200' }, 2)
  requests.add({ route: 'a"\\\n', status: '404' })
  metrics.gauge('up', 'Is it up', () => 1)
  metrics.gauge('none', 'Nothing yet', () => Number.NaN)
  const seconds = metrics.histogram('seconds', 'Durations', [0.1, 1])
  for (const value of [0.05, 0.5, 5]) seconds.observe({}, value)
  expect(metrics.format()).toBe(
    [
      '# HELP requests_total Requests',
      '# TYPE requests_total counter',
      'requests_total{route="/a",status="200"} 3',
      'requests_total{route="a\\"\\\\\\n",status="404"} 1',
      '# HELP up Is it up',
      '# TYPE up gauge',
      'up 1',
      '# HELP none Nothing yet',
      '# TYPE none gauge',
      'none NaN',
      '# HELP seconds Durations',
      '# TYPE seconds histogram',
      'seconds_bucket{le="0.1"} 1',
      'seconds_bucket{le="1"} 2',
      'seconds_bucket{le="+Inf"} 3',
      'seconds_sum 5.55',
      'seconds_count 3',
      '',
    ].join('\n'),
  )
})

test('labels that somebody else chooses do not fill the memory', () => {
  const metrics = new Metrics()
  const requests = metrics.counter('requests_total', 'Requests')
  for (let i = 0; i < 6_000; i++) requests.add({ path: String(i) })
  const lines = metrics.format().split('\n')
  expect(lines.length).toBeLessThan(5_010)
  expect(lines).toContain('requests_total{path="other"} 1000')
})

test('a name stands for one metric', () => {
  const metrics = new Metrics()
  metrics.counter('x', 'X')
  expect(() => metrics.counter('x', 'X')).toThrow(RangeError)
})
