/** What the sender says a file is, beside what it is. Neither may be believed; both must agree with the content. */
import { InvalidInputError } from '../../errors/input-errors.js';
import { unsafe } from './file-bytes.js';
import { type DetectedType, typeOfExtension, typeOfMedia } from './formats.js';

/** `other`: something is claimed that is none of our types. */
type Claim = DetectedType | 'other';

/** What was claimed; absent where nothing was, or where it says nothing. */
export interface Claims {
  readonly type?: Claim;
  readonly byName?: Claim;
  /** The name's extension, safe to show. */
  readonly extension?: string;
}

/** They mean "some bytes" (RFC 2046 §4.5.1). */
const meaningless: ReadonlySet<string> = new Set(['', 'application/octet-stream', 'binary/octet-stream']);
/** NUL and line ends cut a name short elsewhere, and direction marks show it backwards ("gpj.exe"). */
const misleading = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;
const plainExtension = /^[a-z0-9]{1,10}$/;

/** @throws InvalidInputError 400 for a name that hides its extension. */
export function readClaims(declaredType: string | undefined, fileName: string | undefined): Claims {
  const type = mediaType(declaredType ?? '');
  const extension = extensionIn(fileName ?? '');
  return {
    ...(meaningless.has(type) ? {} : { type: typeOfMedia(type) ?? 'other' }),
    ...(extension === undefined ? {} : { byName: typeOfExtension(extension) ?? 'other' }),
    ...(extension !== undefined && plainExtension.test(extension) ? { extension } : {}),
  };
}

/** @throws InvalidInputError 415 where a claim and the content differ. */
export function assertAgreed({ type, byName, extension }: Claims, detected: DetectedType): void {
  const typeFits = agrees(type, detected);
  if (typeFits && agrees(byName, detected)) return;
  const what = typeFits ? 'the name of the file' : 'the declared type';
  throw new InvalidInputError(`The content of the file is ${detected}, and ${what} says otherwise`, {
    status: 415,
    details: {
      reason: 'type_mismatch',
      detected_type: detected,
      ...(type === undefined || type === 'other' ? {} : { declared_type: type }),
      ...(extension === undefined ? {} : { extension }),
    },
  });
}

/** JSON and CSV are texts, so that whoever says text is right. */
function agrees(claim: Claim | undefined, detected: DetectedType): boolean {
  if (claim === undefined || claim === detected) return true;
  return claim === 'text/plain' && (detected === 'application/json' || detected === 'text/csv');
}

function mediaType(declared: string): string {
  return (declared.split(';', 1)[0] ?? '').trim().toLowerCase();
}

/** What follows the last dot, as Windows sees it: dots and blanks at the end do not count. */
function extensionIn(fileName: string): string | undefined {
  if (misleading.test(fileName)) {
    throw unsafe('file_name', 'The name of the file has characters that hide its extension');
  }
  const name = fileName.slice(-255).replace(/[. ]{1,255}$/, '');
  const dot = name.lastIndexOf('.');
  return dot < 0 || /[\\/]/.test(name.slice(dot)) ? undefined : name.slice(dot + 1).toLowerCase();
}
