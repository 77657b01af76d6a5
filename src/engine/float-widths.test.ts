import { expect, test } from 'vitest'
import { widenFloats } from './float-widths.ts'

test('every float16 becomes the number it is', () => {
  const halves = Uint16Array.from({ length: 65_536 }, (_, i) => i)
  const floats = widenFloats(new Uint8Array(halves.buffer), 'F16')
  const view = new DataView(new ArrayBuffer(2)) as DataView & { getFloat16(at: number): number }
  for (let i = 0; i < 65_536; i++) {
    view.setUint16(0, i)
    if (!Object.is(floats[i], view.getFloat16(0))) throw new Error(`${i}: ${floats[i]}`)
  }
})

test('bfloat16 is the upper half of a float32', () => {
  const bytes = new Uint8Array(Uint16Array.of(0x3fc0, 0xff80, 0x0001).buffer)
  expect([...widenFloats(bytes, 'BF16')]).toEqual([1.5, Number.NEGATIVE_INFINITY, 2 ** -133])
})

test('other types are refused', () => {
  const refused = expect.objectContaining({ code: 'TENSOR_DTYPE_UNSUPPORTED' })
  expect(() => widenFloats(new Uint8Array(8), 'I64')).toThrow(refused)
})
