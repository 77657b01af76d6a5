/** Keys and values of one sequence, layer by layer, in arrays that grow by doubling. */
interface Layer {
  keys: Float32Array
  values: Float32Array
}

export class KvCache {
  /** Positions that all layers hold; what a pass that failed left behind it is written over. */
  tokenCount = 0
  readonly #layers: readonly Layer[]
  readonly #width: number

  constructor(layerCount: number, width: number) {
    this.#width = width
    this.#layers = Array.from({ length: layerCount }, () => ({
      keys: new Float32Array(0),
      values: new Float32Array(0),
    }))
  }

  layer(index: number): Layer {
    return this.#layers[index] as Layer
  }

  append(index: number, keys: Float32Array, values: Float32Array): void {
    const layer = this.layer(index)
    const start = this.tokenCount * this.#width
    if (layer.keys.length < start + keys.length) {
      layer.keys = grown(layer.keys, start + keys.length)
      layer.values = grown(layer.values, start + keys.length)
    }
    layer.keys.set(keys, start)
    layer.values.set(values, start)
  }

  copyFrom(other: KvCache, tokenCount: number): void {
    for (const [index, layer] of this.#layers.entries()) {
      layer.keys = other.layer(index).keys.slice(0, tokenCount * this.#width)
      layer.values = other.layer(index).values.slice(0, tokenCount * this.#width)
    }
    this.tokenCount = tokenCount
  }
}

function grown(old: Float32Array, length: number): Float32Array {
  const bigger = new Float32Array(Math.max(length, 2 * old.length))
  bigger.set(old)
  return bigger
}
