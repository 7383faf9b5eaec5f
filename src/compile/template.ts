import type { Encoded, Unwritten } from './encoded.ts';

/** Lengths of names in one mesh are few; past this a message is encoded as if there were no templates. */
const templatesMax = 512;

interface Template {
  readonly bytes: Uint8Array;
  /** Where each text stands, by its index. */
  readonly places: readonly (readonly number[])[];
}

/**
 * The same function, faster: of texts of the same lengths the encoded messages differ only where the texts stand, so
 * that one is copied to where it goes and the texts are written over it. `encode` must put them in as they are.
 */
export function templated<Texts extends readonly string[]>(
  encode: (...texts: Texts) => Uint8Array,
): (...texts: Texts) => Encoded {
  const known = new Map<string, Template>();
  return (...texts) => {
    if (!texts.every(isPlain)) return encode(...texts);
    const key = texts.map((text) => text.length).join(' ');
    let template = known.get(key);
    if (template === undefined) {
      if (known.size >= templatesMax) return encode(...texts);
      template = makeTemplate(encode, texts);
      known.set(key, template);
    }
    return fill(template, texts);
  };
}

/** One byte a character, and at least one, so that equal lengths give equal layouts. */
function isPlain(text: string): boolean {
  return /^[ -~]+$/.test(text);
}

/** A text stands where the bytes change with it. */
function makeTemplate<Texts extends readonly string[]>(
  encode: (...texts: Texts) => Uint8Array,
  texts: Texts,
): Template {
  const drawn = (turned: number): Uint8Array =>
    encode(
      ...(texts.map((text, index) =>
        (index === turned ? 'b' : 'a').repeat(text.length),
      ) as unknown as Texts),
    );
  const bytes = drawn(-1);
  const places = texts.map((text, index) => {
    const other = drawn(index);
    const found: number[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      if (bytes[at] === other[at]) continue;
      found.push(at);
      at += text.length - 1;
    }
    return found;
  });
  return { bytes, places };
}

function fill({ bytes, places }: Template, texts: readonly string[]): Unwritten {
  return {
    length: bytes.length,
    writeTo: (target, start) => {
      target.set(bytes, start);
      for (const [index, text] of texts.entries())
        for (const at of places[index] ?? []) target.write(text, start + at, 'latin1');
    },
  };
}
