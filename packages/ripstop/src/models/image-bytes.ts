/** Pictures as bytes and as base64, and what kind of file they are. */

export type ImageType = 'image/png' | 'image/jpeg' | 'image/webp' | 'image/gif';

/** By the first bytes (R37–R40); what a server says about them may be wrong. */
export function imageType(image: Uint8Array | string): ImageType | undefined {
  const head = typeof image === 'string' ? beginning(image) : latin1(image.subarray(0, 12));
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'image/webp';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'image/gif';
  return undefined;
}

export function base64Of(image: Uint8Array | string): string {
  if (typeof image === 'string') return image;
  // Node's own is some ten times as fast; elsewhere there is btoa.
  if (typeof Buffer === 'function')
    return Buffer.from(image.buffer, image.byteOffset, image.byteLength).toString('base64');
  let binary = '';
  for (let at = 0; at < image.length; at += 0x8000) binary += latin1(image.subarray(at, at + 0x8000));
  return btoa(binary);
}

/** The first 12 bytes of a base64 text; empty where it is none. */
function beginning(base64: string): string {
  const head = base64.slice(0, 16);
  return /^[A-Za-z0-9+/]{16}$/.test(head) ? atob(head) : '';
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
