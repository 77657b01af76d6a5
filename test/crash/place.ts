/** What a scenario works with: a server over the `home` of a world. */
import type { Client } from './client.ts'
import type { Say } from './facts.ts'

export interface Place {
  readonly world: string
  readonly client: Client
  readonly say: Say
  sweep(options: { now: boolean }): Promise<void>
  backup(folder: string): Promise<void>
  /** Lets time pass, where the server's clock can be set. */
  later(days: number): void
}
