// Pictures: asked for within limits, smaller when memory runs out. docs/images.md is cut from here.
import { chutesImages, openaiImages, safeGenerateImage } from 'ripstop/models';
import { scriptedUpstream } from 'ripstop/testing';

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const outOfMemory = { kind: 'json', status: 500, body: { detail: 'CUDA out of memory. Tried to allocate 2.00 GiB' } };
const chute = await scriptedUpstream([
  { kind: 'sse', headers: { 'content-type': 'image/png' }, frames: [new Uint8Array(Buffer.from(png, 'base64'))] },
]);
const server = await scriptedUpstream([outOfMemory, { kind: 'json', body: { data: [{ b64_json: png }] } }]);
const chuteUrl = `http://127.0.0.1:${chute.port}`;
const apiKey = 'cpk_example';

// snippet: picture
const painter = chutesImages({ url: chuteUrl, key: apiKey });
const picture = await safeGenerateImage(painter, 'a lighthouse in the fog', { width: 768, height: 512, seed: 7 });
console.log(picture.width, picture.height, picture.steps, picture.image.slice(0, 12));
// end of snippet

// snippet: openai
const diffusion = openaiImages({ url: server.url, model: 'sdxl', parameters: 'diffusion' });
const smaller = await safeGenerateImage(diffusion, 'a lighthouse in the fog', { width: 1024, height: 768, steps: 30 });
console.log(smaller.width, smaller.height, smaller.steps, smaller.warning);
// end of snippet

// snippet: limits
const limits = { multipleOf: 8, maxSteps: 8, minGuidance: 0 };
const options = { width: 2048, height: 2048, steps: 4, guidanceScale: 0, limits };
await safeGenerateImage(painter, 'a lighthouse in the fog', options).catch((error) => {
  console.log(error.errorType, error.message, error.details);
});
// end of snippet

await Promise.all([chute.close(), server.close()]);
