/** The control routes are between a server and the commands of the same version: others are told so, and change nothing. */
import { AppError } from '../base/app-error.ts'
import type { HttpClient } from '../base/http-client.ts'
import { VERSION } from '../base/version.ts'

export async function checkServerVersion(http: HttpClient, url: string): Promise<void> {
  const { value } = await http.json({ method: 'GET', url: `${url}/health`, idempotent: true })
  const { version } = value as { version?: unknown }
  if (version === VERSION) return
  const theirs = typeof version === 'string' ? version.slice(0, 50) : 'unknown'
  const message = `The server at ${url} has version ${theirs}, this command ${VERSION}: restart the server with this version, or use the command of its own`
  throw new AppError('unsupported', 'SERVER_VERSION_DIFFERS', message)
}
