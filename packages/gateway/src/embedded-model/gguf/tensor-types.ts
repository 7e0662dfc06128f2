/** How tensor types are laid out: elements per block, and bytes per block. Source: ggml, `type_traits` and `ggml-common.h`. */
const layouts: ReadonlyMap<number, { readonly name: string; readonly elements: number; readonly bytes: number }> =
  new Map([
    [0, { name: 'F32', elements: 1, bytes: 4 }],
    [1, { name: 'F16', elements: 1, bytes: 2 }],
    [2, { name: 'Q4_0', elements: 32, bytes: 18 }],
    [3, { name: 'Q4_1', elements: 32, bytes: 20 }],
    [6, { name: 'Q5_0', elements: 32, bytes: 22 }],
    [7, { name: 'Q5_1', elements: 32, bytes: 24 }],
    [8, { name: 'Q8_0', elements: 32, bytes: 34 }],
    [10, { name: 'Q2_K', elements: 256, bytes: 84 }],
    [11, { name: 'Q3_K', elements: 256, bytes: 110 }],
    [12, { name: 'Q4_K', elements: 256, bytes: 144 }],
    [13, { name: 'Q5_K', elements: 256, bytes: 176 }],
    [14, { name: 'Q6_K', elements: 256, bytes: 210 }],
    [30, { name: 'BF16', elements: 1, bytes: 2 }],
  ]);

/** The types that the interpreter reads. */
export const tensorType = { f32: 0, f16: 1, q8_0: 8 } as const;

export function tensorTypeName(type: number): string {
  return layouts.get(type)?.name ?? `type ${type}`;
}

/** Bytes of a tensor, or `undefined` for a type that only llama.cpp knows. */
export function tensorBytes(type: number, elements: number): number | undefined {
  const layout = layouts.get(type);
  return layout === undefined ? undefined : Math.ceil(elements / layout.elements) * layout.bytes;
}
