import { expect, test } from 'vitest'
import { Semaphore } from './semaphore.ts'

test('never hands out more than it has, and serves in order', async () => {
  const budget = new Semaphore(10)
  const order: string[] = []
  const first = await budget.acquire(6)
  const big = budget.acquire(8).then((release) => {
    order.push('big')
    release()
  })
  const small = budget.acquire(1).then((release) => {
    order.push('small')
    release()
  })
  first()
  await Promise.all([big, small])
  expect(order).toEqual(['big', 'small'])
})

test('a wish above the whole budget runs alone', async () => {
  const budget = new Semaphore(4)
  const release = await budget.acquire(100)
  let second = false
  const waiting = budget.run(async () => {
    second = true
  })
  expect(second).toBe(false)
  release()
  await waiting
  expect(second).toBe(true)
})

test('who gives up waiting does not block those behind', async () => {
  const budget = new Semaphore(2)
  const hold = await budget.acquire(1)
  const abort = new AbortController()
  const greedy = budget.acquire(2, abort.signal)
  const modest = budget.acquire(1)
  abort.abort(new Error('left'))
  await expect(greedy).rejects.toThrow('left')
  const release = await modest
  release()
  hold()
  await budget.acquire(2)
})
