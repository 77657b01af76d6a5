import { expect, test } from 'vitest'
import { OtherMethods } from './other-methods.ts'

const methods = new OtherMethods(() => [
  { method: 'POST', url: '/-/v1/care/gc' },
  { method: 'GET', url: '/-/v1/users' },
  { method: 'POST', url: '/-/v1/users' },
  { method: 'DELETE', url: '/-/v1/users/:user' },
  { method: 'PUT', url: '/:ns/:name/info/lfs/objects/:oid/part-:part' },
  { method: 'GET', url: '/:ns/:name/resolve/*' },
  { method: 'HEAD', url: '/:ns/:name/resolve/*' },
  { method: 'GET', url: '/openapi.json' },
])

test.each([
  ['/-/v1/care/gc', ['POST']],
  ['/-/v1/care/gc?now=true', ['POST']],
  ['/-/v1/users', ['GET', 'POST']],
  ['/-/v1/users/ann', ['DELETE']],
  ['/-/v1/users/ann/x', []],
  ['/a/b/info/lfs/objects/f/part-3', ['PUT']],
  ['/a/b/resolve/main/c/d.txt', ['GET', 'HEAD']],
  ['/openapiXjson', []],
  ['/', []],
])('%s knows %j', (address, expected) => {
  expect(methods.of(address)).toEqual(expected)
})
