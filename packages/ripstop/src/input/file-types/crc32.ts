/** CRC-32 as PNG and ZIP have it: reflected, polynomial 0xEDB88320 (ISO 3309; W3C PNG, Annex D). */
let table: Uint32Array | undefined;

/** The checksum of `bytes` from `start` to before `end`. */
export function crc32(bytes: Uint8Array, start: number, end: number): number {
  table ??= makeTable();
  let crc = 0xffff_ffff;
  for (let at = start; at < end; at += 1) {
    crc = (table[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
    return crc;
  });
}
