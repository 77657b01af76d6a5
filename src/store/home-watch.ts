/**
 * Whether the home is still the one that the server opened. Its disk may be unmounted under a running server: whatever
 * were written then by its path would lie on the disk below, and rows in open databases would speak of what is not there.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, systemCode } from '../base/app-error.ts'

export class HomeWatch {
  readonly #home: string
  readonly #file: string
  readonly #opened: string

  /** The home has its lock and its layout. */
  constructor(home: string) {
    this.#home = home
    this.#file = join(home, 'layout-version')
    this.#opened = identityOf(this.#file)
  }

  /** Throws HOME_GONE. Cheap enough for every request: a name that is looked up all the time is in memory. */
  check(): void {
    let found = 'nothing'
    try {
      found = identityOf(this.#file)
    } catch (error) {
      if (systemCode(error) === null) throw error
      found = systemCode(error) as string
    }
    if (found === this.#opened) return
    const message = `The disk under ${this.#home} is gone (${found}): mount it again and restart the server`
    throw new AppError('busy', 'HOME_GONE', message)
  }
}

function identityOf(file: string): string {
  const { dev, ino } = statSync(file)
  return `${dev}:${ino}`
}
