import { expect, test } from 'vitest'
import { AppError } from '../base/app-error.ts'
import { reportError } from './exit.ts'
import { createIo } from './output.ts'

function said(error: AppError, json = false): string {
  const lines: string[] = []
  const stream = { write: (text: string) => lines.push(text) }
  reportError(error, createIo({ json }, { stdout: stream, stderr: stream }, new AbortController().signal), false)
  return lines.join('')
}

test('an error is one line that ends with what to do next', () => {
  expect(said(new AppError('not-found', 'REPO_NOT_FOUND', 'GET http://hub answered 404'))).toBe(
    'xorbit: GET http://hub answered 404 (REPO_NOT_FOUND): check the name with `xorbit ls OWNER/`; a private one needs a token, see `xorbit auth whoami`\n',
  )
  expect(said(new AppError('no-space', 'SYSTEM_CALL_FAILED', 'ENOSPC: write'))).toContain('`xorbit cache prune`')
  expect(JSON.parse(said(new AppError('network', 'CONNECTION_LOST', 'it broke'), true))).toMatchObject({
    ...{ event: 'error', message: 'it broke', exit: 14, advice: expect.stringContaining('run it again') },
  })
})

test('a message that says it already is left as it is', () => {
  const message = 'No token came: give --token, or pipe one in'
  expect(said(new AppError('unauthorized', 'TOKEN_MISSING', message))).toBe(`xorbit: ${message} (TOKEN_MISSING)\n`)
})
