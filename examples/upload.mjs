// An upload is checked while it is read: what calls itself a picture is one, and no larger than it may be.
import { ModelError } from 'ripstop';
import { validateFileUpload } from 'ripstop/input';

// snippet: upload
async function receive(request) {
  try {
    const { type, extension, size, width, height } = await validateFileUpload(request.body, {
      allowedTypes: ['image/png', 'image/jpeg', 'image/webp'],
      maxBytes: 5 * 1024 * 1024,
      maxPixels: 12_000_000,
      declaredType: request.headers.get('content-type'),
      contentLength: Number(request.headers.get('content-length')),
      signal: request.signal,
    });
    return Response.json({ type, extension, size, width, height });
  } catch (error) {
    if (ModelError.isInstance(error)) return error.getResponse();
    throw error;
  }
}
// end of snippet

const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==',
  'base64',
);
const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) });

async function send(what, type, body) {
  const headers = { 'content-type': type };
  const answer = await receive(new Request('http://127.0.0.1/', { method: 'POST', headers, body, duplex: 'half' }));
  const { error, ...upload } = await answer.json();
  console.log(`${what}:`, answer.status, error ?? upload);
}

await send('a picture', 'image/png', pixel);
await send('one that is called something else', 'image/jpeg', pixel);
await send('a drawing with a script', 'image/svg+xml', '<svg><script>alert(1)</script></svg>');
await send('a picture with an archive behind it', 'image/png', Buffer.concat([pixel, Buffer.from('PK\u0003\u0004')]));
await send('a body without an end', 'image/png', endless);
