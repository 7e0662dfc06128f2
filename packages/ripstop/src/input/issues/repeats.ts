/** Does a sentence that somebody else wrote repeat what the caller sent? */

/** Of the field itself; anything shorter stands in honest sentences by chance. */
const shortestOwn = 4;
/** Of any other field. */
const shortestOther = 8;
/** A long text is looked for piece by piece, which finds whatever is repeated of it in twice this length. */
const pieceLength = 12;
const mostValues = 20_000;
const mostCharacters = 2_000_000;

/** Whether a sentence repeats the value that it is about, or how it begins. */
export function repeatsValue(sentence: string, value: unknown): boolean {
  const said = new Sentences([sentence]);
  const text = written(value);
  return [text, text.slice(0, shortestOther)].some((part) => said.repeating(part, shortestOwn).length > 0);
}

/**
 * Those of some sentences that repeat anything of an input. It is looked through once for all of them, up to a limit;
 * what lies beyond may be repeated, so then all of them count.
 */
export function repetitions(sentences: readonly string[], input: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  if (sentences.length === 0) return found;
  const said = new Sentences(sentences);
  let [values, characters] = [0, 0];
  const pending: unknown[] = [input];
  while (pending.length > 0) {
    const value = pending.pop();
    const text = written(value);
    values += 1;
    characters += text.length;
    if (values + pending.length > mostValues || characters > mostCharacters) return new Set(sentences);
    for (const sentence of said.repeating(text, shortestOther)) found.add(sentence);
    if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) pending.push(part);
  }
  return found;
}

/** Some sentences, ready to be compared with many values. Case makes no difference. */
class Sentences {
  private readonly sentences: readonly { readonly sentence: string; readonly text: string }[];
  private readonly byPiece = new Map<string, string[]>();

  constructor(sentences: readonly string[]) {
    this.sentences = [...new Set(sentences)].map((sentence) => ({ sentence, text: sentence.toLowerCase() }));
    for (const { sentence, text } of this.sentences) {
      for (let at = 0; at + pieceLength <= text.length; at += 1) {
        const piece = text.slice(at, at + pieceLength);
        const others = this.byPiece.get(piece);
        if (others === undefined) this.byPiece.set(piece, [sentence]);
        else others.push(sentence);
      }
    }
  }

  repeating(value: string, shortest: number): string[] {
    if (value.length < shortest) return [];
    const sent = value.toLowerCase();
    if (sent.length < 2 * pieceLength) {
      return this.sentences.filter(({ text }) => text.includes(sent)).map(({ sentence }) => sentence);
    }
    const found: string[] = [];
    for (let at = 0; at + pieceLength <= sent.length; at += pieceLength) {
      found.push(...(this.byPiece.get(sent.slice(at, at + pieceLength)) ?? []));
    }
    return found;
  }
}

/** A value as a sentence would repeat it. */
function written(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
}
