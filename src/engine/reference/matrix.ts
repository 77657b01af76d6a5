/** The few operations on rows of numbers that the reference needs. */

/** x [count x inputs] times the transpose of w [outputs x inputs]. */
export function matmul(x: Float32Array, w: Float32Array, count: number): Float32Array {
  const inputs = x.length / count
  const outputs = w.length / inputs
  const y = new Float32Array(count * outputs)
  for (let t = 0; t < count; t++) {
    for (let o = 0; o < outputs; o++) {
      let sum = 0
      for (let i = 0; i < inputs; i++) sum += (x[t * inputs + i] as number) * (w[o * inputs + i] as number)
      y[t * outputs + o] = sum
    }
  }
  return y
}

export function addScaled(y: Float32Array, x: Float32Array, scale: number): void {
  for (let i = 0; i < y.length; i++) y[i] = (y[i] as number) + scale * (x[i] as number)
}

/** Each run of `size` numbers divided by its root mean square, times w (+ `plus`). */
export function rmsNorm(
  x: Float32Array,
  w: Float32Array,
  { size, epsilon, plus }: { size: number; epsilon: number; plus: number },
): Float32Array {
  const y = new Float32Array(x.length)
  for (let row = 0; row < x.length; row += size) {
    let sum = 0
    for (let i = 0; i < size; i++) sum += (x[row + i] as number) ** 2
    const factor = 1 / Math.sqrt(sum / size + epsilon)
    for (let i = 0; i < size; i++) y[row + i] = (x[row + i] as number) * factor * ((w[i] as number) + plus)
  }
  return y
}
