/** Makes the process that loads it (`--import`) throw where it splits this word: a bug that a test can call for. */
const WORD = 'injected-bug'
const real = String.prototype.split

Object.defineProperty(String.prototype, 'split', {
  configurable: true,
  writable: true,
  value: function split(this: string, ...args: Parameters<typeof real>): string[] {
    if (String(this) === WORD) throw new TypeError(`${WORD} in the secret place`)
    return real.apply(this, args)
  },
})
