/** Tensor bytes of the float types as float32 numbers. */
import { AppError } from '../base/app-error.ts'
import type { Dtype } from '../weights/safetensors-header.ts'

export type FloatDtype = 'F32' | 'F16' | 'BF16'

export function isFloatDtype(dtype: string): dtype is FloatDtype {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16'
}

/** `bytes` must begin at a multiple of four: a buffer of its own does. */
export function widenFloats(bytes: Uint8Array, dtype: Dtype): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
  const words = new Uint32Array(halves.length)
  if (dtype === 'BF16') for (let i = 0; i < halves.length; i++) words[i] = (halves[i] as number) << 16
  else if (dtype === 'F16') for (let i = 0; i < halves.length; i++) words[i] = widenHalf(halves[i] as number)
  else throw new AppError('unsupported', 'TENSOR_DTYPE_UNSUPPORTED', `Tensors of type ${dtype} are not computed with`)
  return new Float32Array(words.buffer)
}

/** The bits of a float16 as the bits of a float32. */
function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16
  const exponent = (half >> 10) & 31
  const fraction = half & 1023
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13)
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13)
  if (fraction === 0) return sign
  // Subnormal: a float32 holds it as a normal number.
  const shift = Math.clz32(fraction) - 21
  return sign | ((113 - shift) << 23) | ((fraction << (shift + 13)) & 0x7fffff)
}
