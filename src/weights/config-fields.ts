/** Reads fields of a stranger's JSON object one by one: each has its type and bounds, and a refusal names the field. */
import type { AppError } from '../base/app-error.ts'

type Json = Readonly<Record<string, unknown>>

export class ConfigFields {
  readonly #json: Json
  readonly #refuse: (detail: string) => AppError

  constructor(value: unknown, refuse: (detail: string) => AppError) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('it is no JSON object')
    this.#json = value as Json
    this.#refuse = refuse
  }

  has(key: string): boolean {
    return this.value(key) !== undefined
  }

  /** Null counts as absent, as in transformers. */
  value(key: string): unknown {
    return Object.hasOwn(this.#json, key) ? (this.#json[key] ?? undefined) : undefined
  }

  count(key: string, max: number, otherwise?: number): number {
    const value = this.value(key) ?? otherwise
    if (Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= max) return value as number
    throw this.#refuse(`${key} must be a whole number from 1 to ${max}, not ${show(value)}`)
  }

  /** A positive, finite number. */
  number(key: string, otherwise?: number): number {
    const value = this.value(key) ?? otherwise
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
    throw this.#refuse(`${key} must be a positive number, not ${show(value)}`)
  }

  flag(key: string, otherwise: boolean): boolean {
    const value = this.value(key) ?? otherwise
    if (typeof value === 'boolean') return value
    throw this.#refuse(`${key} must be true or false, not ${show(value)}`)
  }

  text(key: string, otherwise?: string): string {
    const value = this.value(key) ?? otherwise
    if (typeof value === 'string') return value
    throw this.#refuse(`${key} must be a text, not ${show(value)}`)
  }

  texts(key: string, countMax: number): readonly string[] | null {
    const value = this.value(key)
    if (value === undefined) return null
    const good = Array.isArray(value) && value.length <= countMax && value.every((item) => typeof item === 'string')
    if (!good) throw this.#refuse(`${key} must be a list of at most ${countMax} texts`)
    return value as string[]
  }

  object(key: string): ConfigFields | null {
    const value = this.value(key)
    if (value === undefined) return null
    return new ConfigFields(value, (detail) => this.#refuse(`${key}: ${detail}`))
  }

  entries(): [string, unknown][] {
    return Object.entries(this.#json)
  }
}

function show(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value).slice(0, 60)
}
